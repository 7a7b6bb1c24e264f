"""Scenarios, and the result of one server in one scenario. Units are seconds, bytes and requests per second."""

from __future__ import annotations

import enum
import re
from typing import Any

import msgspec


class Grade(enum.StrEnum):
    """The result of one server in one scenario. The last four never blame the server."""

    UNAFFECTED = "unaffected"
    DEGRADED = "degraded"
    COLLAPSED = "collapsed"
    NOT_RECOVERED = "not_recovered"
    MEASURED = "measured"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    UNSUPPORTED = "unsupported"
    ERROR = "error"

    @property
    def label(self) -> str:
        """The grade as a reader sees it."""
        return self.value.replace("_", " ")

    @property
    def is_judged(self) -> bool:
        """Say whether the grade says anything about the server. `measured` is a figure and counts as judged."""
        return self not in (Grade.INCONCLUSIVE, Grade.INVALID, Grade.UNSUPPORTED, Grade.ERROR)


class Outcome(enum.StrEnum):
    """The result of one scheduled request. Goodput counts all of them in its denominator."""

    OK = "ok"
    WRONG = "wrong_body"
    ERROR = "error"
    TIMEOUT = "timeout"
    UNFINISHED = "in_flight_at_the_end"
    NEVER_SENT = "never_sent"

    @property
    def label(self) -> str:
        """The outcome as a reader sees it."""
        return self.value.replace("_", " ")


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One scheduled request. Times are seconds.

    `intended` counts from the start of the scenario, `latency` from the intended send time, `service` from the real
    send time. The latency of a timeout is a lower bound.
    """

    intended: float
    latency: float
    service: float
    outcome: Outcome


class Phase(msgspec.Struct, frozen=True):
    """The summary of one part of a scenario, in seconds. If `censored` is true, p99 is only a lower bound."""

    name: str
    started: float
    ended: float
    scheduled: int
    outcomes: dict[str, int]
    goodput: float
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    maximum: float | None = None
    service_p99: float | None = None
    censored: bool = False


class Step(msgspec.Struct, frozen=True):
    """One point of a curve: a number of slow clients (or connections) and the figures of the healthy users."""

    clients: int
    goodput: float | None = None
    p50: float | None = None
    p99: float | None = None
    rate: float | None = None
    collapsed: bool = False
    censored: bool = False


class WorkerHealth(msgspec.Struct, frozen=True):
    """The proof that the generator on one worker of a cluster kept up. The figures are as in GeneratorHealth.

    `clock_offset` is by how many seconds the clock of the scheduler is ahead of that of the worker.
    """

    worker: str
    valid: bool
    cpu_share: float = 0.0
    lateness_p99: float = 0.0
    offered: float = 0.0
    achieved: float = 0.0
    clock_offset: float = 0.0
    why: str = ""


class GeneratorHealth(msgspec.Struct, frozen=True):
    """The proof that the generator kept up.

    `cpu_share` is a share of one core, `lateness_p99` is in seconds, `offered` and `achieved` are requests per second.
    `workers` are those of a cluster, none without one.
    """

    valid: bool
    cpu_share: float = 0.0
    lateness_p99: float = 0.0
    offered: float = 0.0
    achieved: float = 0.0
    why: str = ""
    workers: tuple[WorkerHealth, ...] = ()


class Disconnect(msgspec.Struct, frozen=True):
    """How the server closed the connections of slow clients: `how` is '408', 'FIN', 'RST' or 'never'.

    `after` is the median in seconds.
    """

    how: str
    after: float | None = None
    clients: int = 0
    dropped: int = 0


class Cost(msgspec.Struct, frozen=True):
    """The cost of all slow clients for the process tree of the server: bytes, counts and seconds of CPU."""

    clients: int
    rss: int = 0
    descriptors: int = 0
    threads: int = 0
    cpu: float = 0.0


class Percentile(msgspec.Struct, frozen=True, array_like=True):
    """The `latency` in seconds at one `percentile` (0 to 100) of a phase."""

    phase: str
    percentile: float
    latency: float


class TrafficStep(msgspec.Struct, frozen=True):
    """The responses to one step of the traffic: how many were correct and failed, and the p99 of the correct ones (s).

    A redirect that the step follows is a request of its own.
    """

    name: str
    ok: int
    failed: int = 0
    p99: float | None = None


class Metric(msgspec.Struct, frozen=True):
    """One figure that only this scenario has.

    `id` is snake_case and stays the same in later versions. `label` and `note` are for the reader. `value` is None if
    it could not be measured. If `censored` is true, it is only a lower bound. `unit` is 's', 'bytes', 'requests/s',
    '%' and the like. It is '' for a count, and 'yes/no' for 1 and 0. `lateness` is the part of a response time that may
    be the generator's own: how late its sends were, in seconds, at the same percentile.
    """

    id: str
    label: str
    value: float | None
    unit: str = ""
    censored: bool = False
    note: str = ""
    lateness: float = 0.0

    @classmethod
    def labelled(
        cls, label: str, value: float | None, unit: str = "", censored: bool = False, note: str = ""
    ) -> Metric:
        """Return a metric whose id is made from its label, for labels with a variable part."""
        return cls(metric_id(label), label, value, unit, censored, note)


def metric_id(label: str) -> str:
    """Return `label` in snake_case."""
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")


class Window(msgspec.Struct, frozen=True, array_like=True):
    """The figures of a short part of a scenario that has too many samples to keep.

    `at` counts from the start of the scenario, `seconds` is the length. `offered` is the scheduled rate. `goodput` is
    the share of requests with a correct response in time. Bytes and counts are of the server's process tree, and 0 if
    they were not measured.
    """

    at: float
    seconds: float
    offered: float
    goodput: float
    p50: float | None = None
    p99: float | None = None
    rss: int = 0
    descriptors: int = 0
    threads: int = 0


class ClaimVerdict(enum.StrEnum):
    """Whether a claim held on a server.

    INCONCLUSIVE: the measurements lie on both sides of the threshold. NOT_APPLICABLE: the server does not need, or does
    not have, the thing that the claim is about.
    """

    HELD = "held"
    DID_NOT_HOLD = "did_not_hold"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"

    @property
    def label(self) -> str:
        """The verdict as a reader sees it."""
        return self.value.replace("_", " ")


class Claim(msgspec.Struct, frozen=True):
    """A common statement about servers, and whether it held on this one.

    `rule` says when it holds and names the threshold. `figures` is a sentence with the measurements.
    """

    statement: str
    verdict: ClaimVerdict
    rule: str
    figures: str


class ThresholdViolation(msgspec.Struct, frozen=True):
    """A threshold of the user that a cell breaks.

    `threshold` is its name, `limit` the user's limit, `value` the measurement. `table` names the table of
    pyproject.toml, or the option. `message` is a sentence. Units are those of the cell.
    """

    threshold: str
    limit: float
    value: float
    table: str
    message: str


class UncheckedThreshold(msgspec.Struct, frozen=True):
    """A threshold of the user for a cell that has no valid figure to compare with.

    `threshold`, `limit` and `table` are as in ThresholdViolation. `message` is a sentence with the reason. If it is
    `required`, the run does not succeed: the figure should have been there.
    """

    threshold: str
    limit: float
    table: str
    message: str
    required: bool = True


class ScenarioResult(msgspec.Struct, frozen=True):
    """One cell of load: a server in one scenario.

    `slowdown` is the p99 during the disturbance divided by the p99 before it. `collapse` is N*, or None if no number of
    clients made the server collapse. `recovery` is None if it was not measured, or if the server did not recover.
    `slow_clients` lists (seconds, clients connected). `conditions` describes the server: workers, threads, keep-alive,
    backlog, Python. `phase` names the phase that `goodput` and `slowdown` describe, if it is not the phase with slow
    clients. `broken` are the thresholds of the user that the cell breaks, `unchecked` those that could not be compared
    with a figure, `met` the names of the others. `traffic` has the steps of the user's
    traffic.
    """

    server: str
    scenario: str
    grade: Grade
    goodput: float | None = None
    slowdown: float | None = None
    slowdown_censored: bool = False
    collapse: int | None = None
    recovery: float | None = None
    disconnect: Disconnect | None = None
    cost: Cost | None = None
    generator: GeneratorHealth | None = None
    phases: tuple[Phase, ...] = ()
    steps: tuple[Step, ...] = ()
    samples: tuple[Sample, ...] = ()
    slow_clients: tuple[tuple[float, int], ...] = ()
    percentiles: tuple[Percentile, ...] = ()
    metrics: tuple[Metric, ...] = ()
    claims: tuple[Claim, ...] = ()
    windows: tuple[Window, ...] = ()
    traffic: tuple[TrafficStep, ...] = ()
    phase: str = ""
    broken: tuple[ThresholdViolation, ...] = ()
    unchecked: tuple[UncheckedThreshold, ...] = ()
    met: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}
    conditions: dict[str, Any] = {}
    caveats: tuple[str, ...] = ()
    note: str = ""
    seconds: float = 0.0
    log: str = ""


class ScenarioInfo(msgspec.Struct, frozen=True):
    """The description of a scenario for reports."""

    id: str
    title: str
    summary: str
