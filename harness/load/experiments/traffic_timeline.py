"""One server with its healthy users and its slow clients on one time line, phase after phase.

    async with run_traffic(ctx, make_behaviour, ...) as c:
        before = await c.phase("baseline", 2)           healthy users alone
        await c.crowd.scale_to(8)                       slow clients come
        during = await c.phase("during", 7)              the same users among them
        back = await c.recover(before.p99, 4)           slow clients leave

All times are seconds since the healthy users began.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import trio

from wsgi_gauntlet.harness.errors import GauntletError, ServerDidNotStart
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.load.analysis.grading import (
    COLLAPSED_P99_SECONDS,
    STEADY_SECONDS,
    format_seconds,
    format_share,
    recovery_time,
)
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
from wsgi_gauntlet.harness.load.context import ProgressCallback, ScenarioContext, scaled_progress
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage, usage
from wsgi_gauntlet.harness.load.workload import Workload
from wsgi_gauntlet.harness.model import Outcome, Percentile, Phase, Sample
from wsgi_gauntlet.harness.stats.histogram import Histogram
from wsgi_gauntlet.harness.stats.summary import summarize, waiting_times

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.instance import ServerInstance

POLL_SECONDS = 0.1
"""Seconds between two looks at the course while a phase goes on."""

LAST_REQUESTS_GRACE_SECONDS = 0.05
"""Seconds beyond COLLAPSED_P99_SECONDS that the last requests of a phase are given: then it is sure which of them were
late."""

MIN_PHASE_REQUESTS = 8
"""Requests that a phase is to have: with Poisson arrivals none at all then falls into one phase of 3,000."""

MAX_PHASE_EXTENSION_SECONDS = 10.0
"""Seconds that a phase is made longer for MIN_PHASE_REQUESTS requests at most."""

TARGET_RECOVERY_SECONDS = 30.0
"""Seconds in which a server that nobody here can restart is to answer again once its slow clients have gone."""

PROGRESS_SAMPLES = 2000
"""Requests of a phase that the live line is about, the latest ones: it is made ten times a second."""

MAX_TRAFFIC_SECONDS = 24 * 3600.0
"""Seconds that any course lasts at most."""


PHASE_PROGRESS = {
    "warm-up": (0.0, 0.05),
    "baseline": (0.05, 0.2),
    "during": (0.2, 0.6),
    "recovery": (0.6, 0.85),
    "search": (0.85, 1.0),
}
"""The parts of a scenario, as a bar shows them, for phases that do not say their own; a server that stands its slow
clients has no search."""


@dataclass(frozen=True)
class _CurrentPhase:
    name: str
    began: float
    seconds: float
    progress_share: tuple[float, float]


class TrafficTimeline:
    """What goes on between one server and its clients. Made by `course`."""

    def __init__(
        self,
        ctx: ScenarioContext,
        running: ServerInstance,
        healthy_users: HealthyUsers,
        crowd: SlowClientPool,
        rate: float,
        workload: Workload,
        progress: ProgressCallback,
    ) -> None:
        self.running = running
        self.workload = workload
        self.healthy_users = healthy_users
        self.crowd = crowd
        self.rate = rate
        self.phases: list[Phase] = []
        self.held: list[tuple[float, int]] = []
        self.in_flight: list[tuple[float, int]] = []
        self._ctx = ctx
        self._progress = progress
        self._current_phase = _CurrentPhase("warm-up", 0.0, 1.0, PHASE_PROGRESS["warm-up"])

    async def phase(
        self,
        name: str,
        seconds: float,
        *,
        stop_on_collapse: bool = False,
        record: bool = True,
        progress_share: tuple[float, float] | None = None,
    ) -> Phase:
        """Let the users go on for `seconds` and return what those got whose requests were due in that time.

        Where the server's capacity allows few users it takes longer, so that MIN_PHASE_REQUESTS requests are due.
        Requests still on their way a second after the end count as in flight. With `hurry` it ends as soon as it is
        certain that the server has collapsed. On a bar it goes from one end of its `share` of the course to the other.
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
        with trio.move_on_after(COLLAPSED_P99_SECONDS + LAST_REQUESTS_GRACE_SECONDS):
            while any(each.intended < ended for each in self.healthy_users.in_flight_samples()):
                await trio.sleep(POLL_SECONDS / 10)
                if stop_on_collapse and collapse_is_certain(self.healthy_users.samples_since(began), planned):
                    break
        found = summarize(self.healthy_users.samples_since(began), name, began, ended)
        if record:
            self._record_phase(found)
        return found

    def record_interrupted_phase(self) -> None:
        """Keep what users got in the phase that goes on, for a cell that ends here."""
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
        """Let all slow clients go, and return the seconds until users were well served again for STEADY_SECONDS
        seconds.

        None where that did not come within `patience` seconds. The users' own requests from before are ended, too.
        """
        self.healthy_users.cancel_in_flight()
        self.crowd.release()
        released = self.healthy_users.now
        self._current_phase = _CurrentPhase("recovery", released, patience + STEADY_SECONDS, PHASE_PROGRESS["recovery"])
        found = None
        while found is None and self.healthy_users.now < released + patience + STEADY_SECONDS:
            await trio.sleep(POLL_SECONDS)
            # What was due just now may not have been answered yet.
            found = recovery_time(
                self.healthy_users.samples_since(released), released, self._all_answered_until(), baseline_p99
            )
        self._record_phase(
            summarize(self.healthy_users.samples_since(released), "recovery", released, self._all_answered_until())
        )
        return found if found is not None and found <= patience else None

    async def restore_service(self, patience: float = 2.0) -> None:
        """Let all slow clients go and return when the server answers; restart it where it does not for `patience`.

        A target is given TARGET_RECOVERY_SECONDS. Raises what starting a server raises, Unsupported for a target.
        """
        self.healthy_users.cancel_in_flight()
        self.crowd.release()
        if not self._ctx.started_here:
            patience = max(patience, TARGET_RECOVERY_SECONDS)
        with trio.move_on_after(patience):
            while not await self._responds():  # noqa: ASYNC110 - what is waited for happens in another process
                await trio.sleep(POLL_SECONDS)
            return
        await self.running.restart()
        self.healthy_users.address = self.crowd.address = self.running.address

    async def usage(self) -> ResourceUsage:
        """Return what the server's processes use now. Raises Unsupported for a target, whose nobody here can see."""
        return await usage(self.running.processes())

    def percentiles(self) -> tuple[Percentile, ...]:
        """Return the latency curve of each phase, time-outs and the like as the lower bounds they are."""
        curves: list[Percentile] = []
        for phase in self.phases:
            counted = Histogram()
            inside = [each for each in self.healthy_users.samples if phase.started <= each.intended < phase.ended]
            for latency, _ in waiting_times(inside):
                counted.record(round(latency * 1e9))
            curves += counted.percentiles(phase.name)
        return tuple(curves)

    def slow_client_counts(self) -> tuple[tuple[float, int], ...]:
        """Return when how many slow clients were held, without what did not change."""
        changes = [
            (at, held)
            for index, (at, held) in enumerate(self.held)
            if index in (0, len(self.held) - 1) or not self.held[index - 1][1] == held == self.held[index + 1][1]
        ]
        return tuple(changes)

    async def record_counts(self) -> None:
        """Note again and again how many slow clients are held and requests are on their way, and tell of it."""
        while True:
            self._report_progress()
            self.held.append((round(self.healthy_users.now, 3), self.crowd.connected_count))
            self.in_flight.append((self.healthy_users.now, self.healthy_users.in_flight))
            await trio.sleep(POLL_SECONDS)

    def _all_answered_until(self) -> float:
        """Return the time before which every request is answered, given up or at least a second late."""
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
        self._progress(done, f"{name}: {self.crowd.connected_count} slow clients, {describe_progress(lately)}")


def describe_progress(samples: list[Sample]) -> str:
    """Return what users got, for the live line: `97 % answered, p99 12 ms`."""
    if not samples:
        return "nobody asked yet"
    found = summarize(samples, "", 0.0, math.inf)
    answered = f"{format_share(found.goodput)} answered"
    if found.p99 is None:
        return answered
    return f"{answered}, p99 {'≥ ' if found.censored else ''}{format_seconds(found.p99)}"


@asynccontextmanager
async def run_traffic(
    ctx: ScenarioContext,
    make_behaviour: Callable[[ServerInstance], ClientBehaviour],
    *,
    page_view: PageView,
    rate: float,
    per_second: float,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> AsyncIterator[TrafficTimeline]:
    """Start a fresh server, warm it up and let healthy users arrive at `rate` requests per second in all.

    `make_behaviour` makes the slow clients, of which `per_second` can connect each second. At the end of the block all
    clients are gone. `progress` replaces the callback of `ctx` if this is only a part of the scenario. Raises the
    errors of a server start, ServerDidNotStart if the server stops responding, and PageError if the user app
    answers its page with an error.
    """
    progress = progress or scaled_progress(ctx.progress, 0.0, 1.0)
    progress(0.0, "starting a fresh server")
    async with ctx.server() as running:
        try:
            workload = await ctx.workload(running)
            service = await warm_up(running.address, workload, page_view.size)
        except (trio.TooSlowError, OSError) as problem:
            why = (
                f"took over {REQUEST_TIMEOUT_SECONDS:g} s"
                if isinstance(problem, trio.TooSlowError)
                else f"failed: {problem}"
            )
            raise ServerDidNotStart(f"{running.name} answered at first, and then a page {why}") from None
        if not workload.has_requested_size:
            page_view = replace(page_view, assets=0)  # one page of an app says nothing of what else belongs to it
        rate = limit_to_capacity_share(rate, service)
        try:
            async with trio.open_nursery() as nursery:
                healthy_users = HealthyUsers(running.address, page_view, workload=workload, seed=seed)
                crowd = SlowClientPool(
                    running.address,
                    make_behaviour(running),
                    nursery,
                    per_second=per_second,
                    should_pause=healthy_users.about_to_send,
                )
                traffic = TrafficTimeline(ctx, running, healthy_users, crowd, rate, workload, progress)
                nursery.start_soon(traffic.record_counts)
                nursery.start_soon(healthy_users.run, Poisson(rate / page_view.requests, seed), MAX_TRAFFIC_SECONDS)
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
            raise _first_reportable(group) from None


def _first_reportable(group: ExceptionGroup[Exception]) -> Exception:
    """Return the first error in `group` that a user can be told of, else the group."""
    reportable, _ = group.split(GauntletError)
    found: Exception = reportable or group
    while isinstance(found, ExceptionGroup) and (reportable or len(found.exceptions) == 1):
        found = found.exceptions[0]
    return found


def collapse_is_certain(samples_in_phase: list[Sample], planned: float) -> bool:
    """Say whether a phase of `planned` requests is sure to end in collapse, whatever the rest of it brings."""
    late = [each for each in samples_in_phase if each.latency > COLLAPSED_P99_SECONDS]
    return len(late) > max(planned, len(samples_in_phase)) / 100
