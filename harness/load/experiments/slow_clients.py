"""The course that scenarios with one kind of slow client share: alone, among them, after them, the search for N*.

Parameters, by name: `clients` the largest number of slow clients; `duration` seconds under them; `rate` healthy
requests per second; `baseline` seconds before; `recovery` seconds of patience after; `per_second` slow clients that
arrive; `reaping` seconds for which one slow client is watched on an instance of its own. For the search: `probe`
seconds for each number tried, `budget` seconds in all.
"""

from __future__ import annotations

import resource
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.analysis.caveats import find_caveats
from wsgi_gauntlet.harness.load.analysis.collapse_search import CollapseBounds, collapse_bounds, find_collapse_threshold
from wsgi_gauntlet.harness.load.analysis.grading import collapsed, grade, unharmed
from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour
from wsgi_gauntlet.harness.load.clients.connection_budget import ConnectionBudget, reserve_connections
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.disconnects import watch_disconnect
from wsgi_gauntlet.harness.load.experiments.retry import retry_if_generator_late
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline, run_traffic
from wsgi_gauntlet.harness.load.probes.resource_usage import cost
from wsgi_gauntlet.harness.model import Disconnect, Grade, Metric, Phase, ScenarioResult, Step
from wsgi_gauntlet.harness.stats.summary import slowdown

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.conformance.catalog import Scenario
    from wsgi_gauntlet.harness.server.instance import ServerInstance

NOFILE = resource.RLIMIT_NOFILE
"""The server inherits this limit from us, as it would from a shell; it is printed beside the figures."""

RETRY_ABOVE_GOODPUT = 0.9
"""Goodput above which a collapse rests on one or two late answers, and the number is tried a second time."""

LONG_PHASE_SECONDS = 10.0
"""Seconds: a shorter phase ends as soon as the server is sure to have collapsed, a longer one looks on, to see how and
when the server frees itself; the first to do so, gunicorn, takes 30 s."""

MAX_CONNECTIONS_PER_CLIENT = 2
"""Connections that one slow client has at most."""

SMOKE: Mapping[str, float] = {
    "duration": 2.5,
    "rate": 20,
    "baseline": 1.2,
    "recovery": 3,
    "per_second": 500,
    "probe": 0.4,
}
"""What sieges have in common in smoke runs; each adds its own, and what it has otherwise."""

FULL: Mapping[str, float] = {
    "clients": 2048,
    "duration": 45,
    "rate": 20,
    "baseline": 10,
    "recovery": 60,
    "per_second": 50,
    "probe": 5,
    "budget": 600,
    "reaping": 150,
}
"""The same for full runs."""

ExtraMeasures = Callable[[TrafficTimeline], Awaitable[Sequence[Metric]]]
"""What a scenario finds out for itself while all of the slow clients are there."""


@dataclass(frozen=True)
class SlowClientResult:
    """What came of it. `reason` is the grade's; `recovered` is None where `patience` seconds did not suffice.

    `collapse` is None where it was not searched for.
    """

    clients: int
    grade: Grade
    reason: str
    before: Phase
    during: Phase
    recovered: float | None
    patience: float
    collapse: CollapseBounds | None


async def run_slow_client_experiment(
    ctx: ScenarioContext,
    scenario: Scenario,
    make_behaviour: Callable[[ServerInstance], ClientBehaviour],
    note: Callable[[SlowClientResult], str],
    *,
    page_view: PageView = PageView(),  # noqa: B008 - frozen
    search_threshold: bool = True,
    measure_extra: ExtraMeasures | None = None,
) -> ScenarioResult:
    """Hold slow clients against a fresh server and return what its other users got.

    `note` puts it into words. Without `searching` the phase under slow clients has its full length and N* is left
    open. `look` is called at the end of the phase under slow clients, for measures of the scenario's own. A round in
    which the generator was late is thrown away, and there is one more. Raises what launching raises.
    """
    connection_budget = reserve_connections(ctx.count("clients"), MAX_CONNECTIONS_PER_CLIENT)
    return await retry_if_generator_late(
        ctx,
        lambda: _round(
            ctx,
            scenario,
            make_behaviour,
            note,
            page_view,
            connection_budget,
            search_threshold=search_threshold,
            measure_extra=measure_extra,
        ),
    )


async def _round(
    ctx: ScenarioContext,
    scenario: Scenario,
    make_behaviour: Callable[[ServerInstance], ClientBehaviour],
    note: Callable[[SlowClientResult], str],
    page_view: PageView,
    connection_budget: ConnectionBudget,
    *,
    search_threshold: bool,
    measure_extra: ExtraMeasures | None,
) -> ScenarioResult:
    clients = connection_budget.clients
    rate, per_second = ctx.number("rate"), ctx.number("per_second")
    async with (
        watch_disconnect(ctx, make_behaviour, ctx.parameters.get("reaping")) as wait_for_disconnect,
        run_traffic(ctx, make_behaviour, page_view=page_view, rate=rate, per_second=per_second) as traffic,
    ):
        usage_at_start = await traffic.usage() if ctx.started_here else None
        before = await traffic.phase("baseline", ctx.number("baseline"))
        usage_before_clients = await traffic.usage() if ctx.started_here else None
        await traffic.crowd.scale_to(clients)
        duration = ctx.number("duration")
        during = await traffic.phase(
            "during", duration, stop_on_collapse=search_threshold and duration < LONG_PHASE_SECONDS
        )
        slow_client_cost = (
            cost(usage_at_start, usage_before_clients, await traffic.usage(), clients)
            if usage_at_start and usage_before_clients
            else None
        )
        measures = tuple(await measure_extra(traffic)) if measure_extra else ()
        health = traffic.healthy_users.health(before, during)
        patience = ctx.number("recovery")
        # Where nobody was harmed there is nothing to recover from; only the scenario's picture shows it all the same.
        recovered = (
            None
            if search_threshold and unharmed(before, during)
            else await traffic.wait_for_recovery(before.p99, patience)
        )
        mark, reason = grade(before, during, health, recovered=recovered, waited=patience)
        steps = {clients: during} if search_threshold else {}
        found = None
        if search_threshold and mark not in (Grade.INVALID, Grade.INCONCLUSIVE):
            found = await _find_threshold(ctx, traffic, steps, clients, ctx.elapsed + ctx.number("budget"))
        ratio, bound = slowdown(before, during)
        description = note(SlowClientResult(clients, mark, reason, before, during, recovered, patience, found))
        return ctx.load(
            scenario,
            mark,
            goodput=during.goodput,
            slowdown=ratio,
            slowdown_censored=bound,
            collapse=found.at_most if found else None,
            recovery=recovered,
            disconnect=_best_disconnect(await wait_for_disconnect(), traffic.crowd.first_disconnect()),
            cost=slow_client_cost,
            generator=health,
            phases=tuple(traffic.phases),
            steps=tuple(_step(number, steps[number]) for number in sorted(steps)),
            samples=tuple(sorted(traffic.healthy_users.samples_since(), key=lambda each: each.intended)),
            slow_clients=traffic.slow_client_counts(),
            percentiles=traffic.percentiles(),
            metrics=measures,
            conditions={
                "healthy requests/s": round(traffic.rate, 1),
                "open files": resource.getrlimit(NOFILE)[0],
                **connection_budget.conditions,
                **traffic.workload.conditions,
            },
            caveats=_caveats(
                traffic,
                before,
                usage_before_clients.cpu - usage_at_start.cpu if usage_at_start and usage_before_clients else 0.0,
            ),
            note=f"{description} {connection_budget.note}".strip(),
        )


async def _find_threshold(
    ctx: ScenarioContext, traffic: TrafficTimeline, steps: dict[int, Phase], largest: int, until: float
) -> CollapseBounds:
    """Search for N*, with what is known of `largest` clients; every number tried goes into `steps`."""
    # Also after the largest number it must be seen to answer before it is put to the test again.
    server_is_down = True

    async def probe(clients: int) -> bool:
        nonlocal server_is_down
        for _ in range(2):
            if server_is_down:
                await traffic.restore_service()
            await traffic.crowd.scale_to(clients)
            steps[clients] = await traffic.phase(
                f"{clients} slow clients", ctx.number("probe"), stop_on_collapse=True, record=False
            )
            traffic.healthy_users.cancel_in_flight()
            server_is_down = collapsed(steps[clients])
            if not server_is_down or steps[clients].goodput < RETRY_ABOVE_GOODPUT:
                break
        return server_is_down

    known = {largest: collapsed(steps[largest])}
    try:
        return await find_collapse_threshold(probe, largest, known, has_time=lambda: ctx.elapsed < until)
    except Unsupported:
        if ctx.started_here:
            raise
        # A target cannot be restarted: what was found before it fell silent is what there is.
        return collapse_bounds({clients: collapsed(phase) for clients, phase in steps.items()})


def _best_disconnect(wait_for_disconnect: Disconnect | None, crowd: Disconnect) -> Disconnect:
    """Return what is known of how slow clients are dropped: of the one that was watched, else of the crowd."""
    return (
        wait_for_disconnect
        if wait_for_disconnect is not None and (wait_for_disconnect.dropped or not crowd.dropped)
        else crowd
    )


def _step(clients: int, phase: Phase) -> Step:
    return Step(clients, phase.goodput, phase.p50, phase.p99, collapsed=collapsed(phase), censored=phase.censored)


def _caveats(traffic: TrafficTimeline, before: Phase, cpu: float) -> tuple[str, ...]:
    in_flight = [number for at, number in traffic.in_flight if before.started <= at < before.ended]
    return find_caveats(
        traffic.healthy_users.samples_since(),
        reused_connection_responses=traffic.healthy_users.reused_connection_responses,
        keep_alive_responses=traffic.healthy_users.keep_alive_responses,
        in_flight=sum(in_flight) / max(len(in_flight), 1),
        started=before.started,
        ended=before.ended,
        cpu=cpu / max(before.scheduled, 1),
    )
