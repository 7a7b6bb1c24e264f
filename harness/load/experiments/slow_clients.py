"""Run the experiment of scenarios with one kind of slow client: users alone, among them, after them, then N*."""

from __future__ import annotations

import resource
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.analysis.caveats import find_caveats
from wsgi_gauntlet.harness.load.analysis.collapse_search import CollapseBounds, collapse_bounds, find_collapse_threshold
from wsgi_gauntlet.harness.load.analysis.grading import GOOD_GOODPUT, collapsed, describe_phase, grade, unharmed
from wsgi_gauntlet.harness.load.analysis.units import format_seconds
from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour
from wsgi_gauntlet.harness.load.clients.connection_budget import ConnectionBudget, reserve_connections
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.context import ScenarioContext, retry_if_generator_late
from wsgi_gauntlet.harness.load.experiments.disconnects import watch_disconnect
from wsgi_gauntlet.harness.load.experiments.leftovers import inspect_idle_server, leftovers_baseline
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficParameters, TrafficTimeline, run_traffic
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.load.probes.resource_usage import cost
from wsgi_gauntlet.harness.model import Disconnect, Grade, Metric, Phase, ScenarioResult, Step
from wsgi_gauntlet.harness.stats.summary import slowdown

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

NOFILE = resource.RLIMIT_NOFILE
"""The server inherits this limit, as from a shell. The report shows it with the figures."""

RETRY_ABOVE_GOODPUT = 0.9
"""Goodput above which a collapse depends on one or two late responses, and the number is tried a second time."""

LONG_PHASE_SECONDS = 10.0
"""Seconds. A shorter phase ends as soon as the collapse is certain. A longer one continues, to show when the server
frees itself. gunicorn is the first to do so, after 30 s."""

MAX_CONNECTIONS_PER_CLIENT = 2
"""The most connections of one slow client."""

REASON_ONLY_GRADES = frozenset({Grade.INVALID, Grade.INCONCLUSIVE})
"""Grades whose description is only the reason."""


@dataclass(frozen=True, kw_only=True)
class SlowClientParameters(TrafficParameters):
    """Parameters of all scenarios with slow clients."""

    clients: Annotated[int, Parameter("", "largest number of slow clients")]
    duration: Annotated[float, Parameter("s", "time among the slow clients")]
    recovery: Annotated[float, Parameter("s", "longest time to recover after the slow clients have left")]
    per_second: Annotated[float, Parameter("connections/s", "rate at which slow clients connect")]


@dataclass(frozen=True, kw_only=True)
class SearchParameters(SlowClientParameters):
    """Parameters of scenarios with slow clients that search for N*."""

    probe: Annotated[float, Parameter("s", "length of each try in the search for N*")]
    budget: Annotated[float, Parameter("s", "longest time of the search for N*")]
    disconnect_wait: Annotated[float, Parameter("s", "longest wait until the server disconnects one slow client")]


FULL_SEARCH = SearchParameters(
    clients=2048,
    duration=45,
    rate=20,
    baseline=10,
    recovery=60,
    per_second=50,
    probe=5,
    budget=600,
    disconnect_wait=150,
)
"""The full run of scenarios with no other parameters."""

ExtraMeasures = Callable[[TrafficTimeline], Awaitable[Sequence[Metric]]]
"""Measures further figures while all slow clients are connected."""


@dataclass(frozen=True)
class SlowClientResult:
    """The result of the experiment. `reason` belongs to the grade.

    `recovered` is None if users were not served well again within `patience` seconds. `collapse` is None without a
    search.
    """

    clients: int
    grade: Grade
    reason: str
    before: Phase
    during: Phase
    recovered: float | None
    patience: float
    collapse: CollapseBounds | None


def describe_slow_clients(result: SlowClientResult) -> str:
    """Describe the effect of the slow clients on the other users, and N*."""
    if result.grade in REASON_ONLY_GRADES:
        return result.reason
    found = result.collapse
    if found is None or found.at_most is None:
        return f"With {result.clients} slow clients the other users got this: {describe_phase(result.during)}."
    clients = "One slow client makes" if found.at_most == 1 else f"{found.at_most} slow clients make"
    text = f"{clients} this server collapse."
    if not found.exact:
        less = f"{found.above} {'does' if found.above == 1 else 'do'} not" if found.above else "Fewer may do so"
        text = f"{text} {less}; there was no time to find the exact number."
    return f"{text} {describe_recovery(result)}".strip()


def describe_recovery(result: SlowClientResult) -> str:
    """Say whether the server recovered after the slow clients had left, '' if it never failed."""
    if not collapsed(result.during) and result.during.goodput >= GOOD_GOODPUT:
        return ""
    if result.recovered is None:
        return f"After the slow clients had left, it did not serve well again within {result.patience:g} s."
    if result.recovered < 0.1:
        return "It served well again as soon as the slow clients had left."
    return f"It served well again {format_seconds(result.recovered)} after the slow clients had left."


@dataclass(frozen=True)
class _Experiment:
    """The choices of a scenario. See run_slow_client_experiment."""

    make_behaviour: Callable[[ServerUnderTest], ClientBehaviour]
    describe: Callable[[SlowClientResult], str]
    page_view: PageView
    search: SearchParameters | None
    measure_extra: ExtraMeasures | None


async def run_slow_client_experiment(
    ctx: ScenarioContext[SlowClientParameters],
    make_behaviour: Callable[[ServerUnderTest], ClientBehaviour],
    *,
    describe: Callable[[SlowClientResult], str] = describe_slow_clients,
    page_view: PageView = PageView(),  # noqa: B008 - frozen
    measure_extra: ExtraMeasures | None = None,
) -> ScenarioResult:
    """Connect slow clients to a fresh server, and return how its other users were served.

    With SearchParameters the experiment searches for N*; otherwise the phase among the slow clients has its full
    length. `describe` makes the note. `measure_extra` is called at the end of that phase. There is a second round if
    the generator was late. Raises the errors of a server start.
    """
    requested = ctx.parameters.clients
    connection_budget = (
        reserve_connections(requested, MAX_CONNECTIONS_PER_CLIENT)
        if ctx.machines is None
        else ConnectionBudget(requested, requested)  # each machine looks at its own limit
    )
    search = ctx.parameters if isinstance(ctx.parameters, SearchParameters) else None
    experiment = _Experiment(make_behaviour, describe, page_view, search, measure_extra)
    return await retry_if_generator_late(ctx, lambda: _round(ctx, experiment, connection_budget))


async def _round(
    ctx: ScenarioContext[SlowClientParameters], experiment: _Experiment, connection_budget: ConnectionBudget
) -> ScenarioResult:
    clients, parameters, search = connection_budget.clients, ctx.parameters, experiment.search
    disconnect_wait = search.disconnect_wait if search else None
    async with (
        watch_disconnect(ctx, experiment.make_behaviour, disconnect_wait) as wait_for_disconnect,
        run_traffic(
            ctx,
            experiment.make_behaviour,
            page_view=experiment.page_view,
            rate=parameters.rate,
            per_second=parameters.per_second,
        ) as traffic,
    ):
        usage_at_start = await traffic.usage() if ctx.started_here else None
        async with leftovers_baseline(ctx, traffic) as baseline:
            before = await traffic.phase("baseline", parameters.baseline, until_answered=True)
        usage_before_clients = await traffic.usage() if ctx.started_here else None
        traffic.memory_before_clients = baseline.memory if baseline else None
        await traffic.slow_clients.scale_to(clients)
        during = await traffic.phase(
            "during",
            parameters.duration,
            stop_on_collapse=search is not None and parameters.duration < LONG_PHASE_SECONDS,
        )
        slow_client_cost = (
            cost(usage_at_start, usage_before_clients, await traffic.usage(), clients)
            if usage_at_start and usage_before_clients
            else None
        )
        measures = tuple(await experiment.measure_extra(traffic)) if experiment.measure_extra else ()
        health = traffic.healthy_users.health(before, during)
        # Users who were not harmed need no recovery. Without a search the picture of the scenario shows it anyway.
        recovered = (
            None
            if search and unharmed(before, during)
            else await traffic.wait_for_recovery(before.p99, parameters.recovery)
        )
        mark, reason = grade(before, during, health, recovered=recovered, waited=parameters.recovery)
        steps = {clients: during} if search else {}
        found = None
        if search and mark not in (Grade.INVALID, Grade.INCONCLUSIVE):
            found = await _find_threshold(ctx, search, traffic, steps, clients)
        ratio, bound = slowdown(before, during)
        description = experiment.describe(
            SlowClientResult(clients, mark, reason, before, during, recovered, parameters.recovery, found)
        )
        cpu = usage_before_clients.cpu - usage_at_start.cpu if usage_at_start and usage_before_clients else 0.0
        leftovers = await inspect_idle_server(traffic, baseline, parameters.recovery)
        flaw = leftovers.processor.flaw if leftovers else ""
        if flaw and mark is Grade.UNAFFECTED:
            mark = Grade.DEGRADED
        return ctx.result(
            mark,
            goodput=during.goodput,
            slowdown=ratio,
            slowdown_censored=bound,
            collapse=found.at_most if found else None,
            recovery=recovered,
            disconnect=_best_disconnect(await wait_for_disconnect(), traffic.slow_clients.first_disconnect()),
            cost=slow_client_cost,
            generator=health,
            phases=tuple(traffic.phases),
            steps=tuple(_step(number, steps[number]) for number in sorted(steps)),
            samples=tuple(sorted(traffic.healthy_users.samples_since(), key=lambda each: each.intended)),
            slow_clients=traffic.slow_client_counts(),
            percentiles=traffic.percentiles(),
            metrics=(*measures, *(leftovers.metrics if leftovers else ())),
            conditions={
                "healthy requests/s": round(traffic.rate, 1),
                "open files": resource.getrlimit(NOFILE)[0],
                **connection_budget.conditions,
                **traffic.workload.conditions,
            },
            caveats=_caveats(traffic, before, cpu),
            note=" ".join(filter(None, (flaw, description, connection_budget.note))),
        )


async def _find_threshold(
    ctx: ScenarioContext[SlowClientParameters],
    search: SearchParameters,
    traffic: TrafficTimeline,
    steps: dict[int, Phase],
    largest: int,
) -> CollapseBounds:
    """Search for N*. `steps` has the phase with the `largest` number of clients, and gets that of every try."""
    until = ctx.elapsed + search.budget
    # The server must respond again before the next try, also after the largest number.
    server_is_down = True

    async def probe(clients: int) -> bool:
        nonlocal server_is_down
        for _ in range(2):
            if server_is_down:
                await traffic.restore_service()
            await traffic.slow_clients.scale_to(clients)
            steps[clients] = await traffic.phase(
                f"{clients} slow clients", search.probe, stop_on_collapse=True, record=False
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
        # The harness cannot restart a remote server, so the search ends with the bounds found so far.
        return collapse_bounds({clients: collapsed(phase) for clients, phase in steps.items()})


def _best_disconnect(watched: Disconnect | None, among_others: Disconnect) -> Disconnect:
    """Return the disconnect of the watched client, or that of the other slow clients if it says more."""
    return watched if watched is not None and (watched.dropped or not among_others.dropped) else among_others


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
