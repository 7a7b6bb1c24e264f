"""The words of wsgi-gauntlet as frozen types and enums. Imports nothing of ours but claim.py and ground.py.

Times are seconds of CLOCK_MONOTONIC unless a name says otherwise: the app's events and the wire's share that clock,
so both can be laid on one time line. Everything here is written to `run.jsonl` and `results.json` by msgspec.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from wsgi_gauntlet.harness.model.basis import Basis, Breach, Reference
from wsgi_gauntlet.harness.model.claim import Claim
from wsgi_gauntlet.harness.model.threshold_violation import ThresholdViolation


class Level(enum.StrEnum):
    """How strongly the specification asks for what a case checks."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"
    INFO = "info"


class Verdict(enum.StrEnum):
    """What a cell came to; `error` is the harness's own fault and never the server's."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    INFO = "info"
    UNSUPPORTED = "unsupported"
    SKIPPED = "skipped"
    FLAKY = "flaky"
    ERROR = "error"

    @property
    def blames_server(self) -> bool:
        """Say whether the server broke the requirement each time."""
        return self in (Verdict.FAIL, Verdict.WARN)

    @property
    def is_met(self) -> bool:
        """Say whether cases that need this one can run."""
        return self in (Verdict.PASS, Verdict.INFO)

    @property
    def is_not_applicable(self) -> bool:
        """Say whether the case could not be applied to the server."""
        return self in (Verdict.UNSUPPORTED, Verdict.SKIPPED)

    @property
    def is_judged(self) -> bool:
        """Say whether the verdict says anything about the server."""
        return self is not Verdict.ERROR and not self.is_not_applicable

    @property
    def needs_attention(self) -> bool:
        """Say whether a user should look at the cell. `--rerun-failed` runs such cells again."""
        return self.blames_server or self in (Verdict.FLAKY, Verdict.ERROR)


class Grade(enum.StrEnum):
    """What a server is worth in one scenario; the last four never count against it."""

    UNAFFECTED = "immune"
    DEGRADED = "degrades"
    COLLAPSED = "collapses"
    WEDGED = "wedged"
    MEASURED = "measured"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    UNSUPPORTED = "unsupported"
    ERROR = "error"

    @property
    def is_judged(self) -> bool:
        """Say whether the grade says anything about the server. `measured` is a figure and counts as judged."""
        return self not in (Grade.INCONCLUSIVE, Grade.INVALID, Grade.UNSUPPORTED, Grade.ERROR)


class Setup(msgspec.Struct, frozen=True):
    """What a case needs of the server; cells with equal setups share running instances.

    `None` leaves the adapter's default. `environment` is added to the server's process environment, `deployed` are
    variables that its deployer puts into each request's environ, by the adapter's own way. `tls` has it speak https.
    `alone` keeps the instance's neighbours quiet: set it where the case measures time. `app` is served in place of the
    reference app, and needs `distribution` in the server's interpreter; it must answer /nonce as that does.
    """

    workers: int | None = None
    threads: int | None = None
    unix: bool = False
    mount: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    deployed: tuple[tuple[str, str], ...] = ()
    tls: bool = False
    alone: bool = False
    app: str = ""
    distribution: str = ""


class ConnectionEventKind(enum.StrEnum):
    """What happened on a connection, seen from the client."""

    OPENED = "opened"
    SENT = "sent"
    RECEIVED = "received"
    EOF = "eof"
    RESET = "reset"
    HALF_CLOSED = "half-closed"
    CLOSED = "closed"
    WAITED = "waited"
    NOTE = "note"


class ConnectionEvent(msgspec.Struct, frozen=True):
    """One thing seen on one connection; `connection` counts from 1 within a cell."""

    at: float
    connection: int
    kind: ConnectionEventKind
    data: bytes = b""
    note: str = ""


class AppEvent(msgspec.Struct, frozen=True):
    """One thing that the reference app reported from inside the server's process.

    `token` is the request's own (its X-Gauntlet header or `t=` in the query), empty where the app could not see one.
    `sequence` counts the events of one process from 0, so that a lost one shows. `detail` depends on `kind`.
    """

    at: float
    kind: str
    pid: int
    thread: int
    token: str = ""
    sequence: int = 0
    detail: dict[str, Any] = {}


class Evidence(msgspec.Struct, frozen=True):
    """All that was seen in one cell. `process` tells of starts, crashes and restarts in words."""

    wire: tuple[ConnectionEvent, ...] = ()
    app: tuple[AppEvent, ...] = ()
    log: str = ""
    process: tuple[str, ...] = ()


class BaselineStatus(enum.StrEnum):
    """How a cell stands to the baseline that it was held against; the two unexpected ones break the run."""

    EXPECTED = "expected"
    UNEXPECTED_FAIL = "unexpected fail"
    UNEXPECTED_PASS = "unexpected pass"
    OTHER = "other than expected"
    EXPIRED = "expired"


class BaselineExpectation(msgspec.Struct, frozen=True):
    """What the baseline says of a cell; all but `standing` is empty where it has no entry.

    `expires` is a date (ISO 8601), the entry's last good day; `where` says in words where the entry is in the file.
    """

    standing: BaselineStatus
    verdict: Verdict | None = None
    reason: str = ""
    link: str = ""
    expires: str = ""
    expired: bool = False
    where: str = ""


class CaseResult(msgspec.Struct, frozen=True):
    """One cell of conformance: a server, a case, and the verdict with its evidence. `seconds` covers all attempts.

    `patterns` are the ways of sending in which it held, empty where only one makes sense. `findings` are what lint
    noticed in the answers on the way: they never change a verdict. `baseline` is None where no baseline was given or
    it has nothing to say of the cell.
    """

    server: str
    case: str
    level: Level
    tags: tuple[str, ...]
    verdict: Verdict
    summary: str = ""
    expected: str = ""
    actual: str = ""
    attempts: int = 1
    seconds: float = 0.0
    evidence: Evidence = Evidence()
    patterns: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    baseline: BaselineExpectation | None = None


class Outcome(enum.StrEnum):
    """What became of one scheduled request; all of them stay in goodput's denominator."""

    OK = "ok"
    WRONG = "wrong body"
    ERROR = "error"
    TIMEOUT = "time-out"
    UNFINISHED = "in flight at the end"
    NEVER_SENT = "never sent"


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One scheduled request. Seconds: `intended` from the scenario's start; `latency` from the intended send time;
    `service` from the send itself. A time-out's latency is its lower bound."""

    intended: float
    latency: float
    service: float
    outcome: Outcome


class Phase(msgspec.Struct, frozen=True):
    """One stretch of a scenario, summed up. Seconds throughout; `censored` marks a p99 that is only a lower bound."""

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
    """One point of a curve: `clients` adverse clients (or connections), and what the healthy users got, or the rate."""

    clients: int
    goodput: float | None = None
    p50: float | None = None
    p99: float | None = None
    rate: float | None = None
    collapsed: bool = False
    censored: bool = False


class GeneratorHealth(msgspec.Struct, frozen=True):
    """Proof that the generator kept up. `cpu_share` is of one core; `lateness_p99` in seconds; rates per second."""

    valid: bool
    cpu_share: float = 0.0
    lateness_p99: float = 0.0
    offered: float = 0.0
    achieved: float = 0.0
    why: str = ""


class Disconnect(msgspec.Struct, frozen=True):
    """How the server dropped the slow clients: `how` is '408', 'FIN', 'RST' or 'never'; `after` the median seconds."""

    how: str
    after: float | None = None
    clients: int = 0
    dropped: int = 0


class Cost(msgspec.Struct, frozen=True):
    """What the adverse clients cost the server's process tree: bytes, counts and seconds of CPU, in all."""

    clients: int
    rss: int = 0
    descriptors: int = 0
    threads: int = 0
    cpu: float = 0.0


class Percentile(msgspec.Struct, frozen=True, array_like=True):
    """`latency` in seconds at `percentile` (0 to 100) of the phase `phase`."""

    phase: str
    percentile: float
    latency: float


class Metric(msgspec.Struct, frozen=True):
    """One figure that is a scenario's own, by the name that a reader sees.

    `unit` is 's', 'bytes', 'requests/s', '%' and the like, '' for a count, 'yes/no' for 1 and 0. `value` is None where
    it could not be had, `censored` says that it is only a lower bound, `note` what else is to be known of it.
    """

    name: str
    value: float | None
    unit: str = ""
    censored: bool = False
    note: str = ""


class Window(msgspec.Struct, frozen=True, array_like=True):
    """What users got whose requests were due in one short stretch, where samples would be too many.

    `at` and `seconds` say when, from the scenario's start. `offered` requests a second were due, `goodput` is the share
    that was rightly answered. Bytes and counts are of the server's process tree, 0 where nobody looked.
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


class ScenarioResult(msgspec.Struct, frozen=True):
    """One cell of load: a server in one scenario. Seconds and requests per second throughout.

    `slowdown` is p99 during / p99 before. `collapse` is N*, None where no number of clients collapsed it. `recovery`
    is None where it was not measured or never came (grade `wedged`). `crowd` lists when how many adverse clients were
    held, as (seconds, clients). `conditions` says what ran: workers, threads, keep-alive, backlog, Python.
    `claims` are the statements of folklore that this cell was to decide. `phase` names the one of `phases` that
    `goodput` and `slowdown` are of, where its name is not that of a phase under adverse clients. `broken` are the
    user's thresholds that it breaks.
    """

    server: str
    scenario: str
    grade: Grade
    goodput: float | None = None
    slowdown: float | None = None
    slowdown_censored: bool = False
    collapse: int | None = None
    recovery: float | None = None
    reaped: Disconnect | None = None
    cost: Cost | None = None
    generator: GeneratorHealth | None = None
    phases: tuple[Phase, ...] = ()
    steps: tuple[Step, ...] = ()
    samples: tuple[Sample, ...] = ()
    crowd: tuple[tuple[float, int], ...] = ()
    percentiles: tuple[Percentile, ...] = ()
    measures: tuple[Metric, ...] = ()
    claims: tuple[Claim, ...] = ()
    windows: tuple[Window, ...] = ()
    phase: str = ""
    broken: tuple[ThresholdViolation, ...] = ()
    parameters: dict[str, Any] = {}
    conditions: dict[str, Any] = {}
    artefacts: tuple[str, ...] = ()
    note: str = ""
    seconds: float = 0.0
    log: str = ""


class ServerInfo(msgspec.Struct, frozen=True):
    """A server of the run as it was found: `available` false says `why`, and `get` is the command that gets it."""

    name: str
    title: str
    available: bool
    version: str = ""
    variant: str = ""
    command: str = ""
    python: str = ""
    why: str = ""
    get: str = ""


class CaseInfo(msgspec.Struct, frozen=True):
    """What a report needs to know of a case beside its cells: what is sent, what is expected, why a user cares.

    `basis` is why its level is what it is, `breach` who breaks a rule in it; results of older versions do not say.
    """

    id: str
    level: Level
    tags: tuple[str, ...]
    summary: str
    reference: Reference
    why: str = ""
    sent: str = ""
    expected: str = ""
    basis: Basis | None = None
    breach: Breach | None = None


class ScenarioInfo(msgspec.Struct, frozen=True):
    """What a report needs to know of a scenario beside its cells."""

    id: str
    title: str
    summary: str


class Results(msgspec.Struct, frozen=True):
    """`results.json`, schema 1. `environment` describes machine, program and call; `finished` is false after Ctrl-C.

    `baseline` names the file that the cells were held against, '' where there was none.
    """

    schema: int
    environment: dict[str, Any]
    servers: dict[str, ServerInfo]
    checks: tuple[CaseResult, ...] = ()
    loads: tuple[ScenarioResult, ...] = ()
    cases: dict[str, CaseInfo] = {}
    scenarios: dict[str, ScenarioInfo] = {}
    finished: bool = True
    baseline: str = ""


SCHEMA = 1
"""The version of `results.json` that this program writes."""
