"""The healthy users against servers inside the test: every outcome, and latency from the intended time."""

import errno
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from wsgi_gauntlet.harness.address import Address
from wsgi_gauntlet.harness.errors import OutOfResources, Unsupported
from wsgi_gauntlet.harness.load.cohort import WARM_UP, Cohort, Visit, affordable, warm_up
from wsgi_gauntlet.harness.load.pacing import Uniform
from wsgi_gauntlet.harness.model import Outcome
from wsgi_gauntlet.harness.stats import summarize

Serving = Callable[..., Any]


def outcomes(cohort: Cohort) -> dict[Outcome, int]:
    return dict(Counter(each.outcome for each in cohort.samples))


async def test_every_request_is_answered_and_half_of_them_on_kept_connections(serving: Serving) -> None:
    async with serving() as (address, toy):
        cohort = Cohort(address, Visit())
        await cohort.run(Uniform(400), 0.25)
    assert outcomes(cohort) == {Outcome.OK: 99}
    fresh = sum(b"Connection: close" in head for head in toy.heads)
    assert 30 <= fresh <= 70
    assert cohort.to_keep == 99 - fresh
    assert cohort.kept == 99 - toy.connections
    # Requests overlap at most a little, so a few kept connections serve them all.
    assert fresh < toy.connections < fresh + 30


async def test_a_server_that_always_closes_gets_fresh_connections(serving: Serving) -> None:
    async with serving(keep=False) as (address, toy):
        cohort = Cohort(address, Visit())
        await cohort.run(Uniform(400), 0.1)
    assert outcomes(cohort) == {Outcome.OK: 39}
    assert toy.connections == 39
    assert cohort.kept == 0 < cohort.to_keep


async def test_a_kept_connection_that_was_closed_meanwhile_costs_nothing(serving: Serving) -> None:
    async def before(number: int) -> None:
        if number == 6:
            raise trio.BrokenResourceError

    async with serving(before=before) as (address, _):
        cohort = Cohort(address, Visit(), seed=4)
        await cohort.run(Uniform(400), 0.1)
    # Only a request on a connection of its own cannot be asked again.
    assert outcomes(cohort).get(Outcome.OK, 0) >= 38


async def test_latency_counts_from_the_intended_time_while_a_server_stalls(serving: Serving) -> None:
    turn = trio.Lock()

    async def before(number: int) -> None:
        async with turn:
            if number == 1:
                await trio.sleep(0.5)

    async with serving(before=before) as (address, _):
        cohort = Cohort(address, Visit())
        await cohort.run(Uniform(100), 0.4)
    assert outcomes(cohort) == {Outcome.OK: 39}
    # The first request met a stall of 0.5 s. The 38 others were due while it lasted: each has waited for the rest of
    # it. A generator that waits for the first answer before it sends the next would have seen a single slow one.
    for each in cohort.samples:
        assert each.latency >= 0.5 - (each.intended - 0.01) - 0.05
    assert sum(each.latency > 0.1 for each in cohort.samples) >= 38


async def test_a_late_send_is_part_of_the_latency_and_not_of_the_service_time(serving: Serving) -> None:
    async with serving() as (address, _):
        cohort = Cohort(address, Visit())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cohort.run, Uniform(100), 0.1)
            await trio.sleep(0.005)
            blocked_until = trio.current_time() + 0.2
            while trio.current_time() < blocked_until:  # the generator itself is kept from working, for a known time
                pass
    first = min(cohort.samples, key=lambda each: each.intended)
    assert first.latency - first.service >= 0.19
    verdict = cohort.health(summarize(cohort.samples, "all", 0, 1))
    assert verdict.lateness_p99 >= 0.18
    # What was due outside of the phases that figures rest on says nothing of them.
    assert cohort.health(summarize(cohort.samples, "later", 1, 2)).valid


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (lambda _n, answer: answer.replace(b" 200 ", b" 503 "), Outcome.ERROR),
        (lambda _n, answer: answer.replace(b"\r\n\r\n", b"\r\n\r\nX", 1)[:-1], Outcome.WRONG),
        (lambda _n, answer: answer.replace(b"Length: 2000", b"Length: 1999")[:-1], Outcome.WRONG),
        (lambda _n, answer: answer.replace(b"Length: 2000", b"Length: 2001"), Outcome.TIMEOUT),
        (lambda _n, _answer: b"", Outcome.TIMEOUT),
    ],
)
async def test_an_answer_that_is_not_the_page_is_no_goodput(
    serving: Serving, turn: Callable[[int, bytes], bytes], expected: Outcome
) -> None:
    async with serving(turn=turn) as (address, _):
        cohort = Cohort(address, Visit(), timeout=0.05 if expected is Outcome.TIMEOUT else 30.0)
        cohort._coin.random = lambda: 0.0  # type: ignore[method-assign]  # all of them over kept connections
        await cohort.run(Uniform(200), 0.02)
    assert set(outcomes(cohort)) == {expected}


async def test_a_time_out_is_a_lower_bound(serving: Serving) -> None:
    async def before(_number: int) -> None:
        await trio.sleep(30)

    async with serving(before=before) as (address, _):
        cohort = Cohort(address, Visit(assets=2), timeout=0.05)
        await cohort.run(Uniform(100), 0.015)
    page = next(each for each in cohort.samples if each.outcome is Outcome.TIMEOUT)
    assert page.latency >= page.service >= 0.05
    # The page's assets were scheduled with it: they stay in goodput's denominator.
    assert outcomes(cohort) == {Outcome.TIMEOUT: 1, Outcome.NEVER_SENT: 2}


async def test_assets_follow_their_page(serving: Serving) -> None:
    async with serving() as (address, toy):
        cohort = Cohort(address, Visit(size=5000, assets=4, asset_size=10))
        await cohort.run(Uniform(100), 0.025)
    assert outcomes(cohort) == {Outcome.OK: 10}
    assert sum(b"size=5000" in head for head in toy.heads) == 2
    assert Visit(assets=4).requests == 5


async def test_refused_connections_are_errors() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    cohort = Cohort(Address(port=port), Visit())
    await cohort.run(Uniform(100), 0.03)
    assert set(outcomes(cohort)) == {Outcome.ERROR}


async def test_stop_ends_arrivals_and_cut_ends_what_is_on_its_way(serving: Serving) -> None:
    arrived = trio.Event()

    async def before(number: int) -> None:
        if number == 3:
            arrived.set()
        await trio.sleep_forever()

    async with serving(before=before) as (address, _), trio.open_nursery() as nursery:
        cohort = Cohort(address, Visit())
        nursery.start_soon(cohort.run, Uniform(100), 60)
        await arrived.wait()
        cohort.stop()
        await trio.testing.wait_all_tasks_blocked()
        flying = cohort.seen()
        assert cohort.flying == len(flying) >= 3
        assert {each.outcome for each in flying} == {Outcome.UNFINISHED}
        assert cohort.seen(flying[-1].intended + 1000) == []
        cohort.cut()
    assert outcomes(cohort) == {Outcome.UNFINISHED: len(flying)}


async def test_warming_up_tells_how_long_an_answer_takes(serving: Serving) -> None:
    async def before(_number: int) -> None:
        await trio.sleep(0.01)

    async with serving(before=before) as (address, toy):
        assert await warm_up(address) >= 0.01
    assert toy.connections == WARM_UP


def test_users_ask_for_a_tenth_of_the_capacity_at_most() -> None:
    assert affordable(20, 0.001) == 20
    assert affordable(20, 0.1) == pytest.approx(1.0)
    assert affordable(20, 0.0) == 20


async def test_tls_is_not_measured() -> None:
    with pytest.raises(Unsupported, match="TLS"):
        await warm_up(Address(port=1, tls=True))


async def test_no_server_is_blamed_for_what_this_machine_has_run_out_of(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving() as (address, _):
        cohort = Cohort(address, Visit())

        def none_left(*_arguments: object) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr("trio.socket.socket", none_left)
        with pytest.RaisesGroup(pytest.RaisesExc(OutOfResources, match="--clients")):
            await cohort.run(Uniform(100), 0.015)


async def test_who_stops_holds_nobody_up(serving: Serving) -> None:
    async with serving() as (address, _), trio.open_nursery() as nursery:
        cohort = Cohort(address, Visit())
        nursery.start_soon(cohort.run, Uniform(500), 60)
        with trio.fail_after(30):
            while not cohort.about_to_send():
                await trio.lowlevel.checkpoint()
        cohort.stop()
        assert not cohort.about_to_send()
    assert not cohort.about_to_send()
