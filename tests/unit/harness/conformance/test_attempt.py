"""How much of what an app reports goes into the evidence."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.conformance import attempt
from wsgi_gauntlet.harness.conformance.attempt import limit_app_events
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.store.json_encoding import to_json


def test_evidence_keeps_the_first_and_the_last_events_as_far_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    events = tuple(AppEvent(float(number), "called", 1, 1, detail={"text": "x" * 100}) for number in range(10))
    assert limit_app_events(events) == events
    monkeypatch.setattr(attempt, "APP_EVENTS_LIMIT_BYTES", len(to_json(events[0])) * 4)
    assert limit_app_events(events) == (*events[:3], events[9])
    assert limit_app_events(()) == ()
