"""The harness's end of the app's side channel, for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from wsgi_gauntlet.suites.apps import observing

from .app_rig import Harness


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    with TemporaryDirectory(prefix="g-") as name:
        harness = Harness(Path(name))
        monkeypatch.setenv("GAUNTLET_EVENTS", str(harness.events_path))
        monkeypatch.setattr(observing, "_sender", None)
        yield harness
        harness.socket.close()
        if observing._sender is not None:
            observing._sender.close()
