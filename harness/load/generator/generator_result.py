"""What a lane measured, and whether the generator was fit to measure it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wsgi_gauntlet.harness.load.analysis.units import format_times
from wsgi_gauntlet.harness.load.generator.connections import OutcomeCounts
from wsgi_gauntlet.harness.model import GeneratorHealth, Outcome, Percentile, Phase, Window
from wsgi_gauntlet.harness.stats.histogram import Histogram
from wsgi_gauntlet.harness.stats.summary import nearest_rank

MIN_SENT_SHARE = 0.99
"""Share of the offered rate below which an open loop proves nothing about the server (SCENARIOS.md, method 2)."""

LATENESS = 1e-3
"""Seconds that the p99 of the generator's own lateness may be, however quick the server (method 2)."""

LATENESS_OF_P50 = 0.1
"""Or this share of the p50 measured, whichever is more (method 2)."""

BUSY = 0.95
"""Share of a core above which a closed loop measured its generator: beyond it nobody knows who waited for whom."""


def quantile(latency: Histogram, waiting: Histogram, q: float) -> tuple[float, bool] | None:
    """Return the latency in seconds at `q` (0 to 1) and whether it is only a lower bound; None without requests.

    What is waiting stands above every answer: it outlasted them all, or its time-out.
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
    """What became of the `scheduled` requests that were due in `seconds` from `at`, in seconds from the lane's start.

    An answer counts here by when it was due, however late it came; so the last windows are whole too.
    """

    at: float
    seconds: float
    scheduled: int
    latency: Histogram
    waiting: Histogram

    @property
    def ok(self) -> int:
        """How many answers were right."""
        return len(self.latency)

    @property
    def goodput(self) -> float:
        """Right answers / scheduled requests, 1 where none was."""
        return self.ok / self.scheduled if self.scheduled else 1.0

    def quantile(self, q: float) -> tuple[float, bool] | None:
        """Return what `GeneratorResult.quantile` does, of these requests."""
        return quantile(self.latency, self.waiting, q)

    def window(self, started: float = 0.0) -> Window:
        """Return the figures as the report has them, for a lane that began `started` seconds into the scenario."""
        p50, p99 = (mark and mark[0] for mark in (self.quantile(0.5), self.quantile(0.99)))
        return Window(started + self.at, self.seconds, self.scheduled / self.seconds, self.goodput, p50, p99)


@dataclass(frozen=True)
class GeneratorResult:
    """One lane's measurements, warm-up left out. Counts are of requests, times in seconds, histograms in nanoseconds.

    `latency` holds the right answers only: in a closed loop from the moment the lane turned to the request (the send,
    or the connect where one is needed) to the end of its answer; in an open loop from the intended time. `service`
    counts from that moment in both. `waiting` holds lower bounds: time-outs, and requests still in flight at the end
    that had waited longer than any answer and ten times the median. `unfinished` counts all that were in flight at the
    end, `never_sent` what an open loop found no connection for.

    `dropped` counts kept connections that the server closed while a request was under way before any answer; a client
    may repeat such a request (RFC 9110, section 9.2.2), and so does the lane, once, on a new connection. `refused`
    counts connects that failed, `out_of_ports` those that failed for want of a local port. `knocking` counts
    connections that the server had not let in when the lane ended. `troubles` has what went wrong in words, with how
    often.

    `silence` is the longest time in which requests waited and none was rightly answered, from `response_gap_at` on;
    `generator_stall` is the longest time that the generator itself did not come round. `waited` counts the requests of
    an open loop that were due while all of its connections were busy. While that was so, connections x seconds add up
    to `saturated_seconds`, and `saturated_responses` right answers came.

    `lateness` is the generator's own: from the intended time to the moment the lane turned to the request. `windows`
    are an open loop's, where they were asked for. `began` is the time.monotonic() at which counting began. Several
    lanes that were merged ran in as many `processes`, and `busiest_cpu_share` is what the busiest took of its core.
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

    @property
    def ok(self) -> int:
        """How many answers were complete, with the right status and the right body."""
        return len(self.latency)

    @property
    def requests(self) -> int:
        """How many requests came to an end within the time, well or badly."""
        return self.ok + self.wrong + self.errors + self.timeouts

    @property
    def scheduled(self) -> int:
        """Goodput's denominator: also what was in flight at the end and what was never sent."""
        return self.requests + self.unfinished + self.never_sent

    @property
    def goodput(self) -> float:
        """Right answers / scheduled requests. A closed loop's last requests, cut off by its end, do not count."""
        asked = self.scheduled - (self.unfinished - self.overdue if self.offered is None else 0)
        return self.ok / asked if asked else 1.0

    @property
    def overdue(self) -> int:
        """How many of the unfinished hung: see `waiting`."""
        return len(self.waiting) - self.timeouts - self.never_sent

    @property
    def rate(self) -> float:
        """Right answers per second."""
        return self.ok / self.seconds if self.seconds > 0 else 0.0

    @property
    def cpu_share(self) -> float:
        """What the lane's thread took of one core, 0 to 1; of several lanes the busiest one's."""
        if self.busiest_cpu_share is not None:
            return self.busiest_cpu_share
        return self.cpu_seconds / self.seconds if self.seconds > 0 else 0.0

    @property
    def requests_per_connection(self) -> float:
        """About 1 where the server closes after each answer."""
        return self.requests / max(1, self.connects)

    def quantile(self, q: float) -> tuple[float, bool] | None:
        """Return the latency in seconds at `q` (0 to 1) and whether it is only a lower bound; None without requests.

        What is waiting stands above every answer: it outlasted them all, or its time-out.
        """
        return quantile(self.latency, self.waiting, q)

    def percentiles(self, phase: str) -> tuple[Percentile, ...]:
        """Return the curve over the right answers, for the report's percentile chart."""
        return self.latency.percentiles(phase)

    def phase(self, name: str, started: float) -> Phase:
        """Return the figures as a phase that began `started` seconds into the scenario.

        A closed loop's last requests, cut off by its end, were not scheduled; see `goodput`.
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
        """Say whether the generator kept up, and why not.

        `judged` is the shortest time in seconds that decides anything, 0 where latencies are quoted for their own sake.
        """
        lateness = _lateness_p99(self.lateness) if self.lateness else 0.0
        offered = self.offered or 0.0
        achieved = self.rate if self.achieved is None else self.achieved
        return GeneratorHealth(
            valid=not (why := self._invalid_reason(lateness, time_resolution)),
            cpu_share=self.cpu_share,
            lateness_p99=lateness,
            offered=offered,
            achieved=achieved,
            why=why,
        )

    def _invalid_reason(self, lateness: float, time_resolution: float) -> str:
        if self.out_of_ports:
            return (
                f"the machine ran out of local ports {format_times(self.out_of_ports)}; "
                "wait a minute, or ask for fewer connections"
            )
        if self.offered is None:
            if self.cpu_share > BUSY:
                return (
                    f"the generator took {self.cpu_share * 100:.0f} % of its core, so its own speed may be what was "
                    "measured; use fewer connections or a machine with more cores"
                )
            return ""
        # In a short run one late send is a hundredth of the time, if it is the last: who falls behind is late for long.
        last_alone = self.lateness is not None and lateness < (1 - MIN_SENT_SHARE) * self.seconds / 2
        if self.achieved is not None and self.achieved < MIN_SENT_SHARE * self.offered and not last_alone:
            return (
                f"only {self.achieved:.4g} of {self.offered:.4g} requests a second were begun; lower the rate, or stop "
                "what else runs on this machine"
            )
        half = self.quantile(0.5)
        allowed = max(LATENESS, LATENESS_OF_P50 * max(time_resolution, half[0] if half else 0.0))
        if lateness > allowed:
            return (
                f"1 % of the requests were begun more than {lateness * 1e3:.1f} ms late ({allowed * 1e3:.1f} ms are "
                "allowed); lower the rate, or stop what else runs on this machine"
            )
        return ""


def _lateness_p99(lateness: Histogram) -> float:
    """Return the p99 in seconds; of fewer than a hundred sends one may always be late, or one hiccup would decide."""
    sends = len(lateness)
    return lateness.quantile((sends - math.ceil(sends / 100)) / sends)


def merge_results(results: Iterable[GeneratorResult]) -> GeneratorResult:
    """Return what one lane would have measured that did all that these did side by side; nothing is lost.

    Counts, rates and CPU add up, histograms too, windows by their time. Raises ValueError for no results.
    """
    every = tuple(results)
    if not every:
        raise ValueError("a result of nothing: give at least one lane's")
    if len(every) == 1:
        return every[0]
    error_messages: Counter[str] = Counter()
    for each in every:
        error_messages.update(each.error_messages or {})
    latency = Histogram.merged(each.latency for each in every)
    # A closed loop's are one and the same.
    apart = any(each.service is not each.latency for each in every)
    late = [each.lateness for each in every if each.lateness is not None]
    return GeneratorResult(
        connections=sum(each.connections for each in every),
        seconds=max(each.seconds for each in every),
        cpu_seconds=sum(each.cpu_seconds for each in every),
        latency=latency,
        service=Histogram.merged(each.service for each in every) if apart else latency,
        waiting=Histogram.merged(each.waiting for each in every),
        wrong=sum(each.wrong for each in every),
        errors=sum(each.errors for each in every),
        timeouts=sum(each.timeouts for each in every),
        unfinished=sum(each.unfinished for each in every),
        never_sent=sum(each.never_sent for each in every),
        connects=sum(each.connects for each in every),
        dropped=sum(each.dropped for each in every),
        refused=sum(each.refused for each in every),
        out_of_ports=sum(each.out_of_ports for each in every),
        connects_pending=sum(each.connects_pending for each in every),
        error_messages=dict(error_messages),
        offered=_sum_known(each.offered for each in every),
        achieved=_sum_known(each.achieved for each in every),
        lateness=Histogram.merged(late) if late else None,
        windows=_merged_windows(every),
        began=min(each.began for each in every),
        **_common_response_gap(every),
        generator_stall=max(each.generator_stall for each in every),
        queued_requests=sum(each.queued_requests for each in every),
        saturated_seconds=sum(each.saturated_seconds for each in every),
        saturated_responses=sum(each.saturated_responses for each in every),
        processes=sum(each.processes for each in every),
        busiest_cpu_share=max(each.cpu_share for each in every),
    )


def _common_response_gap(every: Sequence[GeneratorResult]) -> dict[str, float]:
    """Return when no lane got an answer, as far as their longest silences say."""
    begin = max(each.began + each.response_gap_at for each in every)
    end = min(each.began + each.response_gap_at + each.response_gap for each in every)
    return {"response_gap": max(0.0, end - begin), "response_gap_at": begin - min(each.began for each in every)}


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


def generator_result(outcome_counts: OutcomeCounts, **measured: Any) -> GeneratorResult:
    """Put what was `measured` together with what was counted."""
    return GeneratorResult(
        **measured,
        wrong=outcome_counts.wrong,
        errors=outcome_counts.errors,
        timeouts=outcome_counts.timeouts,
        connects=outcome_counts.connects,
        dropped=outcome_counts.dropped,
        refused=outcome_counts.refused,
        out_of_ports=outcome_counts.out_of_ports,
        error_messages=dict(outcome_counts.error_messages),
    )
