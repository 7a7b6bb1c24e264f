"""What is cut keeps its ends and says how much is missing."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import AppEvent, ConnectionEvent, ConnectionEventKind, Evidence
from wsgi_gauntlet.reports.text.truncation import EvidenceLimits, truncate_evidence, truncate_text

LIMITS = EvidenceLimits(event=100, wire=250, events=8, detail=200, log=100)


def test_small_evidence_is_left_alone() -> None:
    """Nothing is added and nothing is lost."""
    event = ConnectionEvent(1.0, 1, ConnectionEventKind.SENT, b"x" * 100)
    evidence = Evidence((event,), (AppEvent(1.0, "called", 1, 1, detail={"a": 1}),), "log", ("restarted",))
    assert truncate_evidence(evidence, LIMITS) == evidence


def test_a_long_event_keeps_its_beginning_and_end() -> None:
    """And both parts tell of it."""
    wire = truncate_evidence(
        Evidence((ConnectionEvent(1.0, 1, ConnectionEventKind.RECEIVED, b"A" * 500 + b"Z" * 500),)), LIMITS
    ).wire
    assert [each.data for each in wire] == [b"A" * 75, b"Z" * 25]
    assert wire[0].note == "the first 75 of 1,000 bytes"
    assert wire[1].note == "the last 25"


def test_all_events_together_are_bounded() -> None:
    """In bytes and in number, with a note of what is left out."""
    events = tuple(ConnectionEvent(float(number), 1, ConnectionEventKind.SENT, b"y" * 90) for number in range(100))
    wire = truncate_evidence(Evidence(events), LIMITS).wire
    assert sum(len(each.data) for each in wire) <= LIMITS.wire
    assert "92 events left out" in [each.note for each in wire]
    assert wire[0].at == 0.0
    assert wire[-1].at == 99.0


def test_app_events_are_bounded() -> None:
    """A bulky detail goes, its name stays."""
    big = AppEvent(1.0, "called", 1, 1, detail={"method": "GET", "environ": {"x": "y" * 9000}})
    app = truncate_evidence(Evidence(app=(big,) * 20), LIMITS).app
    assert len(app) == 9
    assert app[0].detail == {"method": "GET", "left out": ["environ"]}
    assert app[6].detail == {"events": 12}


def test_text_is_cut_in_the_middle() -> None:
    """With the number of characters that are missing."""
    assert (
        truncate_text("a" * 75 + "b" * 1000 + "c" * 25, 100)
        == "a" * 75 + "\n… 1,000 characters left out …\n" + "c" * 25
    )
