"""The clock that does not count stalls of the event loop."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import trio

from wsgi_gauntlet.harness.conformance.validity import (
    UNCOUNTED_STALL_SECONDS,
    WATCHDOG_INTERVAL_SECONDS,
    EventLoopWatchdog,
    StallClock,
)

HELD = 0.5


def passed(blocked: bool) -> float:
    """Return the seconds that a loop's clock counts while the loop stands still for HELD."""

    async def main() -> float:
        before = trio.current_time()
        time.sleep(HELD)  # noqa: ASYNC251 - it is to block
        await trio.lowlevel.checkpoint()
        return trio.current_time() - before

    async def within() -> float:
        async with EventLoopWatchdog().watching():
            return await main()

    return trio.run(within if blocked else main, clock=StallClock())


def test_what_stands_still_is_not_counted() -> None:
    assert passed(blocked=True) < HELD / 2


def test_outside_of_an_attempt_all_time_counts() -> None:
    assert passed(blocked=False) >= HELD


def test_a_deadline_waits_for_a_loop_that_stood_still() -> None:
    async def main() -> bool:
        async with EventLoopWatchdog().watching():
            with trio.move_on_after(HELD / 2) as scope:
                time.sleep(HELD)  # noqa: ASYNC251 - it is to block
                await trio.lowlevel.checkpoint()
        return scope.cancelled_caught

    assert not trio.run(main, clock=StallClock())


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def set_to(now: float) -> None:
        monkeypatch.setattr(time, "perf_counter", lambda: now)

    set_to(0.0)
    return set_to


def test_sleep_that_was_asked_for_counts_in_full(at: Callable[[float], None]) -> None:
    made = StallClock()
    with made.excluding_stalls():
        assert made.deadline_to_sleep_time(3.0) == 3.0
        at(3.0)
        assert made.current_time() == 3.0
        assert made.deadline_to_sleep_time(4.0) == 1.0
        at(3.5)
        assert made.current_time() == 3.5


def test_sleep_that_took_longer_counts_as_it_was_asked_for(at: Callable[[float], None]) -> None:
    made = StallClock()
    with made.excluding_stalls():
        made.deadline_to_sleep_time(1.0)
        at(60.0)
        assert made.current_time() == pytest.approx(1.0 + UNCOUNTED_STALL_SECONDS)


def test_a_loop_that_is_never_idle_still_gets_to_its_deadlines(at: Callable[[float], None]) -> None:
    made = StallClock()
    with made.excluding_stalls():
        for turn in range(1, 1001):
            at(turn * 5.0)
            now = made.current_time()
        assert now == pytest.approx(1000 * UNCOUNTED_STALL_SECONDS)


def test_a_watched_loop_wakes_up_often_and_its_watchdogs_learn_of_a_stall(at: Callable[[float], None]) -> None:
    made, watching, later = StallClock(), EventLoopWatchdog(), EventLoopWatchdog()
    with made.excluding_stalls(watching):
        assert made.deadline_to_sleep_time(60.0) == WATCHDOG_INTERVAL_SECONDS  # else a stop of 30 s would be sleep
        at(WATCHDOG_INTERVAL_SECONDS + 2.0)
        made.current_time()
        with made.excluding_stalls(later):
            at(WATCHDOG_INTERVAL_SECONDS + 3.0)
            made.current_time()
    assert made.deadline_to_sleep_time(60.0) > WATCHDOG_INTERVAL_SECONDS
    at(99.0)
    made.current_time()
    assert watching.longest_stall == pytest.approx(2.0)
    assert later.longest_stall == pytest.approx(1.0)


@pytest.mark.parametrize("clock", [None, StallClock()])
@pytest.mark.parametrize("yields", [True, False])
def test_a_watchdog_notices_that_the_loop_stood_still(clock: StallClock | None, yields: bool) -> None:
    watchdog = EventLoopWatchdog()

    async def main() -> None:
        async with watchdog.watching():
            await trio.lowlevel.checkpoint()
            time.sleep(HELD)  # noqa: ASYNC251 - it is to block
            if yields:
                await trio.sleep(0.01)

    trio.run(main, clock=clock)
    assert watchdog.longest_stall >= HELD / 2
