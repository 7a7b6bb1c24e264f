"""How many connections a load is offered over, with a server made of numbers."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from wsgi_gauntlet.harness.load.arrivals import Uniform
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import IDLE_TIMEOUT, OpenLoopExperiment
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.stats.histogram import Histogram

CLIENTS = 4096


class Made(OpenLoopExperiment):
    """Of a server that answers `answers[connections]` a second, each in 10 ms, a page alone in 1 ms."""

    def __init__(self, answers: dict[int, int]) -> None:
        ctx: Any = SimpleNamespace(finished_phases=[], elapsed=1.0, parameters=SimpleNamespace(clients=CLIENTS))
        nothing: Any = None
        super().__init__(ctx, nothing, nothing, CLIENTS)
        self._unloaded_latency = 0.001
        self.answers = answers
        self.tried: list[tuple[int, bool]] = []

    async def _wait_until_idle(self, *, restart: bool = True, promptly: bool = False) -> Any:  # noqa: ARG002 - it is idle
        return None

    async def _run_open_loop(
        self,
        page: Any,  # noqa: ARG002 - numbers need no page
        load: Any,
        connections: int,
    ) -> GeneratorResult:
        self.tried.append((connections, load.warm_up > 0))
        answered = self.answers[connections]
        latency = Histogram()
        latency.record(10_000_000, answered)
        return GeneratorResult(
            connections=connections,
            seconds=load.seconds,
            cpu_seconds=0.1,
            latency=latency,
            service=latency,
            waiting=Histogram(),
            offered=load.max_rate,
            achieved=load.max_rate,
            queued_requests=answered // 2,
            saturated_seconds=answered * 0.01,
            saturated_responses=answered,
        )


async def test_without_a_best_it_begins_with_all_that_may_be_needed_and_counts_at_once() -> None:
    made = Made({1000: 9000, 4000: 9500, CLIENTS: 9600})
    await made.offer("load", Uniform(8000), 1)
    assert made.tried[0] == (1000, False)


async def test_more_connections_that_get_less_are_not_tried_again_and_bind_nothing() -> None:
    made = Made({64: 9000, 256: 5000})
    found = await made.offer("first", Uniform(8000), 1, best=32)
    assert made.tried == [(64, True), (256, True)]
    assert (found.connections, found.ok) == (64, 9000)
    assert made.connection_limit_reason(found) == ""
    await made.offer("second", Uniform(8000), 1, best=32)
    assert made.tried == [(64, True), (256, True), (64, True)]
    assert [each.ok for each in made.results] == [9000, 9000]


@pytest.mark.parametrize("answered", [6000, 20_000])
async def test_more_connections_are_tried_while_they_get_more(answered: int) -> None:
    made = Made({64: 5000, 256: 5500, 1024: answered, CLIENTS: answered})
    found = await made.offer("load", Uniform(8000), 1, best=32)
    assert [connections for connections, _ in made.tried] == [64, 256, 1024, CLIENTS]
    assert (found.connections, found.ok) == (1024, answered)


async def test_all_connections_that_there_may_be_are_the_limit_where_they_got_most() -> None:
    made = Made({64: 5000, 256: 5500, 1024: 6000, CLIENTS: 6500})
    found = await made.offer("load", Uniform(8000), 1, best=32)
    assert found.connections == CLIENTS
    assert "all 4,096 connections of the generator were busy" in made.connection_limit_reason(found)


class Busy(OpenLoopExperiment):
    """Of a server that takes `seconds` for each page until it is restarted, and 1 ms then. A fresh one takes 1 ms."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.checked = 0
        self.learned_after_restarts: list[int] = []
        running = SimpleNamespace(alive=True, restart=self.restart_server)
        ctx = SimpleNamespace(workload=self.learn_again)
        nothing: Any = None
        super().__init__(ctx, running, nothing, CLIENTS)  # type: ignore[arg-type]
        self._unloaded_latency = 0.001

    async def restart_server(self) -> None:
        self.seconds = 0.001

    async def learn_again(self, _running: object) -> Any:
        self.learned_after_restarts.append(self.checked)

    async def _check_page(self) -> Any:
        self.checked += 1
        await trio.sleep(self.seconds)
        return "page"


@pytest.fixture
def virtual_time(monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock) -> MockClock:
    monkeypatch.setattr(time, "monotonic", autojump_clock.current_time)
    return autojump_clock


async def test_a_server_that_answers_promptly_goes_on(virtual_time: MockClock) -> None:
    experiment = Busy(0.002)
    await experiment.settle()
    assert (experiment.checked, experiment.restarts) == (1, 0)
    assert virtual_time.current_time() < 0.1


async def test_a_server_that_never_settles_is_restarted_and_its_responses_are_learned_again(
    virtual_time: MockClock,
) -> None:
    experiment = Busy(0.5)
    await experiment.settle()
    assert experiment.restarts == 1
    assert experiment.learned_after_restarts == [experiment.checked - 1]
    assert IDLE_TIMEOUT <= virtual_time.current_time() < IDLE_TIMEOUT + 1


async def test_a_load_goes_on_with_a_server_that_stays_slow(virtual_time: MockClock) -> None:
    experiment = Busy(0.5)
    page: object = await experiment._wait_until_idle()
    assert page == "page"
    assert experiment.restarts == 0
    assert virtual_time.current_time() >= IDLE_TIMEOUT
