"""The harness's end of the app's side channel, for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from wsgi_gauntlet.suites.testapp.core import event_channel

from ....helpers.testapp_client import FakeHarness


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHarness]:
    with TemporaryDirectory(prefix="g-") as name:
        harness = FakeHarness(Path(name))
        monkeypatch.setenv("WSGI_GAUNTLET_EVENTS", str(harness.events_path))
        monkeypatch.setattr(event_channel, "_sender", None)
        yield harness
        harness.socket.close()
        if event_channel._sender is not None:
            event_channel._sender.close()
