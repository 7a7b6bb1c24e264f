"""Another server takes a target's place in the middle of a scenario: it is spared, whatever it answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import TargetRefused
from wsgi_gauntlet.harness.events import Event, Progress
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_closed_loop
from wsgi_gauntlet.harness.load.workload import ReferencePage, verify_request
from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.harness.server.ports import leased_port
from wsgi_gauntlet.harness.server.remote import guard as guard_module
from wsgi_gauntlet.harness.server.remote import proof
from wsgi_gauntlet.harness.server.remote.guard import Guard, guarded
from wsgi_gauntlet.harness.server.remote.target import Target

from ..helpers import impostor_servers
from ..helpers.impostor_servers import ImpostorServer
from ..helpers.runs import run_scenarios
from .test_remote_server import TOKEN, folder, measured, plan_of, somewhere, started

__all__ = ["folder"]

pytestmark = pytest.mark.live

MOST = 50
"""Requests, and connections, that may reach a stranger."""

CONNECTIONS = 8
"""Connections of the generators that have processes of their own."""

LOADS = {
    "throughput": {"clients": 4, "duration": 7.0},
    "steady": {"duration": 7.0},
    "slow-headers/byte": {"clients": 64, "duration": 7.0},
    "churn": {"duration": 7.0},
}


class Swap:
    """Call `swap` when a fifth of a scenario is over."""

    def __init__(self, swap: Callable[[], None]) -> None:
        self._swap = swap
        self._begun = False

    def handle(self, event: Event) -> None:
        if isinstance(event, Progress) and (event.fraction or 0) >= 0.2 and not self._begun:
            self._begun = True
            # Not in this thread, which goes on loading.
            threading.Thread(target=self._swap, daemon=True).start()


def replaced(
    folder: Path, target: Target, scenario: str, parameters: dict[str, float], stranger: ImpostorServer
) -> tuple[list[ScenarioResult], list[str], float]:
    """Return the cells, who was given up and why, and the seconds from the swap to the end."""
    with ExitStack() as stack:
        server = stack.enter_context(started(folder, target, TOKEN, "--threads=4"))
        plan = plan_of(target)

        def swap() -> None:
            time.sleep(0.5)
            server.kill()
            server.wait()
            where = Path(target.path) if target.path else (target.host, target.port)
            stack.enter_context(impostor_servers.listening(stranger, where))

        found = registry.scenario(scenario)
        chosen = replace(found, smoke=found.parameters(parameters))
        result = trio.run(run_scenarios, folder, [(plan, chosen)], None, Swap(swap).handle)
        return result.scenarios, result.failed, time.monotonic() - stranger.began


def spared(cells: list[ScenarioResult], reported: list[str], seconds: float, stranger: ImpostorServer) -> None:
    (cell,) = cells
    assert cell.grade is Grade.ERROR
    assert "no longer proves itself" in cell.note
    assert reported == [cell.note]
    assert stranger.began
    assert stranger.connections <= MOST, stranger
    assert stranger.heads <= MOST, stranger
    # The loads last for seven seconds, and the stranger comes after a fifth of them.
    assert stranger.last - stranger.began < 4
    assert seconds < 6


@pytest.mark.parametrize("scenario", LOADS)
def test_whoever_takes_a_targets_place_is_spared(folder: Path, scenario: str) -> None:
    stranger = ImpostorServer(impostor_servers.copying)
    with leased_port() as port:
        found = replaced(folder, Target("127.0.0.1", port), scenario, LOADS[scenario], stranger)
    spared(*found, stranger)
    if scenario == "throughput":
        assert [each.name for each in found[0][0].phases] == ["1 connection"]


@pytest.mark.parametrize(
    "manner", [impostor_servers.silent, impostor_servers.friendly, impostor_servers.of_another_token]
)
def test_whatever_it_answers(folder: Path, manner: impostor_servers.ResponseFunction) -> None:
    stranger = ImpostorServer(manner)
    with leased_port() as port:
        found = replaced(folder, Target("127.0.0.1", port), "slow-headers/byte", LOADS["slow-headers/byte"], stranger)
    spared(*found, stranger)
    # What was measured before it was lost was measured of the right one.
    assert found[0][0].phases[0].name == "baseline"
    assert found[0][0].phases[0].goodput > 0.5


@pytest.mark.parametrize("scenario", ["throughput", "slow-headers/byte"])
def test_on_a_unix_socket(folder: Path, scenario: str) -> None:
    stranger = ImpostorServer(impostor_servers.copying)
    found = replaced(folder, Target(path=str(folder / "s.sock")), scenario, LOADS[scenario], stranger)
    spared(*found, stranger)


@pytest.mark.parametrize("scenario", ["throughput", "slow-headers/byte", "churn"])
def test_where_nobody_sees_who_listens(folder: Path, scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "listeners", lambda _address: frozenset())
    stranger = ImpostorServer(impostor_servers.copying)
    with leased_port() as port:
        found = replaced(folder, Target("127.0.0.1", port), scenario, LOADS[scenario], stranger)
    spared(*found, stranger)


def test_generators_in_their_own_processes_stop_too(folder: Path) -> None:
    stranger = ImpostorServer(impostor_servers.copying)
    with leased_port() as port, ExitStack() as stack:
        target = Target("127.0.0.1", port)
        server = stack.enter_context(started(folder, target))

        async def load() -> None:
            address = await proof.resolve_and_verify(target, TOKEN)
            page = await verify_request(address, ReferencePage(), "abc", 100)
            async with guarded(Guard(address, target.mount, TOKEN)) as watching, trio.open_nursery() as nursery:

                async def swap() -> None:
                    while len(psutil.Process(server.pid).net_connections()) <= CONNECTIONS:  # noqa: ASYNC110 - no event tells
                        await trio.sleep(0.02)
                    server.kill()
                    server.wait()
                    stack.enter_context(impostor_servers.listening(stranger, (target.host, target.port)))

                nursery.start_soon(swap)
                await parallel_closed_loop(watching, page, LoopOptions(CONNECTIONS), 20, processes=2)

        with pytest.raises(TargetRefused, match="no longer proves itself"):
            trio.run(load)
        assert stranger.connections <= MOST
        assert stranger.heads <= MOST
        assert stranger.last - stranger.began < 1


def test_a_target_that_is_only_busy_is_loaded_on(folder: Path) -> None:
    with somewhere(folder, TOKEN) as target:
        cell = measured(target, folder, "slow-body/length", clients=64, duration=2.0)
    assert cell.grade is not Grade.ERROR
    assert cell.slow_clients[-1]
    assert max(held for _, held in cell.slow_clients) == 64
