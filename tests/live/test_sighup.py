"""SIGHUP, as a closed terminal sends it: the report of what was measured is written, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from wsgi_gauntlet.harness.store import journal

from ..helpers.journal_text import journal_text
from ..helpers.pytest_project import Project, printed

pytestmark = pytest.mark.live

PROGRAM = "from wsgi_gauntlet.harness.cli.main import main; main()"
CASES = ("--select", "own/area/holds", "--select", "own/area/hangs")
WORDS = [sys.executable, "-c", PROGRAM, "check", "waitress", *CASES, "--out", "out"]
"""One case has its verdict at once, the other waits until the signal has long come."""

PATIENCE = 60.0


@pytest.fixture
def project() -> Iterator[Project]:
    with TemporaryDirectory(prefix="g-") as name:
        yield Project.made(Path(name))


def wait_until_one_hangs(project: Project, run: subprocess.Popen[str]) -> None:
    """Return when one case has its verdict and the other is under way."""
    project.wait_until_ran(run, "hangs")
    deadline = time.monotonic() + PATIENCE
    while '"line":"check"' not in journal_text(project.path / "out"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def cleared_and_reported(project: Project) -> None:
    project.wait_until_clean()
    results = journal.read(project.path / "out")
    assert [each.case for each in results.conformance] == ["own/area/holds"]
    assert not results.finished
    assert (project.path / "out" / "report.html").exists()


def test_a_hang_up_ends_a_run_with_its_report(project: Project) -> None:
    with project.call(WORDS) as run:
        wait_until_one_hangs(project, run)
        run.send_signal(signal.SIGHUP)
        printed(run, PATIENCE)
    assert run.returncode == 130
    cleared_and_reported(project)


def test_a_terminal_that_is_closed_ends_a_run_with_its_report(project: Project) -> None:
    own_end, other_end = os.openpty()
    with project.call(WORDS, terminal=other_end) as run:
        os.close(other_end)
        wait_until_one_hangs(project, run)
        os.close(own_end)
        run.send_signal(signal.SIGHUP)  # the kernel sends it where the terminal is the session's own
        printed(run, PATIENCE)
    assert run.returncode == 130
    cleared_and_reported(project)
