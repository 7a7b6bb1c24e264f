"""One trial of one candidate: its capacity, p99 at the peak, memory, and the users among slow clients.

closed loops with fewer and more connections      capacity within the p99 limit, CPU per request
open loops below the capacity, and at the peak    the curve, p99 at the peak
                                                  memory, and how much of it a request leaves behind
users alone, then beside slow clients             users served

One server serves all of it, because a start takes as long as a measurement. The slow clients come last.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import trio

from wsgi_gauntlet.harness.comparison.slot import ScenarioRun, SlotEnvironment, run_scenario
from wsgi_gauntlet.harness.errors import ConfigurationError, PageError, ServerError, Unsupported
from wsgi_gauntlet.harness.load.analysis.grading import NOTICEABLE_SECONDS
from wsgi_gauntlet.harness.load.analysis.units import format_rate, format_share
from wsgi_gauntlet.harness.load.arrivals import FixedCountArrivals
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.load.clients.behaviours import BadWifi, ClientMix
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.clients.slow_body import SlowBody
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import (
    TIMEOUT,
    OpenLoopExperiment,
    OpenLoopParameters,
    open_loop_experiment,
)
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import UserTraffic, continue_with_traffic
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.load.probes.memory import memory
from wsgi_gauntlet.harness.load.probes.resource_usage import usage
from wsgi_gauntlet.harness.load.traffic_workload import TrafficWorkload
from wsgi_gauntlet.harness.load.unexpected_response import UnexpectedResponse
from wsgi_gauntlet.harness.load.workload import Workload
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, Phase, ScenarioResult, Step
from wsgi_gauntlet.harness.model.comparison import Figure
from wsgi_gauntlet.harness.model.recommendation import FigureId, RatePoint, Stage, Trial
from wsgi_gauntlet.harness.recommendation.capacity import (
    MAX_WRONG,
    USUAL_CONNECTIONS,
    ClosedLoop,
    checked_capacity,
    closed_loop_capacity,
    next_connections,
)
from wsgi_gauntlet.harness.recommendation.figures import figure
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

CURVE_SHARES = (0.25, 0.5, 0.8)
"""The rates of the curve, as shares of the capacity of the closed loops."""

MIN_REQUESTS = 100
"""Requests that an open loop should have: p99 of fewer is the slowest response."""

MAX_LOOP_SECONDS = 3.0
"""The longest closed loop. With MIN_REQUESTS requests, each step of a visit counts as often as in long traffic."""

MAX_OPEN_LOOP_FACTOR = 3.0
"""The longest open loop at a low rate, as a factor on its usual length."""

HOPELESS = 1.3
"""The peak is not offered to a server whose capacity times this is below it: all requests would wait."""

MIN_GROWTH_REQUESTS = 100
"""Requests after which the growth of the memory says something."""

USER_RATE = 5 / 8
"""Requests per second of one user, as in `classroom`: a page with four assets every eight seconds."""

MIN_USERS_RATE, MAX_USERS_RATE = 5.0, 100.0
"""Requests per second of all users beside slow clients. Of fewer a short phase has too few requests; more of them are a
load of their own."""

LONGEST_THINK_TIME_SHARE = 0.1
"""The longest think time of users beside slow clients, as a share of their phase. Otherwise all would be at their first
step."""

SLOW_PAGE_BYTES = 200_000
UPLOAD_BYTES = 60_000
UPLOAD_INTERVAL = 0.1
"""Half of the slow clients read a page slowly, the others upload a file for a minute."""
UPLOAD_BYTES_PER_INTERVAL = 100

CONNECTS_PER_SECOND = 80.0

WRONG = "wrong"
"""The id of the metric with the number of wrong responses; its note has the evidence."""

INVALID_RATE = "invalid_rate"
"""The id of the metrics with a rate of the curve that the generator could not offer; the note says why."""

MIXED_UP = "the page of another user: it has"
"""Words in the evidence of a response that held the data of another user. A page without the text of its user may be an
error page, which proves no mix-up."""


@dataclass(frozen=True, kw_only=True)
class TrialParameters(OpenLoopParameters):
    """Parameters of one trial. `slow_clients` and `curve` are left out if they are not set."""

    loop: Annotated[float, Parameter("s", "length of each closed loop")] = 0.5
    open_loop: Annotated[float, Parameter("s", "length of each open loop")] = 1.5
    users_phase: Annotated[float, Parameter("s", "time of the users alone, and beside slow clients")] = 1.5
    peak: Annotated[float | None, Parameter("requests/s", "rate at the peak")] = None
    p99_limit: Annotated[float, Parameter("s", "limit of p99")] = 0.3
    users: Annotated[int, Parameter("", "most connections of the closed loops")] = USUAL_CONNECTIONS
    users_rate: Annotated[float, Parameter("requests/s", "rate of the users beside slow clients")] = 20.0
    slow_clients: Annotated[int | None, Parameter("", "slow clients")] = None
    curve: Annotated[int | None, Parameter("", "1 for the curve of p99 by rate")] = None
    round: Annotated[int, Parameter("", "number of the round, the seed of its arrivals")] = 1


async def measure_trial(
    plan: Plan,
    stage: Stage,
    parameters: TrialParameters,
    environment: SlotEnvironment,
    on_activity: Callable[[str], None],
) -> Trial:
    """Return the trial of the candidate of `plan`. A server that does not start or serve is ruled out by it.

    Raises PageError if the page of the user app fails.
    """
    try:
        cell = await run_scenario(plan, ScenarioRun(SCENARIO, parameters), environment, on_activity)
    except (ServerError, ConfigurationError) as problem:
        return Trial(
            plan.name, stage, parameters.round, ruled_out=f"It cannot serve the app: {_first_line(str(problem))}"
        )
    return trial_of(cell, stage, parameters.round)


def trial_of(cell: ScenarioResult, stage: Stage, number: int) -> Trial:
    """Return the trial that `cell` measured.

    A response with the wrong body rules the server out even if the machine was too busy for a figure: that makes
    responses late, and never wrong.
    """
    wrong = next((each for each in cell.metrics if each.id == WRONG and each.value), None)
    health = cell.generator
    valid = cell.grade is not Grade.INVALID
    why = "" if valid else (health.why if health is not None and health.why else cell.note)
    not_offered = {each.value: each.note for each in cell.metrics if each.id == INVALID_RATE}
    return Trial(
        cell.server,
        stage,
        number,
        figures=tuple(_figure(each) for each in cell.metrics if each.id not in (WRONG, INVALID_RATE)),
        curve=tuple(
            RatePoint(
                each.rate or 0.0,
                each.p99,
                1 - (each.goodput or 0.0),
                each.censored,
                valid and each.rate not in not_offered,
                why or not_offered.get(each.rate, ""),
            )
            for each in cell.steps
        ),
        valid=valid,
        why=why,
        ruled_out=_wrong_text(wrong) if wrong is not None else "",
        evidence=tuple(wrong.note.splitlines()) if wrong else (),
        seconds=cell.seconds,
    )


def _wrong_text(wrong: Metric) -> str:
    count = f"{wrong.value or 0:.0f} response{'s' if wrong.value != 1 else ''}"
    if MIXED_UP in wrong.note:
        return f"It mixes up users: {count} had the wrong body, among them pages of other users."
    return f"It gave {count} with the wrong body under load."


def _figure(metric: Metric) -> Figure:
    return figure(FigureId(metric.id), metric.value, bound=metric.censored, why=metric.note, lateness=metric.lateness)


async def _measure(ctx: ScenarioContext[Parameters]) -> ScenarioResult:
    parameters = ctx.parameters
    assert isinstance(parameters, TrialParameters)
    users = _Users()
    # The context has these parameters; the type of a context does not say so.
    async with open_loop_experiment(ctx) as experiment:  # type: ignore[arg-type]
        alone = _Alone(experiment, parameters)
        try:
            await alone.measure()
            slow_clients = 0 if alone.wrong else parameters.slow_clients or 0
            if slow_clients:
                await experiment.settle()
        except UnexpectedResponse as wrong:
            return ctx.result(Grade.ERROR, note=str(wrong))
        except Unsupported as problem:  # the page cannot be compared, which is no fault of the server
            raise PageError(f"{problem}; or write a traffic file, which compares what stays the same") from None
        if slow_clients:
            users = await _measure_users(ctx, experiment.running, parameters, slow_clients)
    health = experiment.health(NOTICEABLE_SECONDS)
    if health.valid and users.health is not None:
        health = users.health
    return ctx.result(
        Grade.MEASURED if health.valid else Grade.INVALID,
        generator=health,
        phases=(*experiment.phases, *users.phases),
        steps=tuple(alone.steps),
        metrics=(*alone.metrics(), *users.metrics, *_on_an_idle_server(experiment.workload)),
        conditions=experiment.conditions(),
    )


def _on_an_idle_server(workload: Workload) -> Iterator[Metric]:
    """Yield the time of the slowest request, if it is known: no server is faster under load."""
    if isinstance(workload, TrafficWorkload) and (found := workload.slowest) is not None:
        yield Metric(FigureId.SLOWEST_REQUEST.value, "slowest request", found.seconds, "s", note=found.step)


@dataclass(frozen=True)
class _Users:
    """The measurement of users alone and beside slow clients, empty without slow clients."""

    phases: tuple[Phase, ...] = ()
    metrics: tuple[Metric, ...] = ()
    health: GeneratorHealth | None = None


class _Alone:
    """The measurements of one server without slow clients."""

    def __init__(self, experiment: OpenLoopExperiment, parameters: TrialParameters) -> None:
        self.experiment = experiment
        self.parameters = parameters
        self.steps: list[Step] = []
        self.wrong = 0
        self._evidence: dict[str, int] = {}
        self._loops: list[ClosedLoop] = []
        self._generator_limits: list[str] = []
        self._cpu: list[tuple[float, float]] = []
        self._peak: Metric | None = None
        self._invalid_rates: list[Metric] = []
        self._capacity = 0.0
        self._first_memory = self._most_memory = 0
        self._last_memory = 0
        self._requests = 0

    async def measure(self) -> None:
        """Measure everything. Raises UnexpectedResponse for a server that answers one request wrongly."""
        limit = self.parameters.p99_limit
        while (connections := next_connections(self._loops, limit, self.parameters.users)) is not None:
            await self._run_closed_loop(connections)
            if self.wrong:
                return
        self._capacity = closed_loop_capacity(self._loops, limit)
        if self.parameters.curve and self._capacity > 0:
            for share in CURVE_SHARES:
                found = await self._offer(share * self._capacity, f"{share:.0%} of the capacity")
                if share > CURVE_SHARES[0]:
                    self._discard_if_invalid(found)
            lost = {each.value for each in self._invalid_rates}
            points = [
                RatePoint(each.rate or 0.0, each.p99, 1 - (each.goodput or 0.0), valid=each.rate not in lost)
                for each in self.steps
            ]
            self._capacity = checked_capacity(self._capacity, points, limit)
        if self.parameters.peak is not None:
            await self._measure_peak(self.parameters.peak)

    def metrics(self) -> list[Metric]:
        """Return the figures of the server."""
        loop_limit = best_loop_limit(self._loops, self._generator_limits, self.parameters.p99_limit)
        growth = (
            max(0.0, (self._last_memory - self._first_memory) / self._requests)
            if self._requests >= MIN_GROWTH_REQUESTS
            else None
        )
        return [
            Metric(
                FigureId.CAPACITY.value,
                "capacity",
                self._capacity,
                "requests/s",
                censored=bool(loop_limit),
                note=loop_limit or self._why_no_capacity(),
            ),
            *([self._peak] if self._peak is not None else []),
            Metric(FigureId.MEMORY.value, "memory", self._most_memory or None, "bytes"),
            Metric(FigureId.MEMORY_GROWTH.value, "memory growth", growth, "bytes"),
            Metric(FigureId.CPU.value, "CPU per request", cpu_per_request(self._cpu), "s"),
            Metric(WRONG, "wrong responses", self.wrong, note="\n".join(self._evidence)),
            *self._invalid_rates,
        ]

    def _why_no_capacity(self) -> str:
        if self._capacity > 0:
            return ""
        if closed_loop_capacity(self._loops, self.parameters.p99_limit) > 0 and self.steps:
            return f"an open loop of {format_rate(self.steps[0].rate or 0.0)} was already too slow or had wrong answers"
        failed = min((each.failed for each in self._loops), default=0.0)
        return f"{format_share(failed)} of the requests get no correct answer" if failed > MAX_WRONG else ""

    async def _run_closed_loop(self, connections: int) -> None:
        self.experiment.ctx.progress(None, f"closed loop, {connections} connections")
        seconds = loop_seconds(self.parameters.loop, self.experiment.workload)
        found = await self.experiment.run_closed_loop(connections, seconds)
        before, after = self.experiment.usage_at_start, await usage(self.experiment.running.processes())
        mark = found.quantile(0.99)
        p99 = mark[0] if mark and found.ok else None
        self._loops.append(ClosedLoop(connections, found.rate, p99, failed_share(found.ok, found.requests)))
        if found.ok:
            self._cpu.append(((after.cpu - before.cpu) / (after.at - before.at), found.rate))
        self._generator_limits.append(found.health().why)
        await self._note(found, after.at - before.at)

    async def _offer(self, rate: float, name: str) -> GeneratorResult:
        self.experiment.ctx.progress(None, f"open loop, {format_rate(rate)}")
        usual = self.parameters.open_loop
        seconds = min(max(usual, MIN_REQUESTS / rate), MAX_OPEN_LOOP_FACTOR * usual)
        arrivals = FixedCountArrivals(max(1, round(rate * seconds)), seconds, self.parameters.round)
        found = await self.experiment.offer(name, arrivals, seconds, best=min(8, self.parameters.users))
        mark = found.quantile(0.99)
        self.steps.append(
            Step(0, found.goodput, p99=mark[0] if mark else None, rate=rate, censored=bool(mark and mark[1]))
        )
        await self._note(found, trio.current_time() - self.experiment.usage_at_start.at)
        return found

    def _discard_if_invalid(self, found: GeneratorResult) -> None:
        """Let the last rate count for nothing if the generator could not offer it.

        It offered a lower rate, so the machine is quiet enough. Beside a fast server it has no more CPU time.
        """
        why = found.health(NOTICEABLE_SECONDS).why or self.experiment.connection_limit_reason(found)
        if why:
            self.experiment.discard_last()
            rate = self.steps[-1].rate
            self._invalid_rates.append(Metric(INVALID_RATE, "rate that was not offered", rate, "requests/s", note=why))

    async def _measure_peak(self, peak: float) -> None:
        if self._capacity * HOPELESS < peak:
            why = f"the capacity is {format_rate(self._capacity)}, far below the peak"
            self._peak = Metric(FigureId.P99_AT_PEAK.value, "p99 at the peak", None, "s", note=why)
            return
        found = await self._offer(peak, "peak")
        self._peak = peak_metric(found.quantile(0.99), found.goodput, found.health().lateness_p99)

    async def _note(self, found: GeneratorResult, seconds: float) -> None:
        """Keep what every load shows: wrong responses, and the memory after it.

        With its warm-up, and without its lead-in, it took `seconds`.
        """
        self.wrong += found.wrong
        if found.wrong:
            for text, count in (found.error_messages or {}).items():
                self._evidence[f"{text} ({count} times)"] = count
        self._last_memory = await memory(self.experiment.running.processes())
        self._most_memory = max(self._most_memory, self._last_memory)
        if self._first_memory:
            self._requests += found.lead_in_requests + max(found.ok, round(found.rate * seconds))
        else:
            self._first_memory = self._last_memory


def loop_seconds(usual: float, workload: Workload) -> float:
    """Return the length of a closed loop: `usual` seconds, and more for a slow app.

    A login can need a hundred times the CPU time of a page. The rate of a loop that has only a few of both is chance.
    """
    if not isinstance(workload, TrafficWorkload):
        return usual
    enough = MIN_REQUESTS * workload.mean_seconds / len(os.sched_getaffinity(0))
    return max(usual, min(MAX_LOOP_SECONDS, enough))


def best_loop_limit(loops: Sequence[ClosedLoop], generator_limits: Sequence[str], limit: float) -> str:
    """Return why the generator limited the loop whose rate is the capacity, '' if the server did.

    `generator_limits` has a reason or '' for each of `loops`. `limit` is that of p99 in seconds.
    """
    capacity = closed_loop_capacity(loops, limit)
    for loop, why in zip(loops, generator_limits, strict=True):
        if loop.within(limit) and loop.rate == capacity:
            return why
    return ""


def failed_share(ok: int, requests: int) -> float:
    """Return the share of the requests that ended without a correct response."""
    return 1 - ok / requests if requests else 0.0


def peak_metric(mark: tuple[float, bool] | None, goodput: float, lateness: float) -> Metric:
    """Return p99 at the peak from its quantile (seconds, whether it is a lower bound).

    Errors come quickly. If more than 1 % of the requests get one, the user who waits longest waits in vain.
    """
    failed = 1 - goodput
    p99, bound, note = mark[0] if mark else None, bool(mark and mark[1]), ""
    if failed > MAX_WRONG:
        p99, bound = max(p99 or 0.0, TIMEOUT), True
        note = f"{format_share(failed)} of the requests get no correct answer"
    name = FigureId.P99_AT_PEAK.value
    return Metric(name, "p99 at the peak", p99, "s", censored=bound, note=note, lateness=lateness)


def cpu_per_request(loops: Sequence[tuple[float, float]]) -> float | None:
    """Return the seconds of CPU time of a request, from (cores used, requests per second) of each loop.

    0 is less than a clock tick in all loops: the server was idle. None: no response, or a process ended and took its
    count with it.
    """
    cores, rate = (sum(each[place] for each in loops) for place in (0, 1))
    return cores / rate if rate and cores >= 0 else None


def users_rate(users: int, slow_clients: int, peak: float) -> float:
    """Return the requests per second of the `users` who are no slow clients: at most `peak`, if there is one."""
    rate = max(MIN_USERS_RATE, min(MAX_USERS_RATE, USER_RATE * (users - slow_clients)))
    return min(rate, peak) if peak else rate


async def _measure_users(
    ctx: ScenarioContext[Parameters], running: ServerUnderTest, parameters: TrialParameters, slow_clients: int
) -> _Users:
    think_time = parameters.users_phase * LONGEST_THINK_TIME_SHARE
    async with continue_with_traffic(
        ctx,
        running,
        _slow_clients,
        UserTraffic(PageView(size=parameters.size), parameters.users_rate, think_time),
        per_second=CONNECTS_PER_SECOND,
        progress=lambda _fraction, doing: ctx.progress(None, doing),
    ) as traffic:
        alone = await traffic.phase("users alone", parameters.users_phase)
        await traffic.slow_clients.scale_to(slow_clients)
        among = await traffic.phase("slow clients", parameters.users_phase)
        # The harness lowers the rate for a slow server, so that its users are not the load themselves.
        at = f"at {format_rate(traffic.rate)}"
        metrics = (
            Metric(FigureId.GOODPUT_ALONE.value, "users served", alone.goodput, "share", note=at),
            Metric(
                FigureId.GOODPUT_AMONG_SLOW.value, "users served beside slow clients", among.goodput, "share", note=at
            ),
        )
        return _Users((alone, among), metrics, traffic.healthy_users.health(alone, among))


def _slow_clients(running: ServerUnderTest) -> ClientMix:
    paths, authority = running.reference_app_path, running.address.authority
    return ClientMix(
        [
            BadWifi(f"{paths}/page?n=phone&size={SLOW_PAGE_BYTES}", authority),
            SlowBody(f"{paths}/sink", authority, UPLOAD_INTERVAL, UPLOAD_BYTES, UPLOAD_BYTES_PER_INTERVAL),
        ]
    )


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


PARAMETERS = TrialParameters(clients=4096, estimate=0.25, size=2000)
"""The parameters of a trial of the usual length."""

SCENARIO = Scenario(
    id="recommendation",
    title="One trial of a search",
    summary="Capacity within the p99 limit, p99 at the peak, memory, and users among slow clients.",
    run=_measure,
    smoke=PARAMETERS,
    full=PARAMETERS,
    phases_without_slow_clients=(),
)
"""The scenario of a trial. It is no scenario of the catalogue, because its figures mean nothing alone."""
