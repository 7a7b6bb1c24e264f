"""More and more users, until the server is overloaded: where is its knee, and does it keep serving after it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from wsgi_gauntlet.harness.load.analysis.grading import NOTICEABLE_SECONDS, describe_phase
from wsgi_gauntlet.harness.load.analysis.pool_sizing import p99_limit
from wsgi_gauntlet.harness.load.analysis.units import format_rate, format_seconds
from wsgi_gauntlet.harness.load.analysis.windows import count_timely, phase_from_windows
from wsgi_gauntlet.harness.load.arrivals import Ramp
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.context import ScenarioContext, retry_if_generator_late
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import (
    OpenLoopParameters,
    grade_measurement,
    open_loop_experiment,
)
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.load.unexpected_response import UnexpectedResponse
from wsgi_gauntlet.harness.model import Metric, Phase, ScenarioResult, Window
from wsgi_gauntlet.suites.load.throughput.knee import knee, overloaded_windows

RAMP_END_SHARE = 1.5
"""The rate at the end of the ramp, as a share of the capacity (SCENARIOS.md)."""

WINDOW_COUNT = 20
"""Windows of a ramp: each is 7.5 % of the capacity above the one before."""

BEFORE_KNEE = "up to the knee"
"""The phase in which the server keeps up."""


@dataclass(frozen=True, kw_only=True)
class RampParameters(OpenLoopParameters):
    """Parameters of `ramp`."""

    duration: Annotated[float, Parameter("s", "length of the ramp")]
    rate: Annotated[
        float | None, Parameter("requests/s", "rate at the end of the ramp; by default 1.5 times the capacity")
    ] = None


@scenario(
    "Open model: from nothing to 1.5 times capacity",
    smoke=RampParameters(clients=4096, duration=3.5, estimate=0.25, size=2000),
    full=RampParameters(clients=16384, duration=60, estimate=3, size=2000),
    phases_without_slow_clients=frozenset({BEFORE_KNEE}),
)
async def ramp(ctx: ScenarioContext[RampParameters]) -> ScenarioResult:
    """The rate of evenly spaced requests rises from 0 to 1.5 times the capacity within `duration` seconds.

    Above the knee, requests arrive faster than the server responds, or more than 1 % of them take over 100 ms. For a
    slow page the limit is twice its time on the idle server. After the knee a good server keeps responding at its
    highest rate; a bad one responds less and less. The generator opens connections as needed, up to `clients`. The
    capacity is estimated first on the same server.
    """
    return await retry_if_generator_late(ctx, lambda: _round(ctx))


async def _round(ctx: ScenarioContext[RampParameters]) -> ScenarioResult:
    duration = ctx.parameters.duration
    error = changed = ""
    note: list[str] = []
    measures: list[Metric] = []
    phases: tuple[Phase, ...] = ()
    windows: tuple[Window, ...] = ()
    async with open_loop_experiment(ctx) as experiment:
        try:
            assumed = None if ctx.parameters.rate else await experiment.estimate_capacity(note)
            last = ctx.parameters.rate or (RAMP_END_SHARE * assumed.rate if assumed else 0.0)
            if assumed is not None:
                measures.append(Metric("capacity_estimated", "capacity, estimated", assumed.rate, "requests/s"))
            ctx.progress(0.25, f"from 0 to {format_rate(last)}")
            pacer = Ramp(0.0, last, duration)
            found = await experiment.offer("ramp", pacer, duration, window=duration / WINDOW_COUNT)
            began, limit = experiment.started(found), p99_limit(experiment.unloaded_latency)
            windows = tuple(each.window(began) for each in found.windows)
            knee_index = knee(overloaded_windows(found.windows, limit))
            rate = last if knee_index is None else pacer.rate(found.windows[knee_index].at)
            parts = [
                (BEFORE_KNEE, found.windows[:knee_index]),
                ("past the knee", found.windows[knee_index:] if knee_index is not None else ()),
            ]
            phases = tuple(phase_from_windows(each, name, began) for name, each in parts if each)
            measures.insert(0, _knee(rate, last, reached=knee_index is not None))
            if knee_index is not None:
                past = found.windows[knee_index:]
                due = max(1, sum(each.scheduled for each in past))
                share = 100 * sum(count_timely(each, limit) for each in past) / due
                measures.insert(
                    1, Metric("goodput_past_the_knee", "goodput past the knee", 100 * phases[-1].goodput, "%")
                )
                measures.insert(
                    2, Metric.labelled(f"correct responses within {format_seconds(limit)} past the knee", share, "%")
                )
            note.insert(0, _describe_knee(rate, phases, limit, reached=knee_index is not None))
            now = await experiment.changed_capacity(assumed) if assumed is not None else None
            if now is not None:
                changed = f"After the ramp the capacity in a closed loop was {format_rate(now)}: it has changed."
        except UnexpectedResponse as wrong:
            error = str(wrong)
    health = experiment.health(NOTICEABLE_SECONDS)
    return ctx.result(
        grade_measurement(error, changed, health),
        goodput=phases[-1].goodput if phases else None,
        phase=phases[-1].name if phases else "",
        generator=health,
        phases=phases,
        windows=windows,
        percentiles=experiment.percentiles(),
        metrics=tuple(measures),
        conditions=experiment.conditions(),
        caveats=experiment.caveats(),
        note=" ".join(filter(None, (error, health.why and f"Not a valid measurement: {health.why}.", changed, *note))),
    )


def _knee(rate: float, last: float, *, reached: bool) -> Metric:
    step = f"The windows of the ramp are {format_rate(last / WINDOW_COUNT)} apart."
    return Metric("knee", "knee", rate, "requests/s", censored=not reached, note=step)


def _describe_knee(rate: float, phases: tuple[Phase, ...], limit: float, *, reached: bool) -> str:
    if not reached:
        return f"There was no knee up to {format_rate(rate)}: {describe_phase(phases[0])}."
    if len(phases) == 1:
        return (
            f"From the start more than 1 % of the requests took over {format_seconds(limit)} or were lost: "
            f"{describe_phase(phases[0])}."
        )
    before, past = map(describe_phase, phases)
    return f"The knee is at about {format_rate(rate)}. Before it: {before}. Past it: {past}."
