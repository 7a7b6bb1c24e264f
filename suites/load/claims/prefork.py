"""Claim: pre-fork workers scale with their number, until one slow client blocks each."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec

from wsgi_gauntlet.harness.load.analysis.collapse_search import CollapseBounds, collapse_bounds, find_collapse_threshold
from wsgi_gauntlet.harness.load.analysis.grading import GOOD_GOODPUT, collapsed, describe_phase
from wsgi_gauntlet.harness.load.analysis.paired_comparison import (
    alternating_orders,
    grade_claims,
    keep_served_rounds,
    keep_valid_rounds,
    median,
    undecided_if_lower_bounds,
    with_notes,
)
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import SlowHeaderBytes
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.context import ProgressCallback, ScenarioContext, scaled_progress
from wsgi_gauntlet.harness.load.experiments.comparison_plans import with_workers
from wsgi_gauntlet.harness.load.experiments.cpu_cost import CpuCost, judge_generator, measure_cpu_cost
from wsgi_gauntlet.harness.load.experiments.slow_clients import MAX_CONNECTIONS_PER_CLIENT, RETRY_ABOVE_GOODPUT
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import run_traffic
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.load.probes.worker_probe import wait_for_workers
from wsgi_gauntlet.harness.load.workload import ReferencePage, VerifiedRequest, verify_request
from wsgi_gauntlet.harness.model import Grade, Metric, Phase, ScenarioResult
from wsgi_gauntlet.suites.load.claims import rules
from wsgi_gauntlet.suites.load.claims.applicability import reason_not_prefork

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

APP_CPU_MS = 5
"""Milliseconds of CPU time of the app per response, so that the workers and not the generator are the limit."""

BODY_BYTES = 200
"""Bytes of the response."""

CONNECTIONS_PER_WORKER = 2
"""Connections per worker, so that no worker waits for the generator."""

WORKER_COUNTS = (1, 2, 4)
"""Numbers of workers for the test with slow clients."""

WORKERS_BOOT_SECONDS = 5.0
"""Seconds to wait for the other workers after the first one. gunicorn:gthread needs 0.1 s, or up to two seconds beside
other programs."""

MAX_REQUESTS_PER_CONNECTION = 1.5
"""Requests per connection below which the server closes connections as requested. Kept connections stay with their
worker: uvicorn gave all four to one of two workers in four loops of four, gunicorn:gthread in three."""

SLOW_CLIENTS_PROGRESS = 0.4
"""The fraction of the progress bar at which the loops end and the slow clients begin."""

PROBE_PROGRESS = ((0.1, 0.4), (0.4, 0.7), (0.7, 1.0))
"""The usual parts of a search on the progress bar: no slow client, one less than workers, and as many as workers."""


@dataclass(frozen=True, kw_only=True)
class PreforkParameters(Parameters):
    """Parameters of the claim about pre-fork workers."""

    clients: Annotated[int, Parameter("", "largest number of slow clients")]
    duration: Annotated[float, Parameter("s", "length of each closed loop")]
    rounds: Annotated[int, Parameter("", "closed loops for each number of workers")]
    rate: Annotated[float, Parameter("requests/s", "rate of the healthy users")]
    per_second: Annotated[float, Parameter("connections/s", "rate at which slow clients connect")]
    probe: Annotated[float, Parameter("s", "length of each try in the search for N*")]
    budget: Annotated[float, Parameter("s", "longest time of all searches for N*")]
    interval: Annotated[float, Parameter("s", "time between two pieces of the head of a slow client")]


@dataclass(frozen=True)
class _CollapseThreshold:
    """The bounds of N* for a number of workers, or why it is unknown."""

    found: CollapseBounds | None
    unknown_reason: str = ""


@scenario(
    "Claim: pre-fork workers scale, until a slow client blocks each",
    smoke=PreforkParameters(
        clients=16, duration=0.5, rounds=3, rate=20, per_second=500, probe=0.4, budget=10, interval=1
    ),
    full=PreforkParameters(clients=64, duration=5, rounds=6, rate=20, per_second=100, probe=5, budget=300, interval=5),
    full_only=True,
    unsuitable_reason=reason_not_prefork,
)
async def prefork(ctx: ScenarioContext[PreforkParameters]) -> ScenarioResult:
    """One worker, and as many as there are cores, take turns with an app that needs 5 ms of CPU time per response.

    Then slow clients send their heads byte by byte to 1, 2 and 4 workers. The harness searches for the smallest number
    of slow clients that makes the server collapse.
    """
    cores = len(os.sched_getaffinity(0))
    closed_loops = await _run_closed_loops(ctx, cores) if cores > 1 else {1: []}
    connection_budget = reserve_connections(ctx.parameters.clients, MAX_CONNECTIONS_PER_CLIENT)
    until = ctx.elapsed + ctx.parameters.budget
    thresholds: dict[int, _CollapseThreshold] = {}
    for place, workers in enumerate(WORKER_COUNTS):
        begin, end = (
            SLOW_CLIENTS_PROGRESS + (1 - SLOW_CLIENTS_PROGRESS) * each / len(WORKER_COUNTS)
            for each in (place, place + 1)
        )
        thresholds[workers] = await _find_threshold(
            ctx, workers, connection_budget.clients, until, scaled_progress(ctx.progress, begin, end)
        )
    health, caveats = (
        judge_generator([each.result for found in closed_loops.values() for each in found]) if cores > 1 else (None, ())
    )
    closed_loops, unserved = keep_served_rounds(closed_loops)
    closed_loops, disturbed = keep_valid_rounds(
        closed_loops, lambda each: each.undisturbed, "other programs used the cores"
    )
    closed_loops, kept = keep_valid_rounds(
        closed_loops,
        lambda each: each.result.requests_per_connection < MAX_REQUESTS_PER_CONNECTION,
        "the server did not close connections as requested",
    )
    single, several = ([each.result.rate for each in closed_loops[workers]] for workers in (1, cores))
    scaling = rules.scales(single, several, cores)
    claims = (
        undecided_if_lower_bounds(with_notes(scaling, unserved, disturbed, kept), caveats),
        with_notes(
            rules.one_client_per_worker({workers: threshold.found for workers, threshold in thresholds.items()}),
            *(
                f"With {workers}: {threshold.unknown_reason}."
                for workers, threshold in thresholds.items()
                if threshold.unknown_reason
            ),
        ),
    )
    valid = health is None or health.valid
    return ctx.result(
        grade_claims(claims) if valid else Grade.INVALID,
        claims=claims if valid else (),
        generator=health,
        metrics=(*(_rate_measures(closed_loops) if cores > 1 else ()), *_threshold_measures(thresholds)),
        conditions={
            **connection_budget.conditions,
            "cores, shared with the generator": cores,
            "CPU time of a response": f"{APP_CPU_MS} ms",
        },
        caveats=caveats,
        note=f"{' '.join(each.figures for each in claims)} {connection_budget.note}".strip(),
    )


async def _run_closed_loops(ctx: ScenarioContext[PreforkParameters], cores: int) -> dict[int, list[CpuCost]]:
    """Return the closed loops with one worker, and with one per core, by the number of workers."""
    found: dict[int, list[CpuCost]] = {1: [], cores: []}
    first, second = (ctx.comparison(with_workers(ctx.plan, number)) for number in (1, cores))
    ctx.progress(0.0, f"starting 1 worker and {cores}")
    async with first.server() as single, second.server() as several:
        await wait_for_workers(several, cores, WORKERS_BOOT_SECONDS)
        arms = [(1, single, await _page(single)), (cores, several, await _page(several))]
        rounds = ctx.parameters.rounds
        for number, order in enumerate(alternating_orders(range(2), rounds)):
            for place in order:
                ctx.progress(SLOW_CLIENTS_PROGRESS * number / rounds, f"closed loops, round {number + 1} of {rounds}")
                workers, running, page = arms[place]
                found[workers].append(
                    await measure_cpu_cost(running, page, CONNECTIONS_PER_WORKER * workers, ctx.parameters.duration)
                )
    return found


async def _page(running: ServerUnderTest) -> VerifiedRequest:
    workload = ReferencePage(running.reference_app_path)
    page = await verify_request(running.address, workload, secrets.token_hex(8), BODY_BYTES, keep=False)
    return msgspec.structs.replace(
        page, request=page.request.replace(b"&size=", f"&work={APP_CPU_MS}&size=".encode(), 1)
    )


async def _find_threshold(
    ctx: ScenarioContext[PreforkParameters], workers: int, largest: int, until: float, progress: ProgressCallback
) -> _CollapseThreshold:
    """Search for N* with so many workers, beginning at the number of the claim. Raises the errors of run_traffic."""
    piece_interval = ctx.parameters.interval
    progress_shares = iter(PROBE_PROGRESS)
    async with run_traffic(
        ctx.comparison(with_workers(ctx.plan, workers)),
        lambda running: SlowHeaderBytes(
            f"{running.reference_app_path}/page", running.address.authority, piece_interval
        ),
        page_view=PageView(),
        rate=ctx.parameters.rate,
        per_second=ctx.parameters.per_second,
        progress=progress,
    ) as traffic:
        started_workers = await wait_for_workers(traffic.running, workers, WORKERS_BOOT_SECONDS)
        server_is_down = False
        late = ""

        async def run_with_clients(clients: int) -> tuple[Phase, str]:
            nonlocal server_is_down
            progress_share = next(progress_shares, (1.0, 1.0))
            for _ in range(2):
                if server_is_down:
                    await traffic.restore_service()
                    # The server may have been restarted.
                    await wait_for_workers(traffic.running, started_workers, WORKERS_BOOT_SECONDS)
                await traffic.slow_clients.scale_to(clients)
                phase = await traffic.phase(
                    f"{clients} slow clients",
                    ctx.parameters.probe,
                    stop_on_collapse=True,
                    progress_share=progress_share,
                )
                health = traffic.healthy_users.health(phase)
                traffic.healthy_users.cancel_in_flight()
                server_is_down = collapsed(phase)
                if health.valid and (not server_is_down or phase.goodput < RETRY_ABOVE_GOODPUT):
                    break
            return phase, health.why

        async def probe(clients: int) -> bool:
            nonlocal late
            phase, why = await run_with_clients(clients)
            late = late or why
            return collapsed(phase)

        alone, why = await run_with_clients(0)
        if alone.goodput < GOOD_GOODPUT or collapsed(alone):
            return _CollapseThreshold(
                None, why or f"users were not served well even without slow clients: {describe_phase(alone)}"
            )
        known = {clients: await probe(clients) for clients in (workers - 1, workers) if clients}
        found = collapse_bounds(known)
        if not found.exact or found.at_most is None:
            found = await find_collapse_threshold(
                probe, max(largest, workers), known, has_time=lambda: ctx.elapsed < until
            )
        return _CollapseThreshold(None, late) if late else _CollapseThreshold(found)


def _rate_measures(closed_loops: Mapping[int, list[CpuCost]]) -> tuple[Metric, ...]:
    return tuple(
        Metric.labelled(
            f"responses per second, {_workers(number)}",
            median([each.result.rate for each in found]),
            "requests/s",
            note=f"Other programs used up to {max(each.other_cpu_share for each in found):.0%} of the cores."
            if found
            else "",
        )
        for number, found in closed_loops.items()
    )


def _threshold_measures(thresholds: Mapping[int, _CollapseThreshold]) -> tuple[Metric, ...]:
    measures = []
    for workers, threshold in thresholds.items():
        found = threshold.found
        name = f"slow clients that block {_workers(workers)}"
        if found is None:
            measures.append(Metric.labelled(name, None, note=f"Unknown: {threshold.unknown_reason}."))
        elif found.at_most is None:
            measures.append(Metric.labelled(name, found.above, censored=True, note=f"{found.above} did not."))
        else:
            note = "" if found.exact else f"Between {found.above + 1} and {found.at_most}."
            measures.append(Metric.labelled(name, found.at_most, note=note))
    return tuple(measures)


def _workers(number: int) -> str:
    return f"{number} worker{'' if number == 1 else 's'}"
