"""The check of a finalist, live: a server that breaks a requirement is found, and a correct one is not blamed."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.conformance.validity import StallClock
from wsgi_gauntlet.harness.event_queue import EventQueue, handle_events
from wsgi_gauntlet.harness.events import CaseFinished, Event
from wsgi_gauntlet.harness.model import CaseResult, Verdict
from wsgi_gauntlet.harness.model.recommendation import FigureId, Trial
from wsgi_gauntlet.harness.recommendation import requirement_check
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders

from ..helpers.requirements import installed
from ..known_servers.adapter import plan

pytestmark = pytest.mark.live

ENOUGH_SECONDS = 3600.0
"""The check ends when its few cases have, however slow the machine is."""


def checked(folder: Path, server: Plan, seconds: float = ENOUGH_SECONDS) -> tuple[Trial, list[CaseResult]]:
    """Check `server`, and return the trial and the cells that were put into the queue."""
    trials: list[Trial] = []
    cells: list[CaseResult] = []

    async def check(events: EventQueue) -> None:
        trials.append(await requirement_check.check_requirements(server, RunFolders(folder, folder), seconds, events))

    def handle(event: Event) -> None:
        if isinstance(event, CaseFinished):
            cells.append(event.cell)

    trio.run(handle_events, check, handle, clock=StallClock())
    (trial,) = trials
    return trial, cells


@pytest.fixture(autouse=True)
def _cases_about_close(monkeypatch: pytest.MonkeyPatch) -> None:
    about_close = [each for each in requirement_check.checked_cases() if each.id.startswith("pep3333/close/")]
    monkeypatch.setattr(requirement_check, "checked_cases", lambda: about_close)


def test_a_server_that_never_calls_close_is_found_with_its_cells(tmp_path: Path) -> None:
    trial, cells = checked(tmp_path, plan("never_calls_close"))
    found = trial.requirements
    assert found is not None
    assert found.complete
    assert found.broken > 0
    broken = {each.case for each in cells if each.verdict is Verdict.FAIL}
    assert set(found.broken_cases) == broken
    assert {each.id: each.value for each in trial.figures}[FigureId.MUST_BROKEN] == found.broken
    assert all(each.evidence.wire for each in cells if each.case in broken)


def test_the_reference_server_breaks_nothing(tmp_path: Path) -> None:
    trial, cells = checked(tmp_path, installed(planning.plan("reference")))
    assert trial.requirements is not None
    assert (trial.requirements.broken, trial.requirements.broken_cases) == (0, ())
    assert trial.requirements.judged == trial.requirements.wanted
    assert cells


def test_a_check_without_time_has_no_figure(tmp_path: Path) -> None:
    trial, cells = checked(tmp_path, installed(planning.plan("reference")), seconds=0.0)
    assert (trial.requirements, cells) == (None, [])
    assert {(each.value, each.why) for each in trial.figures} == {(None, "no case got a verdict in time")}
