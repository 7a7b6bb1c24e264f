"""Releases of a server before and after it read the trailer section of a body that no app reads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.conformance.selection import Selection
from wsgi_gauntlet.harness.errors import EnvironmentUnavailable
from wsgi_gauntlet.harness.events import ignore_event
from wsgi_gauntlet.harness.server.environments import versioned

from ..helpers.requirements import fail_or_skip
from ..helpers.wheel_index import isolated_environment_locks

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

FAULTY, FIXED = "0.40.2", "0.40.3"
CASE = "http/framing/hidden-in-trailer"


@pytest.fixture
def eventlet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install both releases from a package index into a cache of the test's own."""
    monkeypatch.setenv("WSGI_GAUNTLET_CACHE", str(tmp_path / "cache"))
    with isolated_environment_locks(monkeypatch):
        try:
            for version in (FAULTY, FIXED):
                spec = versioned.EnvironmentSpec(sys.executable, "eventlet", version)
                versioned.made(spec, f"eventlet@{version}", ignore_event)
        except EnvironmentUnavailable as problem:
            fail_or_skip(f"no package index: {problem}")
        yield


@pytest.mark.usefixtures("eventlet")
def test_trailers_of_eventlet(tmp_path: Path) -> None:
    """GHSA-hw6f-rjfj-j7j7: eventlet read one line of an unread trailer section, and the next as a request."""
    servers = (f"eventlet@{FAULTY}", f"eventlet@{FIXED}")
    call = session.RunOptions(servers=servers, cases=Selection((CASE,)), out=tmp_path / "run")
    results, _, _ = session.run(call, Configuration(), ignore_event)
    verdicts = {each.server: each.verdict.value for each in results.conformance}
    assert verdicts == dict(zip(servers, ("fail", "pass"), strict=True))
