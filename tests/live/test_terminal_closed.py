"""SIGHUP, as a closed terminal sends it: the report of what was measured is written, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from wsgi_gauntlet.harness import journal

pytestmark = pytest.mark.live

PROGRAM = "from wsgi_gauntlet.harness.cli import main; main()"
WORDS = [sys.executable, "-c", PROGRAM, "check", "wsgiref", "--select", "pep3333", "--out", "out"]
PATIENCE = 60.0


@pytest.fixture
def place() -> Iterator[Path]:
    with TemporaryDirectory(prefix="g-") as name:
        (Path(name) / "t").mkdir()
        yield Path(name)


def begun(place: Path) -> bool:
    path = place / "out" / journal.NAME
    return path.exists() and b'"line":"check"' in path.read_bytes()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def cleared_and_reported(place: Path) -> None:
    assert list((place / "t").iterdir()) == []
    results = journal.read(place / "out")
    assert results.checks
    assert not results.finished
    assert (place / "out" / "report.html").exists()


def test_a_hang_up_ends_a_run_with_its_report(place: Path) -> None:
    with subprocess.Popen(WORDS, cwd=place, env={**os.environ, "TMPDIR": str(place / "t")}) as run:
        until(lambda: begun(place))
        run.send_signal(signal.SIGHUP)
        assert run.wait(PATIENCE) == 130
    cleared_and_reported(place)


def test_a_terminal_that_is_closed_ends_a_run_with_its_report(place: Path) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        WORDS,
        cwd=place,
        env={**os.environ, "TMPDIR": str(place / "t")},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as run:
        os.close(theirs)
        until(lambda: begun(place))
        os.close(ours)
        run.send_signal(signal.SIGHUP)  # the kernel sends it where the terminal is the session's own
        assert run.wait(PATIENCE) == 130
    cleared_and_reported(place)
