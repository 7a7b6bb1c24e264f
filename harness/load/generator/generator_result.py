"""The measurements of a generator, and whether it was fit to make them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.units import format_times
from wsgi_gauntlet.harness.load.generator import generator_health
from wsgi_gauntlet.harness.load.generator.loop import LoopCounters
from wsgi_gauntlet.harness.load.generator.step_figures import StepFigures, merge_steps
from wsgi_gauntlet.harness.model import GeneratorHealth, Outcome, Percentile, Phase, Window
from wsgi_gauntlet.harness.stats.histogram import Histogram
from wsgi_gauntlet.harness.stats.summary import nearest_rank

SUMMED_COUNTS = (
    *("connections", "wrong", "errors", "timeouts", "disconnected", "unfinished", "never_sent", "connects", "dropped"),
    *("refused", "out_of_ports", "connects_pending", "queued_requests", "saturated_responses", "processes"),
    "lead_in_requests",
)
"""The whole numbers of a result that are added up when results are merged."""


def quantile(latency: Histogram, waiting: Histogram, q: float) -> tuple[float, bool] | None:
    """Return the latency in seconds at `q` (0 to 1) and whether it is only a lower bound; None without requests.

    Waiting requests count as slower than every response.
    """
    answered, unanswered = len(latency), len(waiting)
    if not answered + unanswered:
        return None
    place = nearest_rank(answered + unanswered, q)
    if place <= answered:
        return latency.quantile(place / answered), False
    return waiting.quantile((place - answered) / unanswered), True


@dataclass(frozen=True)
class GeneratorWindow:
    """The results of the `scheduled` requests that were due in the `seconds` after `at` (seconds since the start).

    A response counts in the window in which it was due, however late it arrived. So the last windows are complete.
    """

    at: float
    seconds: float
    scheduled: int
    latency: Histogram
    waiting: Histogram

    @property
    def ok(self) -> int:
        """The number of correct responses."""
        return len(self.latency)

    @property
    def goodput(self) -> float:
        """Correct responses / scheduled requests, 1 without requests."""
        return self.ok / self.scheduled if self.scheduled else 1.0

    def quantile(self, q: float) -> tuple[float, bool] | None:
        """Return the quantile `q` of these requests; see `quantile`."""
        return quantile(self.latency, self.waiting, q)

    def window(self, started: float = 0.0) -> Window:
        """Return the figures of the report. The generator began `started` seconds after the scenario."""
        p50, p99 = (mark and mark[0] for mark in (self.quantile(0.5), self.quantile(0.99)))
        return Window(started + self.at, self.seconds, self.scheduled / self.seconds, self.goodput, p50, p99)


@dataclass(frozen=True)
class GeneratorResult:
    """The measurements of one generator without its warm-up. Counts are of requests, times in seconds.

    Histograms are in nanoseconds. `latency` has the correct responses only. In a closed loop it counts from the moment
    at which the loop began the request (its send, or the connect if one is needed) to the end of the response. In an
    open loop it counts from the intended time, and `service` from that moment. `waiting` has lower bounds: the requests
    that timed out or were never sent, and those in flight at the end that waited far longer than a usual response.
    `unfinished` counts all requests in flight at the end. `never_sent` counts requests for which an open loop had no
    connection.

    `disconnected` counts the errors in which the server closed or reset the connection before the whole response.
    `dropped` counts kept connections that the server closed during a request before any response. A client may repeat
    such a request (RFC 9110, section 9.2.2), and the loop repeats it once on a new connection. `refused` counts failed
    connects, `out_of_ports` those that failed because no local port was free. `connects_pending` counts connections
    that the server had not accepted at the end. `error_messages` has each error with its number.

    `response_gap` is the longest time in which requests waited and no correct response arrived; it began at
    `response_gap_at`. `generator_stall` is the longest time in which the generator itself did not run.
    `queued_requests` counts the requests of an open loop that were due while all its connections were busy.
    `saturated_seconds` is that time, multiplied by the connections, and `saturated_responses` the correct responses in
    it.

    `lateness` is from the intended time to the moment at which the loop began the request. `windows` belong to an open
    loop. `began` is the time.monotonic() at which counting began. A merged result comes from as many `processes`;
    `busiest_cpu_share` is the largest share of a core among them. `steps` are the figures of each step of the traffic.
    `lead_in_requests` were sent before (lead_in.py), and no other figure counts them.
    """

    connections: int
    seconds: float
    cpu_seconds: float
    latency: Histogram
    service: Histogram
    waiting: Histogram
    wrong: int = 0
    errors: int = 0
    timeouts: int = 0
    disconnected: int = 0
    unfinished: int = 0
    never_sent: int = 0
    connects: int = 0
    dropped: int = 0
    refused: int = 0
    out_of_ports: int = 0
    connects_pending: int = 0
    error_messages: Mapping[str, int] | None = None
    offered: float | None = None
    achieved: float | None = None
    lateness: Histogram | None = None
    windows: tuple[GeneratorWindow, ...] = ()
    began: float = 0.0
    response_gap: float = 0.0
    response_gap_at: float = 0.0
    generator_stall: float = 0.0
    queued_requests: int = 0
    saturated_seconds: float = 0.0
    saturated_responses: int = 0
    processes: int = 1
    busiest_cpu_share: float | None = None
    steps: tuple[StepFigures, ...] = ()
    lead_in_requests: int = 0

    @property
    def ok(self) -> int:
        """The number of complete responses with the correct status and body."""
        return len(self.latency)

    @property
    def requests(self) -> int:
        """The number of requests that ended in time, successfully or not."""
        return self.ok + self.wrong + self.errors + self.timeouts

    @property
    def scheduled(self) -> int:
        """The denominator of goodput. It includes requests in flight at the end and requests that were never sent."""
        return self.requests + self.unfinished + self.never_sent

    @property
    def goodput(self) -> float:
        """Correct responses / scheduled requests, without the last requests of a closed loop, which its end cut off."""
        counted = self.scheduled - (self.unfinished - self.overdue if self.offered is None else 0)
        return self.ok / counted if counted else 1.0

    @property
    def overdue(self) -> int:
        """The number of unfinished requests that hung; see `waiting`."""
        return len(self.waiting) - self.timeouts - self.never_sent

    @property
    def rate(self) -> float:
        """Correct responses per second."""
        return self.ok / self.seconds if self.seconds > 0 else 0.0

    @property
    def cpu_share(self) -> float:
        """The share of one core that the generator used, 0 to 1; of several processes the largest share."""
        if self.busiest_cpu_share is not None:
            return self.busiest_cpu_share
        return self.cpu_seconds / self.seconds if self.seconds > 0 else 0.0

    @property
    def requests_per_connection(self) -> float:
        """About 1 if the server closes the connection after each response."""
        return self.requests / max(1, self.connects)

    def quantile(self, q: float) -> tuple[float, bool] | None:
        """Return the latency in seconds at `q` (0 to 1) and whether it is only a lower bound; None without requests."""
        return quantile(self.latency, self.waiting, q)

    def percentiles(self, phase: str) -> tuple[Percentile, ...]:
        """Return the latency curve of the correct responses, for the percentile chart of the report."""
        return self.latency.percentiles(phase)

    def phase(self, name: str, started: float) -> Phase:
        """Return the figures as a phase that began `started` seconds after the scenario.

        The last requests of a closed loop, cut off by its end, do not count as scheduled; see `goodput`.
        """
        marks = [self.quantile(q) for q in (0.5, 0.9, 0.99, 1.0)]
        p50, p90, p99, maximum = (mark and mark[0] for mark in marks)
        unfinished = self.unfinished if self.offered is not None else self.overdue
        outcomes = {
            Outcome.OK: self.ok,
            Outcome.WRONG: self.wrong,
            Outcome.ERROR: self.errors,
            Outcome.TIMEOUT: self.timeouts,
            Outcome.UNFINISHED: unfinished,
            Outcome.NEVER_SENT: self.never_sent,
        }
        return Phase(
            name,
            started,
            started + self.seconds,
            sum(outcomes.values()),
            {outcome.value: count for outcome, count in outcomes.items()},
            self.goodput,
            p50=p50,
            p90=p90,
            p99=p99,
            maximum=maximum,
            service_p99=self.service.quantile(0.99) if self.ok else None,
            censored=bool(marks[2] and marks[2][1]),
        )

    def health(self, time_resolution: float = 0.0) -> GeneratorHealth:
        """Return whether the generator kept up, and the reason if not.

        `time_resolution` is the shortest time in seconds that decides anything, 0 where latencies are reported.
        """
        late = 0.0 if self.lateness is None else generator_health.lateness_p99(self.lateness)
        why = self._invalid_reason(late, time_resolution)
        achieved = self.rate if self.achieved is None else self.achieved
        return GeneratorHealth(not why, self.cpu_share, late, self.offered or 0.0, achieved, why)

    def with_counters(self, counters: LoopCounters) -> GeneratorResult:
        """Return this result with the counters of the loop that measured it."""
        return dataclasses.replace(
            self,
            wrong=counters.wrong,
            errors=counters.errors,
            timeouts=counters.timeouts,
            disconnected=counters.disconnected,
            connects=counters.connects,
            dropped=counters.dropped,
            refused=counters.refused,
            out_of_ports=counters.out_of_ports,
            error_messages=dict(counters.error_messages),
            response_gap=counters.response_gap.longest / 1e9,
            response_gap_at=(counters.response_gap.began - counters.since) / 1e9,
            generator_stall=counters.generator_stall / 1e9,
        )

    def _invalid_reason(self, late: float, time_resolution: float) -> str:
        if self.out_of_ports:
            return (
                f"the machine ran out of local ports {format_times(self.out_of_ports)}; "
                "wait a minute, or use fewer connections"
            )
        if self.offered is None:
            if self.cpu_share > generator_health.MAX_CPU_SHARE:
                return (
                    f"the generator used {self.cpu_share * 100:.0f} % of its core, so it may have measured itself; "
                    "use fewer connections or a machine with more cores"
                )
            return ""
        # In a short run one late send, if it is the last, is 1 % of the time. A generator that falls behind is later.
        only_last = self.lateness is not None and late < (1 - generator_health.MIN_SENT_SHARE) * self.seconds / 2
        achieved = self.offered if self.achieved is None or only_last else self.achieved
        half = self.quantile(0.5)
        return generator_health.late_reason(
            offered=self.offered,
            achieved=achieved,
            lateness=late,
            p50=half[0] if half else None,
            time_resolution=time_resolution,
        )


def merge_results(results: Iterable[GeneratorResult]) -> GeneratorResult:
    """Return the result of one generator that did the work of all `results` at the same time. Nothing is lost.

    Counts, rates, CPU time and histograms are added up, windows by their time. Raises ValueError for no results.
    """
    every = tuple(results)
    if not every:
        raise ValueError("at least one result is needed to merge results")
    if len(every) == 1:
        return every[0]
    error_messages: Counter[str] = Counter()
    for each in every:
        error_messages.update(each.error_messages or {})
    latency = Histogram.merged(each.latency for each in every)
    # In a closed loop both are the same histogram.
    separate = any(each.service is not each.latency for each in every)
    lateness = [each.lateness for each in every if each.lateness is not None]
    began = min(each.began for each in every)
    # No process received a response while all of them had their longest gap.
    gap_began = max(each.began + each.response_gap_at for each in every)
    gap_ended = min(each.began + each.response_gap_at + each.response_gap for each in every)
    sums: dict[str, int] = {name: sum(getattr(each, name) for each in every) for name in SUMMED_COUNTS}
    return GeneratorResult(
        seconds=max(each.seconds for each in every),
        cpu_seconds=sum(each.cpu_seconds for each in every),
        latency=latency,
        service=Histogram.merged(each.service for each in every) if separate else latency,
        waiting=Histogram.merged(each.waiting for each in every),
        error_messages=dict(error_messages),
        offered=_sum_known(each.offered for each in every),
        achieved=_sum_known(each.achieved for each in every),
        lateness=Histogram.merged(lateness) if lateness else None,
        windows=_merged_windows(every),
        began=began,
        response_gap=max(0.0, gap_ended - gap_began),
        response_gap_at=gap_began - began,
        generator_stall=max(each.generator_stall for each in every),
        saturated_seconds=sum(each.saturated_seconds for each in every),
        busiest_cpu_share=max(each.cpu_share for each in every),
        steps=merge_steps(each.steps for each in every),
        **sums,
    )


def _merged_windows(results: Iterable[GeneratorResult]) -> tuple[GeneratorWindow, ...]:
    by_time: dict[float, list[GeneratorWindow]] = {}
    for result in results:
        for each in result.windows:
            by_time.setdefault(each.at, []).append(each)
    return tuple(
        GeneratorWindow(
            at,
            max(each.seconds for each in same),
            sum(each.scheduled for each in same),
            Histogram.merged(each.latency for each in same),
            Histogram.merged(each.waiting for each in same),
        )
        for at, same in sorted(by_time.items())
    )


def _sum_known(rates: Iterable[float | None]) -> float | None:
    known = [each for each in rates if each is not None]
    return sum(known) if known else None
