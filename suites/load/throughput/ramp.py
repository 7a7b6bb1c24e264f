"""More and more users, until there are more than the server can serve: where does it bend, and does it break?"""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.analysis.capacity_search import format_rate
from wsgi_gauntlet.harness.load.analysis.grading import NOTICEABLE_SECONDS, describe_phase, format_seconds
from wsgi_gauntlet.harness.load.analysis.knee import knee, overloaded_windows
from wsgi_gauntlet.harness.load.analysis.phase_from_windows import count_timely, phase_from_windows
from wsgi_gauntlet.harness.load.analysis.pool_sizing import p99_limit
from wsgi_gauntlet.harness.load.arrivals import Ramp
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import grade_of, open_loop_experiment
from wsgi_gauntlet.harness.load.experiments.retry import retry_if_generator_late
from wsgi_gauntlet.harness.load.workload import UnexpectedResponse
from wsgi_gauntlet.harness.model import Metric, Phase, ScenarioResult, Window

RAMP_END_SHARE = 1.5
"""How far the ramp goes, as a share of capacity (SCENARIOS.md)."""

WINDOW_COUNT = 20
"""Of one ramp: then each is 7.5 % of capacity above the one before."""


@scenario(
    "Open model: from nothing to 1.5 times capacity",
    smoke={"clients": 4096, "duration": 3.5, "estimate": 0.25, "size": 2000},
    full={"clients": 16384, "duration": 60, "estimate": 3, "size": 2000},
)
async def ramp(ctx: ScenarioContext) -> ScenarioResult:
    """Requests come faster and faster, from none to 1.5 times capacity in `duration` seconds, evenly spaced.

    The knee is the rate beyond which fewer are answered than come, or more than one in a hundred takes over 100 ms, or
    over twice what a page takes when nobody else asks. They come over as many connections as that takes, up to
    `clients`. A good server goes on to answer as many as it can past it; a bad one answers fewer and fewer. What is
    capacity is estimated first on the same server; `rate`, where given, is the rate at the ramp's end instead.
    """
    return await retry_if_generator_late(ctx, lambda: _round(ctx))


async def _round(ctx: ScenarioContext) -> ScenarioResult:
    duration = ctx.number("duration")
    trouble = changed = ""
    note: list[str] = []
    measures: list[Metric] = []
    phases: tuple[Phase, ...] = ()
    windows: tuple[Window, ...] = ()
    async with open_loop_experiment(ctx) as experiment:
        try:
            assumed = None if "rate" in ctx.parameters else await experiment.estimate_capacity(note)
            last = ctx.number("rate") if assumed is None else RAMP_END_SHARE * assumed.rate
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
                ("up to the knee", found.windows[:knee_index]),
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
                    2, Metric.labelled(f"answered within {format_seconds(limit)} past the knee", share, "%")
                )
            note.insert(0, _describe_knee(rate, phases, limit, reached=knee_index is not None))
            now = await experiment.changed_capacity(assumed) if assumed is not None else None
            if now is not None:
                changed = f"After it the server answered {format_rate(now)} in a closed loop: its capacity has changed."
        except UnexpectedResponse as wrong:
            trouble = str(wrong)
    health = experiment.health(NOTICEABLE_SECONDS)
    return ctx.load(
        ramp,
        grade_of(trouble, changed, health),
        goodput=phases[-1].goodput if phases else None,
        phase=phases[-1].name if phases else "",
        generator=health,
        phases=phases,
        windows=windows,
        percentiles=experiment.percentiles(),
        metrics=tuple(measures),
        conditions=experiment.conditions(),
        caveats=experiment.artefacts(),
        note=" ".join(filter(None, (trouble, health.why and f"Not a measurement: {health.why}.", changed, *note))),
    )


def _knee(rate: float, last: float, *, reached: bool) -> Metric:
    step = f"Windows of the ramp are {format_rate(last / WINDOW_COUNT)} apart."
    return Metric("knee", "knee", rate, "requests/s", censored=not reached, note=step)


def _describe_knee(rate: float, phases: tuple[Phase, ...], limit: float, *, reached: bool) -> str:
    if not reached:
        return f"Up to {format_rate(rate)} no knee was seen: {describe_phase(phases[0])}."
    if len(phases) == 1:
        return (
            f"From the start more than one in a hundred took over {format_seconds(limit)} or was lost: "
            f"{describe_phase(phases[0])}."
        )
    before, past = map(describe_phase, phases)
    return f"From about {format_rate(rate)} on users have to wait: {before} before, {past} past it."
