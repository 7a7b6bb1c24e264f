"""What needs no look keeps a digest in place of its evidence."""

from __future__ import annotations

from hashlib import sha256

from msgspec.structs import replace

from wsgi_gauntlet.harness.http.connection import EVENT_LIMIT_BYTES, Transcript
from wsgi_gauntlet.harness.model import (
    AppEvent,
    BaselineExpectation,
    BaselineStatus,
    CaseResult,
    ConnectionEvent,
    ConnectionEventKind,
    Evidence,
    EvidenceDigest,
    Level,
    Verdict,
)
from wsgi_gauntlet.harness.store.evidence_digest import NOTABLE_PASS_BYTES, digest, with_digest
from wsgi_gauntlet.harness.store.evidence_limits import gap
from wsgi_gauntlet.harness.store.json_encoding import to_json

SENT, RECEIVED = ConnectionEventKind.SENT, ConnectionEventKind.RECEIVED

WIRE = (
    ConnectionEvent(1.0, 1, ConnectionEventKind.OPENED, note="127.0.0.1:8000"),
    ConnectionEvent(1.1, 1, SENT, b"GET / HTTP/1.1\r\n\r\n"),
    ConnectionEvent(1.2, 2, ConnectionEventKind.OPENED),
    ConnectionEvent(1.3, 2, RECEIVED, b"HTTP/1.1 408 \xff\r\n\r\n"),
    ConnectionEvent(1.3, 1, RECEIVED, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 20"),
    ConnectionEvent(1.4, 1, RECEIVED, b"0 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n"),
    ConnectionEvent(1.5, 1, ConnectionEventKind.EOF),
)
APP = (AppEvent(1.1, "called", 7, 1), AppEvent(1.2, "body", 7, 1), AppEvent(1.3, "called", 7, 1))
PASS = CaseResult("s", "a/b/c", Level.MUST, (), Verdict.PASS, evidence=Evidence(WIRE, APP, "log", ("it restarted",)))


def test_a_pass_keeps_numbers_and_its_notes() -> None:
    """The status lines are found wherever the bytes were cut, and on each connection by itself."""
    kept = with_digest(PASS).evidence
    data = b"".join(each.data for each in WIRE)
    assert kept == Evidence(
        process=("it restarted",),
        digest=EvidenceDigest(
            sha256(data).hexdigest(),
            connections=2,
            sent=18,
            received=len(data) - 18,
            status_lines={"HTTP/1.1 100 Continue": 1, "HTTP/1.1 200 OK": 2, "HTTP/1.1 408 \xff": 1},
            calls=2,
            app_events=3,
        ),
    )
    assert with_digest(replace(PASS, evidence=kept)).evidence is kept


def test_a_pass_with_findings_keeps_a_part() -> None:
    """Otherwise a server with a finding in each response would fill the journal."""
    long = ConnectionEvent(1.0, 1, RECEIVED, b"HTTP/1.1 200 OK\r\n" + b"x" * (1 << 20))
    cell = replace(PASS, findings=("missing-date: 2xx",), evidence=Evidence((long,), process=("note",) * 1000))
    kept = with_digest(cell).evidence
    assert len(to_json(kept)) < NOTABLE_PASS_BYTES
    assert kept.digest is None
    assert kept.wire[0].data.startswith(b"HTTP/1.1 200 OK")
    assert sum(len(each.data) + each.omitted for each in kept.wire) == len(long.data)
    assert len(to_json(with_digest(replace(cell, findings=())).evidence)) < 4000, "notes have a limit, too"


def test_what_somebody_may_look_at_stays_whole() -> None:
    """Other verdicts, lint findings and a pass that fails the run."""
    unexpected = BaselineExpectation(BaselineStatus.UNEXPECTED_PASS, Verdict.FAIL)
    others = [replace(PASS, verdict=each) for each in Verdict if each is not Verdict.PASS]
    for each in (*others, replace(PASS, findings=("missing-date: 2xx",)), replace(PASS, baseline=unexpected)):
        assert with_digest(each) == each


def test_bytes_without_room_in_the_transcript_are_counted() -> None:
    """They are outside of the hash. What is before and after a gap makes no status line together."""
    transcript = Transcript()
    transcript.record(transcript.connection(), RECEIVED, b"x" * (EVENT_LIMIT_BYTES + 10))
    found = digest(Evidence(transcript.events))
    assert (found.received, found.unrecorded) == (EVENT_LIMIT_BYTES + 10, 10)
    assert found.sha256 == sha256(b"x" * EVENT_LIMIT_BYTES).hexdigest()
    first = ConnectionEvent(1.0, 1, RECEIVED, b"HTTP/1.1 200 O")
    last = ConnectionEvent(9.0, 1, RECEIVED, b"K is cut")
    found = digest(Evidence((first, gap(first, 3, 500), last)))
    assert found.status_lines == {"HTTP/1.1 200 O": 1}
    assert (found.received, found.unrecorded) == (22, 500)


def test_a_server_cannot_make_a_digest_long() -> None:
    """By many different status lines, or by long ones."""
    lines = b"".join(b"HTTP/1.1 %d %s\r\n" % (100 + number % 20, b"y" * 5000) for number in range(200))
    found = digest(Evidence((ConnectionEvent(1.0, 1, RECEIVED, lines),))).status_lines
    assert (len(found), found["others"], sum(found.values())) == (9, 120, 200)
    assert max(map(len, found)) < 80
