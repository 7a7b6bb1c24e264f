"""The figures that `compare` measures if the user names no scenario: one slot of one server, in a few seconds.

    fresh server    closed loops with 8 and with 64 connections    capacity (the better one), CPU per request
                    open loop at a rate that all servers can serve p50, p99
                                                                   peak memory until here
    fresh server    users, beside eight slow clients                users served, and their p99

The closed loops are the same for all servers. A number of connections that is chosen for each server would differ
between two equal servers, by chance.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Annotated

from wsgi_gauntlet.harness.load.analysis.units import format_rate
from wsgi_gauntlet.harness.load.arrivals import FixedCountArrivals
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.load.clients.behaviours import BadWifi
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import (
    SINGLE_PROCESS_MAX_RATE,
    OpenLoopExperiment,
    OpenLoopParameters,
    open_loop_experiment,
)
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import run_traffic
from wsgi_gauntlet.harness.load.generator.generator_health import MAX_LATENESS_SHARE
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.load.probes.memory import peak_memory
from wsgi_gauntlet.harness.load.probes.resource_usage import usage
from wsgi_gauntlet.harness.load.unexpected_response import UnexpectedResponse
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, Phase, ScenarioResult

CONNECTIONS = (8, 64)
"""Connections of the closed loops: few keep a few workers busy, many keep a server with many threads busy."""

RATE_SHARE = 0.4
"""The rate of the open loop, as a share of the capacity of the slowest server: no server is near its limit."""

MIN_OPEN_LOOP_REQUESTS = 200
"""Requests that an open loop should have: with fewer, p99 is the slowest or the second slowest response."""

MAX_LATENESS_SHARE_OF_P99 = 0.5
"""The lateness of the generator (p99) that is allowed as a share of the measured p99.

It is part of the response times of both servers, so it hides differences. What it hides
makes the margin of "no difference" smaller (comparison/judgement.py), and the control slots show its noise. Single
measurements allow less, because there nothing else is measured with the same generator."""

MAX_OPEN_LOOP_FACTOR = 3.0
"""The longest open loop at a low rate, as a factor on its usual length."""

SLOW_CLIENTS = 8
"""Slow clients, as in `classroom`."""

USERS_RATE = 20.0
"""Requests per second of the healthy users, as in `classroom`."""

CONNECTS_PER_SECOND = 80.0
"""Slow clients that connect per second: all of them within 0.1 s."""

SLOW_PAGE_BYTES = 200_000
"""Bytes of the page that the slow clients load, as in `classroom`."""

CLOSED_LOOP_METRICS = frozenset({"capacity", "cpu", "memory"})
OPEN_LOOP_METRICS = frozenset({"p50", "p99"})
SLOW_CLIENT_METRICS = frozenset({"served", "served_p99"})

METRICS = {
    "capacity": "best rate of the closed loops",
    "p50": "half of the responses of the open loop",
    "p99": "99 % of the responses of the open loop",
    "served": "share of the users served while eight clients are slow",
    "served_p99": "99 % of their responses",
    "cpu": "CPU time per request",
    "memory": "peak memory of all processes",
}
"""The ids of the figures, and their meanings."""


@dataclass(frozen=True, kw_only=True)
class SlotParameters(OpenLoopParameters):
    """Parameters of one slot. A part whose length is not set is left out; so is the open loop without a rate."""

    closed_loop: Annotated[float | None, Parameter("s", "length of each closed loop")] = None
    open_loop: Annotated[float | None, Parameter("s", "length of the open loop")] = None
    slow_clients: Annotated[float | None, Parameter("s", "time among the slow clients")] = None
    rate: Annotated[float | None, Parameter("requests/s", "rate of the open loop")] = None
    round: Annotated[int, Parameter("", "number of the round, the seed of its arrivals")] = 1


PARAMETERS = SlotParameters(clients=4096, estimate=0.25, size=2000, closed_loop=0.6, open_loop=2.0, slow_clients=3.0)
"""The parameters of a slot with all figures."""


def parameters_for(metrics: Collection[str], parameters: SlotParameters = PARAMETERS) -> SlotParameters:
    """Return `parameters` with the parts that measure `metrics`, all parts if it is empty."""
    wanted = set(metrics) or set(METRICS)
    return replace(
        parameters,
        closed_loop=parameters.closed_loop if wanted & CLOSED_LOOP_METRICS else None,
        open_loop=parameters.open_loop if wanted & OPEN_LOOP_METRICS else None,
        slow_clients=parameters.slow_clients if wanted & SLOW_CLIENT_METRICS else None,
    )


def screening_parameters(parameters: SlotParameters) -> SlotParameters:
    """Return the parameters of the slot that finds the rate of the open loop."""
    return replace(
        parameters, closed_loop=parameters.closed_loop or PARAMETERS.closed_loop, open_loop=None, slow_clients=None
    )


def common_rate(capacities: Collection[float]) -> float:
    """Return a rate that servers with these `capacities` can serve, in requests per second, with two digits."""
    rate = min(RATE_SHARE * min(capacities), SINGLE_PROCESS_MAX_RATE)
    return float(f"{rate:.2g}")


async def _measure(ctx: ScenarioContext[Parameters]) -> ScenarioResult:
    parameters = ctx.parameters
    assert isinstance(parameters, SlotParameters)
    metrics: list[Metric] = []
    phases: list[Phase] = []
    health = GeneratorHealth(valid=True)
    error = ""
    conditions: dict[str, object] = {"cores, shared with the generator": len(os.sched_getaffinity(0))}
    if parameters.closed_loop is not None or parameters.open_loop is not None:
        # The context has these parameters; the type of a context does not say so.
        async with open_loop_experiment(ctx) as experiment:  # type: ignore[arg-type]
            try:
                metrics, health = await _measure_alone(experiment, parameters)
            except UnexpectedResponse as wrong:
                error = str(wrong)
            phases += experiment.phases
            conditions |= experiment.conditions()
    if parameters.slow_clients is not None and not error:
        phase, slow_health = await _measure_among_slow_clients(ctx, parameters.slow_clients)
        phases.append(phase)
        metrics += (
            Metric("served", "users served", phase.goodput, "share"),
            Metric(
                "served_p99",
                "p99, slow clients",
                phase.p99,
                "s",
                censored=phase.censored,
                lateness=slow_health.lateness_p99,
            ),
        )
        health = slow_health if health.valid else health
    return ctx.result(
        Grade.ERROR if error else Grade.MEASURED if health.valid else Grade.INVALID,
        generator=health,
        phases=tuple(phases),
        metrics=tuple(metrics),
        conditions=conditions,
        note=error,
    )


async def _measure_alone(
    experiment: OpenLoopExperiment, parameters: SlotParameters
) -> tuple[list[Metric], GeneratorHealth]:
    metrics: list[Metric] = []
    if parameters.closed_loop is not None:
        metrics += await _measure_closed_loops(experiment, parameters.closed_loop)
    if parameters.open_loop is not None and parameters.rate is not None:
        metrics += await _measure_open_loop(experiment, parameters.open_loop, parameters.rate, parameters.round)
    if parameters.closed_loop is not None:
        peak = peak_memory(experiment.running.processes())
        metrics.append(Metric("memory", "peak memory", peak or None, "bytes"))
    p99 = next((each.value for each in metrics if each.id == "p99"), None)
    return metrics, experiment.health(shortest_time_that_decides(p99))


def shortest_time_that_decides(p99: float | None) -> float:
    """Return the `time_resolution` of GeneratorResult.health that allows MAX_LATENESS_SHARE_OF_P99, in seconds."""
    return MAX_LATENESS_SHARE_OF_P99 / MAX_LATENESS_SHARE * (p99 or 0.0)


async def _measure_closed_loops(experiment: OpenLoopExperiment, seconds: float) -> list[Metric]:
    results: list[GeneratorResult] = []
    cpu_rates: list[tuple[float, float]] = []
    for connections in CONNECTIONS:
        experiment.ctx.progress(None, f"closed loop, {connections} connections")
        found = await experiment.run_closed_loop(connections, seconds)
        before, after = experiment.usage_at_start, await usage(experiment.running.processes())
        results.append(found)
        if found.ok:
            cpu_rates.append(((after.cpu - before.cpu) / (after.at - before.at), found.rate))
    best = max(results, key=lambda each: each.rate)
    limit = best.health().why
    cpu = sum(used for used, _ in cpu_rates)
    return [
        Metric("capacity", "capacity", best.rate or None, "requests/s", censored=bool(limit), note=limit),
        Metric("cpu", "CPU per request", cpu / sum(rate for _, rate in cpu_rates) if cpu > 0 else None, "s"),
    ]


async def _measure_open_loop(experiment: OpenLoopExperiment, seconds: float, rate: float, seed: int) -> list[Metric]:
    experiment.ctx.progress(None, f"open loop, {format_rate(rate)}")
    seconds = min(max(seconds, MIN_OPEN_LOOP_REQUESTS / rate), MAX_OPEN_LOOP_FACTOR * seconds)
    arrivals = FixedCountArrivals(max(1, round(rate * seconds)), seconds, seed)
    found = await experiment.offer("open loop", arrivals, seconds, best=CONNECTIONS[0])
    return [
        _response_time("p50", found.quantile(0.5), found.lateness.quantile(0.5) if found.lateness else 0.0),
        _response_time("p99", found.quantile(0.99), found.health().lateness_p99),
    ]


def _response_time(name: str, found: tuple[float, bool] | None, lateness: float) -> Metric:
    value, censored = found or (None, False)
    return Metric(name, name, value, "s", censored=censored, lateness=lateness)


async def _measure_among_slow_clients(
    ctx: ScenarioContext[Parameters], seconds: float
) -> tuple[Phase, GeneratorHealth]:
    ctx.progress(None, f"{SLOW_CLIENTS} slow clients")
    async with run_traffic(
        ctx,
        lambda running: BadWifi(
            f"{running.reference_app_path}/page?n=phone&size={SLOW_PAGE_BYTES}", running.address.authority
        ),
        page_view=PageView(),
        rate=USERS_RATE,
        per_second=CONNECTS_PER_SECOND,
        progress=lambda _fraction, doing: ctx.progress(None, doing),
    ) as traffic:
        await traffic.slow_clients.scale_to(SLOW_CLIENTS)
        phase = await traffic.phase("slow clients", seconds)
        return phase, traffic.healthy_users.health(phase)


SCENARIO = Scenario(
    id="default",
    title="The default figures of a comparison",
    summary="Capacity, response times, users served among slow clients, CPU time and memory of one server.",
    run=_measure,
    smoke=PARAMETERS,
    full=PARAMETERS,
    phases_without_slow_clients=(),
)
"""The scenario of a slot. It is no scenario of the catalogue, because its figures mean nothing alone."""

HIGHER_IS_BETTER = {"capacity": True, "served": True}
"""The figures of which more is better. Of all others less is better."""
