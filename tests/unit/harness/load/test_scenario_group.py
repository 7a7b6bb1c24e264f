"""Scenarios at the same time: each stage begins when all have finished the one before."""

from __future__ import annotations

import trio
import trio.testing

from wsgi_gauntlet.harness.load.scenario_group import STAGGER_SECONDS, ScenarioGroup


async def test_servers_are_warmed_up_in_turn_and_users_begin_together(autojump_clock: trio.testing.MockClock) -> None:
    assert autojump_clock
    group = ScenarioGroup(2)
    happened: list[tuple[float, str]] = []

    async def run(name: str, start: float) -> None:
        await trio.sleep(start)
        async with group.warm_up():
            happened.append((trio.current_time(), f"warm up {name}"))
            await trio.sleep(1)
        happened.append((trio.current_time(), f"users of {name}"))
        await group.wait()
        group.leave()

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, "a", 5)
        nursery.start_soon(run, "b", 1)
    times = sorted(round(at - began, 3) for at, _ in happened)
    assert times == [5, 6, 7, 7 + STAGGER_SECONDS]
    assert sorted(what for _, what in happened[:2]) == ["warm up a", "warm up b"]


async def test_nobody_waits_for_a_scenario_that_has_ended() -> None:
    group = ScenarioGroup(3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(group.wait)
        nursery.start_soon(group.wait)
        await trio.testing.wait_all_tasks_blocked()
        group.leave()


async def test_a_scenario_by_itself_does_not_wait() -> None:
    group = ScenarioGroup()
    assert group.alone
    async with group.warm_up():
        pass
    await group.wait()
