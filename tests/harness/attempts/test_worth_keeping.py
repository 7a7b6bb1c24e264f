"""How much of what an app reports goes into the evidence."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.attempts import attempt
from wsgi_gauntlet.harness.attempts.attempt import worth_keeping
from wsgi_gauntlet.harness.documents import encoded
from wsgi_gauntlet.harness.model import AppEvent


def test_evidence_keeps_the_first_events_as_far_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    events = tuple(AppEvent(float(number), "called", 1, 1, detail={"text": "x" * 100}) for number in range(10))
    assert worth_keeping(events) == events
    monkeypatch.setattr(attempt, "KEPT", len(encoded(events[0])) * 3 + 10)
    assert worth_keeping(events) == events[:3]
    assert worth_keeping(()) == ()
