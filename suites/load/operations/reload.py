"""The app has changed and the server reloads it at half load."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.analysis.grading import NOTICEABLE_SECONDS, grade
from wsgi_gauntlet.harness.load.analysis.units import format_rate, format_seconds, format_times
from wsgi_gauntlet.harness.load.arrivals import Poisson
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.slow_upload import UploadEnd
from wsgi_gauntlet.harness.load.context import ScenarioContext, retry_if_generator_late
from wsgi_gauntlet.harness.load.experiments.disturbance import GRADES_BEST_TO_WORST, invalidate_health
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import OpenLoopExperiment, open_loop_experiment
from wsgi_gauntlet.harness.load.probes.worker_probe import WorkerProbe
from wsgi_gauntlet.harness.load.unexpected_response import UnexpectedResponse
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, Outcome, Phase, ScenarioResult
from wsgi_gauntlet.harness.stats.summary import slowdown
from wsgi_gauntlet.suites.load.operations.lost_requests import LostRequests, count_lost_requests
from wsgi_gauntlet.suites.load.operations.reload_runs import (
    ReloadParameters,
    ReloadResult,
    ReloadRuns,
    reloads_under_load,
    upload_results,
)

RELOAD_COUNT = 3
"""Reloads under load."""

CAPACITY_SHARE = 0.5
"""The offered rate as a share of the capacity."""

MAX_RATE = 1000.0
"""Highest default rate in requests per second, so that a starting server has free cores."""


@scenario(
    "Reload at half load, a slow upload open across it",
    smoke=ReloadParameters(
        clients=128, duration=1.2, baseline=0.8, estimate=0.15, size=2000, upload=1.0, patience=5, grace=3
    ),
    full=ReloadParameters(
        clients=256, duration=30, baseline=20, estimate=3, size=2000, upload=25, patience=60, grace=60
    ),
)
async def reload(ctx: ScenarioContext[ReloadParameters]) -> ScenarioResult:
    """The server reloads its app three times while requests come at half of its capacity.

    A slow upload is open each time. The harness sends the reload signal of the server. A server without one is stopped
    and started again on the same port, as its operator would do. No request should be lost: requests that are refused,
    cut off, or without a correct response are counted by kind.
    """
    if not ctx.started_here:
        raise Unsupported("somebody else started this server, so the harness may not reload it")
    return await retry_if_generator_late(ctx, lambda: _round(ctx))


async def _round(ctx: ScenarioContext[ReloadParameters]) -> ScenarioResult:
    error = ""
    rate = 0.0
    async with open_loop_experiment(ctx) as experiment, trio.open_nursery() as nursery:
        worker_probe = WorkerProbe(experiment.running)
        reload_runs = ReloadRuns(experiment, worker_probe, ctx.parameters)
        nursery.start_soon(worker_probe.run)
        try:
            rate = await _run_reloads(ctx, experiment, reload_runs)
        except UnexpectedResponse as wrong:
            error = str(wrong)
        nursery.cancel_scope.cancel()
    found = count_lost_requests(experiment.results[1:])
    health = invalidate_health(experiment.health(NOTICEABLE_SECONDS), _missed_load(reload_runs.reloads))
    mark, reason, ratio, bound = _grade_worst_reload(experiment.phases, health)
    flaws = _flaws(found, experiment.phases[1:], reload_runs)
    if error and not flaws:
        mark, reason = Grade.ERROR, error
    elif flaws and mark in GRADES_BEST_TO_WORST:
        mark = Grade.DEGRADED if _served_at_end(experiment.phases[1:]) else Grade.COLLAPSED
    elif mark is Grade.COLLAPSED:
        mark = Grade.DEGRADED
    return ctx.result(
        mark,
        goodput=_goodput(experiment.phases[1:]),
        slowdown=ratio,
        slowdown_censored=bound,
        generator=health,
        phases=tuple(experiment.phases),
        percentiles=experiment.percentiles(),
        metrics=_measures(found, experiment, reload_runs, rate),
        windows=tuple(
            each.window(experiment.started(result)) for result in experiment.results for each in result.windows
        ),
        conditions={
            "reload": "stopped and started again" if reload_runs.restarts else "by its signal",
            "requests/s": round(rate, 1),
            **experiment.conditions(),
        },
        caveats=experiment.caveats(),
        note=reason
        if mark not in GRADES_BEST_TO_WORST
        else " ".join((*flaws, _describe_reloads(reload_runs, rate, experiment.phases[1:]), reason)),
    )


async def _run_reloads(
    ctx: ScenarioContext[ReloadParameters], experiment: OpenLoopExperiment, reload_runs: ReloadRuns
) -> float:
    """Run all loads and reloads, and return the offered rate in requests per second."""
    ctx.progress(0.05, "estimating capacity")
    workload = await ctx.workload(experiment.running)
    served_beside_upload, capacity = await reload_runs.capacity(workload, ctx.parameters.estimate)
    rate = ctx.parameters.rate or min(CAPACITY_SHARE * capacity, MAX_RATE)
    ctx.progress(0.2, f"{format_rate(rate)} without a reload")
    await reload_runs.offer_without_reload(
        "baseline", Poisson(rate, 1), ctx.parameters.baseline, uploading=served_beside_upload
    )
    for number in range(1, RELOAD_COUNT + 1):
        ctx.progress(0.2 + 0.2 * number, f"reload {number} of {RELOAD_COUNT} at {format_rate(rate)}")
        await reload_runs.reload(
            f"reload {number}", Poisson(rate, 1 + number), ctx.parameters.duration, uploading=served_beside_upload
        )
        if reload_runs.failed:
            return rate
    if not served_beside_upload:
        ctx.progress(0.9, "a reload during a slow upload, which blocks the whole server")
        await reload_runs.reload_under_upload()
    return rate


def _missed_load(reloads: Sequence[ReloadResult]) -> str:
    late = sum(each.loaded is False for each in reloads)
    return f"{late} of {len(reloads)} reloads began after the load had ended" if late else ""


def _grade_worst_reload(phases: Sequence[Phase], health: GeneratorHealth) -> tuple[Grade, str, float | None, bool]:
    """Return the grade of the worst reload, its reason, the slowdown, and whether that is a lower bound."""
    if len(phases) < 2:
        return Grade.ERROR, "No reload happened under load.", None, False
    before, *during = phases
    graded = [(*grade(before, each, health, recovered=None, waited=0.0), each) for each in during]
    mark, reason, worst = max(
        graded,
        key=lambda each: (
            GRADES_BEST_TO_WORST.index(each[0]) if each[0] in GRADES_BEST_TO_WORST else len(GRADES_BEST_TO_WORST),
            each[2].p99 or 0.0,
        ),
    )
    ratio, bound = slowdown(before, worst)
    return mark, f"{worst.name}: {reason}" if mark in GRADES_BEST_TO_WORST else reason, ratio, bound


def _served_at_end(phases: Sequence[Phase]) -> bool:
    """Say whether any user was served in the last phase."""
    return bool(phases) and phases[-1].outcomes[Outcome.OK] > 0


def _flaws(found: LostRequests, phases: Sequence[Phase], reload_runs: ReloadRuns) -> list[str]:
    flaws = []
    asked = sum(each.scheduled for each in phases)
    if found.total:
        flaws.append(f"{found.total:,} of {asked:,} requests were lost: {found.summary}.")
    ends = [each for each in upload_results(reload_runs.reloads) if each.end is not UploadEnd.SURVIVED]
    if ends:
        how = "; ".join(dict.fromkeys(each.description for each in ends))
        flaws.append(f"{len(ends)} of {len(upload_results(reload_runs.reloads))} slow uploads were lost: {how}.")
    if reload_runs.failed:
        flaws.append(f"The server did not come back after reload {len(reload_runs.reloads)}: {reload_runs.failed}.")
    return flaws


def _describe_reloads(reload_runs: ReloadRuns, rate: float, phases: Sequence[Phase]) -> str:
    loaded = reloads_under_load(reload_runs.reloads)
    how = "was stopped and started again on its port (it has no reload)" if reload_runs.restarts else "reloaded"
    text = f"The server {how} {format_times(len(loaded))} at {format_rate(rate)}."
    if loaded:
        text = f"{text} The longest gap without a response was {format_seconds(max(each.gap for each in loaded))}."
    survived = [each for each in upload_results(reload_runs.reloads) if each.end is UploadEnd.SURVIVED]
    if survived and len(survived) == len(upload_results(reload_runs.reloads)):
        when = "each time" if len(survived) >= len(loaded) else "in a reload without load; it blocks the whole server"
        text = f"{text} The slow upload was completed {when}."
    return text if phases else ""


def _goodput(phases: Sequence[Phase]) -> float | None:
    asked = sum(each.scheduled for each in phases)
    return sum(each.outcomes[Outcome.OK] for each in phases) / asked if asked else None


def _measures(
    found: LostRequests, experiment: OpenLoopExperiment, reload_runs: ReloadRuns, rate: float
) -> tuple[Metric, ...]:
    loaded = reloads_under_load(reload_runs.reloads)
    after = [each.after for each in loaded]
    ends = upload_results(reload_runs.reloads)
    kept = sum(each.end is UploadEnd.SURVIVED for each in ends)
    upload_notes = "; ".join(f"{each.description}, after {format_seconds(each.after)}" for each in ends)
    known = [each for each in after if each is not None]
    return (
        Metric(
            "requests_lost",
            "requests lost",
            found.total,
            note=f"of {sum(each.scheduled for each in experiment.phases[1:]):,}",
        ),
        *(Metric.labelled(f"lost: {kind}", count) for kind, count in found.kinds()),
        Metric(
            "sent_again_on_a_new_connection",
            "sent again on a new connection",
            sum(each.dropped for each in experiment.results[1:]),
            note="The server closed the kept connection at the same time. Clients repeat the request: it is not lost. "
            f"{sum(each.dropped for each in experiment.results[:1])} before the first reload.",
        ),
        Metric(
            "slow_uploads_lost",
            "slow uploads lost",
            len(ends) - kept,
            note=f"of {len(ends)}: {upload_notes}" if ends else "none was open",
        ),
        Metric(
            "new_process_responds_after",
            "new process responds after",
            max(known) if known and len(known) == len(after) else None,
            "s",
            note=f"the longest of {len(after)}" if len(known) == len(after) else "not after each reload",
        ),
        Metric(
            "longest_gap_without_a_response",
            "longest gap without a response",
            max((each.gap for each in loaded), default=None),
            "s",
            note="of probes that are sent every 20 ms",
        ),
        Metric("offered", "offered", rate, "requests/s"),
    )
