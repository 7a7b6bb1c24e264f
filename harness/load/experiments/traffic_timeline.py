"""Run healthy users and slow clients against one server, phase after phase.

    async with run_traffic(ctx, make_behaviour, ...) as traffic:
        before = await traffic.phase("baseline", 2)                 healthy users alone
        await traffic.slow_clients.scale_to(8)                      slow clients connect
        during = await traffic.phase("during", 7)                   the same users among them
        recovered = await traffic.wait_for_recovery(before.p99, 4)  slow clients leave

All times are seconds since the healthy users began.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import trio

from wsgi_gauntlet.harness.errors import PageError, ServerDidNotStart, ServerError, reportable_error
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.load.analysis.grading import (
    COLLAPSED_P99_SECONDS,
    STEADY_SECONDS,
    recovery_time,
)
from wsgi_gauntlet.harness.load.analysis.units import format_seconds, format_share
from wsgi_gauntlet.harness.load.arrivals import Poisson
from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour
from wsgi_gauntlet.harness.load.clients.healthy_users import (
    REQUEST_TIMEOUT_SECONDS,
    HealthyUsers,
    PageView,
    limit_to_capacity_share,
    warm_up,
)
from wsgi_gauntlet.harness.load.clients.slow_client_pool import SlowClientPool
from wsgi_gauntlet.harness.load.clients.slow_clients import SlowClients
from wsgi_gauntlet.harness.load.context import ProgressCallback, ScenarioContext, scaled_progress
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.load.probes.memory import memory
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage, usage
from wsgi_gauntlet.harness.load.traffic_workload import TrafficWorkload
from wsgi_gauntlet.harness.load.workload import Workload
from wsgi_gauntlet.harness.model import Outcome, Percentile, Phase, Sample
from wsgi_gauntlet.harness.stats.histogram import Histogram
from wsgi_gauntlet.harness.stats.summary import summarize, waiting_times

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

POLL_SECONDS = 0.1
"""Seconds between two checks while a phase continues."""

LAST_REQUESTS_GRACE_SECONDS = 0.05
"""Seconds beyond COLLAPSED_P99_SECONDS for the last requests of a phase, so that it is certain which were late."""

MIN_PHASE_REQUESTS = 8
"""Requests that a phase must have. With Poisson arrivals one phase in 3,000 then has none."""

MAX_PHASE_EXTENSION_SECONDS = 10.0
"""The longest extension of a phase for MIN_PHASE_REQUESTS requests, in seconds."""

TARGET_RECOVERY_SECONDS = 30.0
"""Seconds in which a remote server, which the harness cannot restart, must respond after the slow clients have left."""

PROGRESS_SAMPLES = 2000
"""Latest requests of a phase in the progress line, which is computed ten times per second."""

ARRIVALS_SEED = 0
"""Every scenario has the same arrivals."""

MAX_TRAFFIC_SECONDS = 24 * 3600.0
"""The longest duration of the traffic, in seconds."""


PHASE_PROGRESS = {
    "warm-up": (0.0, 0.05),
    "baseline": (0.05, 0.2),
    "during": (0.2, 0.6),
    "recovery": (0.6, 0.85),
    "search": (0.85, 1.0),
}
"""The parts of a progress bar, for phases without a `progress_share`. There is no search if the server withstands the
slow clients."""


@dataclass(frozen=True, kw_only=True)
class TrafficParameters(Parameters):
    """Parameters of all scenarios with a baseline of healthy users."""

    rate: Annotated[float, Parameter("requests/s", "rate of the healthy users")]
    baseline: Annotated[float, Parameter("s", "time with healthy users alone, before everything else")]


@dataclass(frozen=True)
class UserTraffic:
    """Healthy users who view pages, and who send `rate` requests per second in all.

    In phases that are shorter than the think times of traffic, `longest_think_time` (seconds) lets users come to their
    later steps.
    """

    page_view: PageView
    rate: float
    longest_think_time: float = math.inf


@dataclass(frozen=True)
class _CurrentPhase:
    name: str
    began: float
    seconds: float
    progress_share: tuple[float, float]


class TrafficTimeline:
    """The traffic between one server and its clients. Made by `run_traffic`."""

    def __init__(
        self,
        ctx: ScenarioContext[Parameters],
        running: ServerUnderTest,
        healthy_users: HealthyUsers,
        slow_clients: SlowClients,
        rate: float,
        workload: Workload,
        progress: ProgressCallback,
    ) -> None:
        self.running = running
        self.workload = workload
        self.healthy_users = healthy_users
        self.slow_clients = slow_clients
        self.rate = rate
        self.phases: list[Phase] = []
        self._slow_client_counts: list[tuple[float, int]] = []
        self.in_flight: list[tuple[float, int]] = []
        self.memory_before_clients: int | None = None
        """Bytes of memory of the server just before the slow clients came, None if nobody has read it."""
        self._ctx = ctx
        self._progress = progress
        self._current_phase = _CurrentPhase("warm-up", 0.0, 1.0, PHASE_PROGRESS["warm-up"])

    async def phase(
        self,
        name: str,
        seconds: float,
        *,
        stop_on_collapse: bool = False,
        until_answered: bool = False,
        record: bool = True,
        progress_share: tuple[float, float] | None = None,
    ) -> Phase:
        """Continue the traffic for `seconds` and return the phase of the requests that were due in that time.

        At a low rate it takes longer, so that MIN_PHASE_REQUESTS requests are due. Requests without a response one
        second after the end count as in flight. With `until_answered` the phase waits for all of them, up to the time
        at which users give up. With `stop_on_collapse` the phase ends as soon as the collapse is certain. Without
        `record` the phase is not part of the result. `progress_share` is its part of the progress bar.
        """
        began = self.healthy_users.now
        seconds = max(seconds, min(MIN_PHASE_REQUESTS / self.rate, MAX_PHASE_EXTENSION_SECONDS))
        self._current_phase = _CurrentPhase(
            name, began, seconds, progress_share or PHASE_PROGRESS.get(name, PHASE_PROGRESS["search"])
        )
        planned = seconds * self.rate
        while self.healthy_users.now < began + seconds:
            await trio.sleep(min(POLL_SECONDS, max(0.0, began + seconds - self.healthy_users.now)))
            if stop_on_collapse and collapse_is_certain(self.healthy_users.samples_since(began), planned):
                break
        ended = self.healthy_users.now
        longest = REQUEST_TIMEOUT_SECONDS if until_answered else COLLAPSED_P99_SECONDS
        with trio.move_on_after(longest + LAST_REQUESTS_GRACE_SECONDS):
            while any(each.intended < ended for each in self.healthy_users.in_flight_samples()):
                await trio.sleep(POLL_SECONDS / 10)
                if stop_on_collapse and collapse_is_certain(self.healthy_users.samples_since(began), planned):
                    break
        found = summarize(self.healthy_users.samples_since(began), name, began, ended)
        if record:
            self._record_phase(found)
        return found

    def record_interrupted_phase(self) -> None:
        """Keep the current phase for a result that ends here."""
        name, began = self._current_phase.name, self._current_phase.began
        if self.phases and began < self.phases[-1].ended:
            return
        samples_in_phase = self.healthy_users.samples_since(began)
        if samples_in_phase:
            self._ctx.finished_phases.append(
                summarize(samples_in_phase, f"{name}, cut short", began, self.healthy_users.now)
            )

    def _record_phase(self, found: Phase) -> None:
        self.phases.append(found)
        self._ctx.finished_phases.append(found)

    async def wait_for_recovery(self, baseline_p99: float | None, patience: float) -> float | None:
        """Disconnect all slow clients, and return the seconds until STEADY_SECONDS seconds of good service.

        Returns None if that did not come within `patience` seconds. Earlier requests of the users are cancelled.
        """
        self.healthy_users.cancel_in_flight()
        self.slow_clients.release()
        released = self.healthy_users.now
        self._current_phase = _CurrentPhase("recovery", released, patience + STEADY_SECONDS, PHASE_PROGRESS["recovery"])
        found = None
        while found is None and self.healthy_users.now < released + patience + STEADY_SECONDS:
            await trio.sleep(POLL_SECONDS)
            # The latest requests may still wait for their response.
            found = recovery_time(
                self.healthy_users.samples_since(released), released, self._all_answered_until(), baseline_p99
            )
        self._record_phase(
            summarize(self.healthy_users.samples_since(released), "recovery", released, self._all_answered_until())
        )
        return found if found is not None and found <= patience else None

    async def restore_service(self, patience: float = 2.0) -> None:
        """Disconnect all slow clients and wait until the server responds; restart it after `patience` seconds.

        A remote server gets TARGET_RECOVERY_SECONDS. Raises the errors of a server start, Unsupported for a remote
        server.
        """
        self.healthy_users.cancel_in_flight()
        self.slow_clients.release()
        if not self._ctx.started_here:
            patience = max(patience, TARGET_RECOVERY_SECONDS)
        with trio.move_on_after(patience):
            while not await self._responds():  # noqa: ASYNC110 - another process decides
                await trio.sleep(POLL_SECONDS)
            return
        await self.running.restart()
        self.slow_clients.address = self.running.address
        self.healthy_users.visit(self.running.address, self.workload)
        answers = False
        with trio.move_on_after(REQUEST_TIMEOUT_SECONDS):
            while not (answers := await self._responds()):  # noqa: ASYNC110 - another process decides
                await trio.sleep(POLL_SECONDS)
        if not answers:
            # Each start may change the page, for example its port. Then all responses would be wrong.
            with suppress(PageError, ServerError, OSError):
                self.workload = await self._ctx.workload(self.running, learn_again=True)
                self.healthy_users.visit(self.running.address, self.workload)

    async def usage(self) -> ResourceUsage:
        """Return what the processes of the server use now. Raises Unsupported for a remote server."""
        return await usage(self.running.processes())

    async def memory(self) -> int:
        """Return the bytes of memory that the server uses now. Raises Unsupported for a remote server."""
        return await memory(self.running.processes())

    def percentiles(self) -> tuple[Percentile, ...]:
        """Return the latency curve of each phase. Requests without a response count with their lower bound."""
        curves: list[Percentile] = []
        for phase in self.phases:
            counted = Histogram()
            inside = [each for each in self.healthy_users.samples if phase.started <= each.intended < phase.ended]
            for latency, _ in waiting_times(inside):
                counted.record(round(latency * 1e9))
            curves += counted.percentiles(phase.name)
        return tuple(curves)

    def slow_client_counts(self) -> tuple[tuple[float, int], ...]:
        """Return the numbers of connected slow clients with their times, without repeated numbers."""
        changes = [
            (at, count)
            for index, (at, count) in enumerate(self._slow_client_counts)
            if index in (0, len(self._slow_client_counts) - 1)
            or not self._slow_client_counts[index - 1][1] == count == self._slow_client_counts[index + 1][1]
        ]
        return tuple(changes)

    async def record_counts(self) -> None:
        """Record the slow clients and the requests in flight repeatedly, and report progress."""
        while True:
            self._report_progress()
            self._slow_client_counts.append((round(self.healthy_users.now, 3), self.slow_clients.connected_count))
            self.in_flight.append((self.healthy_users.now, self.healthy_users.in_flight))
            await trio.sleep(POLL_SECONDS)

    def _all_answered_until(self) -> float:
        """Return the time before which every request has a response, is given up, or is at least a second late."""
        fresh = [
            each.intended for each in self.healthy_users.in_flight_samples() if each.latency < COLLAPSED_P99_SECONDS
        ]
        return min(fresh, default=self.healthy_users.now)

    async def _responds(self) -> bool:
        try:
            connection = await HttpConnection.open(self.running.address)
        except OSError:
            return False
        try:
            response = await connection.send_request(
                self.workload.request(self.running.address, "again", 100, keep=False)
            )
        except OSError:
            return False
        finally:
            connection.close()
        return self.workload.outcome(response, "again", 100) is Outcome.OK

    def _report_progress(self) -> None:
        name, began, seconds = self._current_phase.name, self._current_phase.began, self._current_phase.seconds
        until = self.healthy_users.now - POLL_SECONDS
        lately = [*self.healthy_users.samples[-PROGRESS_SAMPLES:], *self.healthy_users.in_flight_samples()]
        lately = [each for each in lately if began <= each.intended < until]
        begin, end = self._current_phase.progress_share
        done = begin + (end - begin) * min((self.healthy_users.now - began) / seconds, 1.0)
        slow = self.slow_clients.connected_count
        clients = f"{slow} slow client{'' if slow == 1 else 's'}"
        self._progress(done, f"{name}: {clients}, {describe_progress(lately)}")


def describe_progress(samples: list[Sample]) -> str:
    """Return the service of the users for the progress line: `97 % answered, p99 12 ms`."""
    if not samples:
        return "no request yet"
    found = summarize(samples, "", 0.0, math.inf)
    answered = f"{format_share(found.goodput)} answered"
    if found.p99 is None:
        return answered
    return f"{answered}, p99 {'≥ ' if found.censored else ''}{format_seconds(found.p99)}"


@asynccontextmanager
async def run_traffic(
    ctx: ScenarioContext[Parameters],
    make_behaviour: Callable[[ServerUnderTest], ClientBehaviour],
    *,
    page_view: PageView,
    rate: float,
    per_second: float,
    progress: ProgressCallback | None = None,
) -> AsyncIterator[TrafficTimeline]:
    """Start a fresh server, warm it up and let healthy users arrive at `rate` requests per second in all.

    `make_behaviour` makes the slow clients. In each second, `per_second` of them can connect. At the end of the block
    all clients are gone. `progress` replaces the callback of `ctx` if this is only a part of the scenario.

    Raises the errors of a server start, and those of `continue_with_traffic`.
    """
    progress = progress or scaled_progress(ctx.progress, 0.0, 1.0)
    progress(0.0, "starting a fresh server")
    async with (
        ctx.server() as running,
        continue_with_traffic(
            ctx, running, make_behaviour, UserTraffic(page_view, rate), per_second=per_second, progress=progress
        ) as traffic,
    ):
        yield traffic


@asynccontextmanager
async def continue_with_traffic(
    ctx: ScenarioContext[Parameters],
    running: ServerUnderTest,
    make_behaviour: Callable[[ServerUnderTest], ClientBehaviour],
    users: UserTraffic,
    *,
    per_second: float,
    progress: ProgressCallback,
) -> AsyncIterator[TrafficTimeline]:
    """Warm up a server that runs, and let `users` and slow clients come to it.

    `make_behaviour` makes the slow clients. In each second, `per_second` of them can connect. At the end of the block
    all clients are gone, and the server still runs.

    Raises ServerDidNotStart if the server stops responding, and PageError if the user app answers its page with an
    error.
    """
    page_view = users.page_view
    try:
        workload = await ctx.workload(running)
        service = await warm_up(running.address, workload, page_view.size)
    except (trio.TooSlowError, OSError) as problem:
        why = (
            f"took over {REQUEST_TIMEOUT_SECONDS:g} s"
            if isinstance(problem, trio.TooSlowError)
            else f"failed: {problem}"
        )
        raise ServerDidNotStart(f"{running.name} responded at first, and then a page {why}") from None
    if not workload.has_requested_size:
        page_view = replace(page_view, assets=0)  # the assets of a user app are unknown
    requests_per_arrival = float(page_view.requests)
    if isinstance(workload, TrafficWorkload):
        requests_per_arrival, service = workload.requests_per_step, service * workload.latency_ratio
    rate = limit_to_capacity_share(users.rate, service)
    try:
        async with trio.open_nursery() as nursery:
            healthy_users = HealthyUsers(
                running.address,
                page_view,
                workload=workload,
                seed=ARRIVALS_SEED,
                longest_think_time=users.longest_think_time,
            )
            behaviour = make_behaviour(running)
            on_workers = ctx.machines and ctx.machines.slow_clients(
                running.address, behaviour, nursery, per_second=per_second
            )
            slow_clients = on_workers or SlowClientPool(
                running.address,
                behaviour,
                nursery,
                per_second=per_second,
                should_pause=healthy_users.about_to_send,
            )
            traffic = TrafficTimeline(ctx, running, healthy_users, slow_clients, rate, workload, progress)
            nursery.start_soon(traffic.record_counts)
            nursery.start_soon(
                healthy_users.run, Poisson(rate / requests_per_arrival, ARRIVALS_SEED), MAX_TRAFFIC_SECONDS
            )
            whole = False
            try:
                yield traffic
                whole = True
            finally:
                if not whole:
                    traffic.record_interrupted_phase()
            nursery.cancel_scope.cancel()
    except ExceptionGroup as group:
        # A nursery wraps what the block raised; the run tells errors apart by their type.
        raise reportable_error(group) from None


def collapse_is_certain(samples_in_phase: list[Sample], planned: float) -> bool:
    """Say whether a phase of `planned` requests must end in collapse, whatever follows."""
    late = [each for each in samples_in_phase if each.latency > COLLAPSED_P99_SECONDS]
    return len(late) > max(planned, len(samples_in_phase)) / 100
