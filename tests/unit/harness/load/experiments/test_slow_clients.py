"""The whole experiment against a server inside the test, and its errors."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import ConfigurationError, OutOfResources, ServerDidNotStart
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.analysis import grading
from wsgi_gauntlet.harness.load.analysis.collapse_search import CollapseBounds
from wsgi_gauntlet.harness.load.clients.healthy_users import warm_up
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments import slow_clients
from wsgi_gauntlet.harness.load.experiments import traffic_timeline as traffic_timeline_module
from wsgi_gauntlet.harness.load.experiments.slow_clients import (
    SlowClientResult,
    describe_recovery,
    describe_slow_clients,
)
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import collapse_is_certain, describe_progress
from wsgi_gauntlet.harness.load.generator import generator_health
from wsgi_gauntlet.harness.model import Grade, Outcome, Sample
from wsgi_gauntlet.harness.server import instance, planning
from wsgi_gauntlet.harness.server.adapter import Settings
from wsgi_gauntlet.suites.load.slow_clients.slow_headers import SlowHeaderParameters

from .....helpers.sample_slow_client_results import DOWN, FINE
from .....helpers.scenario_runs import attempts

SMALL = SlowHeaderParameters(
    clients=6,
    duration=0.5,
    rate=60,
    baseline=0.5,
    recovery=1,
    per_second=500,
    probe=0.4,
    budget=60,
    disconnect_wait=1,
    interval=1,
)

MAX_ROUNDS = 10
"""How often a round is run again, in which a busy machine left the users waiting before a slow client had come."""


class Slots:
    """A server in which `slots` connections can be served at a time; the others wait. Restarts are counted."""

    def __init__(self, slots: int, stuck: bool = False) -> None:
        self.slots = trio.Semaphore(slots)
        self.size = slots
        self.stuck = stuck
        self.restarts = 0
        self.address = Address()
        self.settings = Settings()
        self.reference_app_path = ""
        self.name = "slots"
        self.alive = True
        self.ended = ""
        self.conditions = {"slots": slots}
        self.answered = 0

    def processes(self) -> list[int]:
        return []

    def log_since(self, _mark: int) -> str:
        return ""

    async def restart(self) -> None:
        self.restarts += 1
        self.slots = trio.Semaphore(self.size)
        self.blocked = False

    blocked = False

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            try:
                async with self.slots:
                    await self._answer(stream)
            except trio.BrokenResourceError:
                return

    async def _answer(self, stream: trio.SocketStream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = await stream.receive_some(4096)
            if not piece:
                if self.stuck and self.slots.value == 0:
                    self.blocked = True
                return
            head += piece
        if self.blocked:
            await trio.sleep_forever()
        self.answered += 1
        nonce, size = head.split(b"n=")[1].split(b" ")[0].split(b"&size=")
        body = (nonce + b"\n").ljust(int(size), b".")
        await stream.send_all(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


@asynccontextmanager
async def no_second_server(*_arguments: object) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    async def unknown() -> None:
        return None

    yield unknown


async def no_warm_up(*_arguments: object) -> float:
    return 0.001


async def run(
    server: Slots, monkeypatch: pytest.MonkeyPatch, warmed: Callable[..., Any] = no_warm_up, **parameters: Any
) -> Any:
    @asynccontextmanager
    async def running(_plan: object, **_where: object) -> AsyncIterator[Slots]:
        try:
            async with trio.open_nursery() as nursery:
                listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
                server.address = Address(port=listeners[0].socket.getsockname()[1])
                nursery.start_soon(trio.serve_listeners, server.serve, listeners)
                yield server
                nursery.cancel_scope.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    monkeypatch.setattr(instance, "running", running)
    # A busy machine must not look like a server with little capacity, whose users come rarely.
    monkeypatch.setattr(traffic_timeline_module, "warm_up", warmed)
    monkeypatch.setattr(slow_clients, "watch_disconnect", no_second_server)
    # What decides here is collapse, and a test must not wait three seconds for what the pure tests show.
    monkeypatch.setattr(grading, "STEADY_SECONDS", 0.5)
    monkeypatch.setattr(traffic_timeline_module, "STEADY_SECONDS", 0.5)
    monkeypatch.setattr(generator_health, "MAX_LATENESS_SECONDS", 30.0)
    scenario = registry.scenario("slow-headers/byte")
    ctx = ScenarioContext(
        planning.plan("wsgiref"),
        scenario,
        SMALL.with_overrides(parameters, scenario.id),
        scratch=Path(),
        logs=Path(),
    )
    for _ in range(MAX_ROUNDS):
        cell = await scenario.run(ctx)
        if cell.grade is not Grade.INCONCLUSIVE or "even without slow clients" not in cell.note:
            return cell
        await server.restart()
        server.restarts = 0
    return cell


@pytest.mark.slow
async def test_n_is_found_and_users_recover(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in attempts():
        cell = await run(Slots(3), monkeypatch)
        if cell.collapse == 3 and cell.recovery is not None:
            break  # on a busy machine one slow client can be enough
    assert cell.collapse == 3
    assert cell.grade is Grade.COLLAPSED
    assert cell.recovery is not None
    assert [step.clients for step in cell.steps if step.collapsed] == [3, 4, 6]
    assert cell.conditions["slots"] == 3
    assert cell.phases[1].outcomes[Outcome.UNFINISHED] > 0
    assert "3 slow clients make this server collapse" in cell.note


async def test_a_server_that_stands_it_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in attempts():
        cell = await run(Slots(100), monkeypatch)
        if cell.collapse is None:
            break  # on a busy machine it can look as if it did not stand it
    assert cell.collapse is None
    assert [step.clients for step in cell.steps] == [6]
    assert cell.goodput == 1.0


@pytest.mark.slow
async def test_a_server_that_does_not_come_back_is_restarted_for_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in attempts():
        server = Slots(2, stuck=True)
        cell = await run(server, monkeypatch, clients=3)
        if cell.collapse == 2:
            break  # on a busy machine one slow client can be enough
    assert server.restarts >= 1
    assert cell.collapse == 2
    assert cell.recovery is None
    assert "did not serve well again within 1 s" in cell.note


async def test_a_search_without_time_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = await run(Slots(1), monkeypatch, budget=1e-9)
    assert cell.collapse == 6
    assert "no time" in cell.note


async def test_a_late_generator_gets_one_more_round(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = 0

    async def late(*_arguments: object, **_more: object) -> Any:
        nonlocal rounds
        rounds += 1
        return type("Cell", (), {"grade": Grade.INVALID, "note": ""})

    monkeypatch.setattr(slow_clients, "_round", late)
    assert (await run(Slots(1), monkeypatch)).grade is Grade.INVALID
    assert rounds == 2


async def test_a_server_without_a_page_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.load.clients.healthy_users.REQUEST_TIMEOUT_SECONDS", 0.2)
    server = Slots(1)
    server.blocked = True
    with pytest.raises(ServerDidNotStart, match="responded at first"):
        await run(server, monkeypatch, warm_up)


async def test_errors_on_the_way_keep_their_type(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_arguments: object, **_more: object) -> None:
        raise ConfigurationError("on the way")

    monkeypatch.setattr(slow_clients, "find_collapse_threshold", broken)
    with pytest.raises(ConfigurationError, match="on the way"):
        await run(Slots(1), monkeypatch)


async def test_users_without_descriptors_end_the_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    async def exhausted(*_arguments: object) -> None:
        raise OutOfResources("no more open files")

    monkeypatch.setattr("wsgi_gauntlet.harness.http.http_connection.HttpConnection.open", exhausted)
    with pytest.raises(OutOfResources, match="no more open files"):
        await run(Slots(1), monkeypatch)


async def test_a_classroom_needs_somebody_on_good_wifi() -> None:
    scenario = registry.scenario("classroom")
    parameters = scenario.parameters({"people": 8, "clients": 8})
    ctx = ScenarioContext(planning.plan("wsgiref"), scenario, parameters, scratch=Path(), logs=Path())
    with pytest.raises(ConfigurationError, match="at most 7 can be slow"):
        await scenario.run(ctx)


def test_a_collapse_is_certain_once_more_than_a_hundredth_is_late() -> None:
    late = [Sample(0, 1.5, 1.5, Outcome.UNFINISHED)]
    assert collapse_is_certain(late, 20)
    assert not collapse_is_certain(late, 100)
    assert collapse_is_certain(late * 2, 100)
    assert not collapse_is_certain([Sample(0, 0.5, 0.5, Outcome.OK)] * 50, 20)


def test_the_live_line_has_goodput_and_p99() -> None:
    ok = [Sample(0, 0.012, 0.012, Outcome.OK)] * 97
    assert describe_progress(ok) == "100 % answered, p99 12 ms"
    assert describe_progress([*ok, *[Sample(0, 5, 5, Outcome.TIMEOUT)] * 3]) == "97 % answered, p99 ≥ 5.0 s"
    assert describe_progress([Sample(0, 1, 1, Outcome.ERROR)]) == "0 % answered"
    assert describe_progress([]) == "no request yet"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (FINE, "With 8 slow clients the other users got this: 100 % of 100 requests answered, p99 5.0 ms."),
        (
            DOWN,
            ("One slow client makes this server collapse. It served well again as soon as the slow clients had left."),
        ),
        (
            dataclasses.replace(DOWN, collapse=CollapseBounds(97, 98), recovered=1.26),
            ("98 slow clients make this server collapse. It served well again 1.3 s after the slow clients had left."),
        ),
        (
            dataclasses.replace(DOWN, collapse=CollapseBounds(96, 128), recovered=None),
            (
                "128 slow clients make this server collapse. 96 do not; there was no time to find the exact number. "
                "After the slow clients had left, it did not serve well again within 4 s."
            ),
        ),
        (
            dataclasses.replace(DOWN, collapse=CollapseBounds(0, 8)),
            (
                "8 slow clients make this server collapse. Fewer may do so; there was no time to find the exact "
                "number. It served well again as soon as the slow clients had left."
            ),
        ),
        (dataclasses.replace(DOWN, grade=Grade.INVALID), "why"),
    ],
)
def test_slow_clients(result: SlowClientResult, expected: str) -> None:
    assert describe_slow_clients(result) == expected


def test_who_was_always_served_did_not_recover() -> None:
    assert describe_recovery(FINE) == ""
