"""What is cut keeps its ends and says how much is missing."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import AppEvent, ConnectionEvent, ConnectionEventKind, Evidence
from wsgi_gauntlet.harness.store.evidence_limits import (
    EvidenceLimits,
    is_gap,
    truncate_evidence,
    truncate_text,
)

LIMITS = EvidenceLimits(event=100, wire=250, events=8, detail=200, log=100)


def test_small_evidence_is_left_alone() -> None:
    """Nothing is added and nothing is lost."""
    event = ConnectionEvent(1.0, 1, ConnectionEventKind.SENT, b"x" * 100)
    evidence = Evidence((event,), (AppEvent(1.0, "called", 1, 1, detail={"a": 1}),), "log", ("restarted",))
    assert truncate_evidence(evidence, LIMITS) == evidence


def test_a_long_event_keeps_its_beginning_and_end() -> None:
    """And the number of bytes between them."""
    wire = truncate_evidence(
        Evidence((ConnectionEvent(1.0, 1, ConnectionEventKind.RECEIVED, b"A" * 500 + b"Z" * 500),)), LIMITS
    ).wire
    assert [each.data for each in wire] == [b"A" * 75, b"Z" * 25]
    assert [each.omitted for each in wire] == [900, 0]
    again = truncate_evidence(Evidence(tuple(wire)), EvidenceLimits(event=50, wire=250, events=8, detail=9, log=9)).wire
    assert sum(len(each.data) + each.omitted for each in again) == 1000


def test_all_events_together_are_bounded() -> None:
    """In bytes and in number, with a note of what is left out."""
    events = tuple(ConnectionEvent(float(number), 1, ConnectionEventKind.SENT, b"y" * 90) for number in range(100))
    wire = truncate_evidence(Evidence(events), LIMITS).wire
    assert sum(len(each.data) for each in wire) <= LIMITS.wire
    assert [(each.note, each.omitted) for each in wire if is_gap(each)] == [("93 events left out", 93 * 90)]
    assert wire[0].at == 0.0
    assert wire[-1].at == 99.0


def test_app_events_are_bounded() -> None:
    """A bulky detail goes, its name stays."""
    big = AppEvent(1.0, "called", 1, 1, detail={"method": "GET", "environ": {"x": "y" * 9000}})
    app = truncate_evidence(Evidence(app=(big,) * 20), LIMITS).app
    assert len(app) == LIMITS.events
    assert app[0].detail == {"method": "GET", "left out": ["environ"]}
    assert app[5].detail == {"events": 13}


def test_text_is_cut_in_the_middle() -> None:
    """With the number of characters that are missing."""
    cut = truncate_text("a" * 75 + "b" * 1000 + "c" * 25, 100)
    assert cut == "a" * 52 + "\n… 1,031 characters left out …\n" + "c" * 17
    assert len(cut) == 100


def test_a_second_cut_changes_nothing() -> None:
    """A report of a results.json writes another results.json: the numbers of the first one must stay true."""
    detail = {"method": "GET", "environ": {"x": "y" * 9000}, "odd": "z" * 9000}
    evidence = Evidence(
        tuple(ConnectionEvent(float(number), 1, ConnectionEventKind.SENT, b"y" * 20) for number in range(100)),
        (AppEvent(1.0, "called", 1, 1, detail=detail),) * 20,
        "line\n" * 5000,
        ("restarted " * 200,) * 200,
    )
    once = truncate_evidence(evidence, LIMITS)
    assert once.app[0].detail == {"method": "GET", "left out": ["environ", "odd"]}
    assert (len(once.process), once.process[-1]) == (50, "… 151 lines left out")
    assert truncate_evidence(once, LIMITS) == once
