"""Faults that people reported, under load: shown by the version with the fault, and by no later one."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness.load.clients.aborting_client import AbortPoint
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.environments.versioned import ensure_environments
from wsgi_gauntlet.harness.server.plan import Plan

from ..helpers.scenario_runs import run_until_graded

pytestmark = pytest.mark.live

SHORT = {"clients": 4, "disconnects": 1, "baseline": 0.5, "duration": 0.6, "recovery": 1.0, "moment": 0.5}


@pytest.fixture(autouse=True)
def one_point_and_little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients disconnect in the head and in the queue only. test_known_servers.py has the other points."""
    monkeypatch.setattr(
        "wsgi_gauntlet.suites.load.operations.disconnect.abort_points", lambda _address: (AbortPoint.HEAD,)
    )
    for name in ("ABORT_TIMEOUT_SECONDS", "REQUEST_TIMEOUT_SECONDS"):
        monkeypatch.setattr(f"wsgi_gauntlet.suites.load.operations.disconnect.{name}", 2.0)
    monkeypatch.setattr("wsgi_gauntlet.suites.load.operations.response_close_counts.TIMEOUT", 0.5)


def version(name: str) -> Plan:
    """Return the plan of a server in an environment with this version, from the index."""
    return ensure_environments(planning.plan(name), lambda _event: None)


async def test_waitress_spins_for_clients_that_were_gone_before_accept(folder: Path) -> None:
    """Waitress, GHSA-3f84-rpwh-47g6: a core spins for ever after a reset before accept."""
    for name, spins in (("waitress@3.0.0", True), ("waitress@3.0.1", False)):
        cell = await run_until_graded("disconnect", version(name), folder, **SHORT)
        assert ("it spins" in cell.note) is spins, cell.note


async def test_cheroot_loses_a_thread_for_each_reset_over_tls(folder: Path) -> None:
    """cheroot#599: a reset after the TLS handshake and half a head kills a worker thread."""
    for name, served in (("cheroot@10.0.0[tls]", 0), ("cheroot@10.0.1[tls]", 100)):
        cell = await run_until_graded("disconnect", version(name), folder, **{**SHORT, "disconnects": 16})
        (found,) = [each for each in cell.metrics if each.id == "served_afterwards"]
        assert found.value == served, cell.note
