"""Cases, and the result of one server in one case.

Times are seconds of CLOCK_MONOTONIC. App events and connection events share that clock.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from wsgi_gauntlet.harness.model.baseline import BaselineExpectation
from wsgi_gauntlet.harness.model.verdict import Level, Verdict


class Reference(msgspec.Struct, frozen=True):
    """The sentence that a case checks, quoted from its source."""

    document: str
    section: str
    quote: str
    url: str


class BasisKind(enum.StrEnum):
    """The reason for the level of a case."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"
    DEFINITION = "definition"
    SECURITY = "security"
    RECORDED = "recorded"

    @property
    def label(self) -> str:
        """The kind as a reader sees it."""
        if self in (BasisKind.MUST, BasisKind.SHOULD, BasisKind.MAY):
            return f"{self.name} of the text"
        return "recorded only" if self is BasisKind.RECORDED else self.value


class Basis(msgspec.Struct, frozen=True):
    """The reason why the quoted sentence has the level of the case.

    `argument` leads from the sentence to the expected behaviour if the words alone do not. `rule` is the sentence that
    makes a definition binding.
    """

    kind: BasisKind
    argument: str = ""
    rule: Reference | None = None


class Breach(enum.StrEnum):
    """Who breaks a rule in a case on purpose. A compliant client or app would not do the same."""

    NOBODY = "nobody"
    CLIENT = "client"
    APP = "app"


class Setup(msgspec.Struct, frozen=True):
    """The settings that a case needs. Cells with equal setups share server instances.

    `None` keeps the adapter's default. `environment` is added to the environment of the server process. `deployed` are
    variables that the adapter puts into the environ of each request. `host` is the address to listen on, the usual
    loopback address if empty. With `tls` the server speaks HTTPS. With `alone`
    nothing else runs at the same time: set it if the case measures time. `app` replaces the test app and needs
    `distribution` in the server's interpreter. It must answer /nonce as the test app does.
    """

    workers: int | None = None
    threads: int | None = None
    unix: bool = False
    host: str = ""
    mount: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    deployed: tuple[tuple[str, str], ...] = ()
    tls: bool = False
    alone: bool = False
    app: str = ""
    distribution: str = ""


class ConnectionEventKind(enum.StrEnum):
    """The kind of a connection event, as the client observes it."""

    OPENED = "opened"
    SENT = "sent"
    RECEIVED = "received"
    EOF = "eof"
    RESET = "reset"
    HALF_CLOSED = "half_closed"
    CLOSED = "closed"
    WAITED = "waited"
    NOTE = "note"


class ConnectionEvent(msgspec.Struct, frozen=True):
    """One event on one connection. `connection` counts from 1 within a cell.

    `omitted` counts the bytes after `data` that were not kept.
    """

    at: float
    connection: int
    kind: ConnectionEventKind
    data: bytes = b""
    note: str = ""
    omitted: int = 0


class AppEvent(msgspec.Struct, frozen=True):
    """One message from the test app inside the server process.

    `token` names the request (its X-Gauntlet header, or `t=` in the query). It is empty if the app found none.
    `sequence` counts the events of one process from 0, so that a lost event is noticed. `detail` depends on `kind`.
    """

    at: float
    kind: str
    pid: int
    thread: int
    token: str = ""
    sequence: int = 0
    detail: dict[str, Any] = {}


class EvidenceDigest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of the evidence of a pass: numbers, and a hash.

    `sent` and `received` are bytes. `status_lines` counts the different status lines in the received bytes, also those
    inside of a body. `calls` are calls of the app, `app_events` all of its events.

    `sha256` covers the bytes that were sent and received, on all connections, in the order of their events. It covers
    no times, no limits between events, and neither app events nor the log. Requests have a new token in each attempt,
    and most responses a date, so it names this evidence and cannot be compared with that of another attempt.
    `unrecorded` are bytes that it does not cover, because the transcript of the attempt had no room for them. Those of
    whole events without room count neither as sent nor as received.
    """

    sha256: str
    connections: int = 0
    sent: int = 0
    received: int = 0
    status_lines: dict[str, int] = {}
    calls: int = 0
    app_events: int = 0
    unrecorded: int = 0


class Evidence(msgspec.Struct, frozen=True):
    """Everything observed in one cell. `process` describes starts, crashes and restarts.

    With a `digest` only that and `process` were kept.
    """

    wire: tuple[ConnectionEvent, ...] = ()
    app: tuple[AppEvent, ...] = ()
    log: str = ""
    process: tuple[str, ...] = ()
    digest: EvidenceDigest | None = None


class CaseResult(msgspec.Struct, frozen=True):
    """One cell of conformance: a server, a case, the verdict and its evidence. `seconds` is the sum of all attempts.

    `segmentations` are those in which the case passed. It is empty if only one is possible. `findings` are
    the lint findings of all responses: they never change a verdict. `baseline` is None if there is no baseline, or if
    the baseline says nothing about the cell.
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
    segmentations: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    baseline: BaselineExpectation | None = None


class CaseInfo(msgspec.Struct, frozen=True):
    """The description of a case for reports.

    Results of older versions have neither `basis` nor `breach`. `package` is the Python package of a case that another
    package adds, '' for the cases of wsgi-gauntlet.
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
    package: str = ""
