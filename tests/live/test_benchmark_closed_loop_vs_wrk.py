"""The comparison with wrk runs, and reports a missing tool. Its figures are not checked."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..helpers.requirements import fail_or_skip, program

pytestmark = pytest.mark.live

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "closed_loop_vs_wrk.py"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=60, env={**os.environ, **environment}, check=False
    )


def test_it_runs() -> None:
    program("wrk", package="wrk")
    if len(os.sched_getaffinity(0)) < 2:
        fail_or_skip("generator and server need a core each, and there is one")
    done = run("--rounds", "1", "--seconds", "2", "--connections", "4", "--bar", "0.001")
    assert done.returncode == 0, done.stderr
    assert "gauntlet / wrk: median" in done.stdout
    assert "the bar of 0.001 is reached" in done.stdout


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.0, 1.1, "is reached"),
        (0.9, 1.1, "lies within the interval: run more rounds"),
        (0.9, 1.0, "lies within the interval: run more rounds"),
        (0.8, 0.9, "is not reached"),
    ],
)
def test_a_bar_within_the_interval_is_not_called_reached(
    monkeypatch: pytest.MonkeyPatch, low: float, high: float, said: str
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    assert importlib.import_module("closed_loop_vs_wrk").describe_bar(1.0, low, high) == said


def test_without_wrk_it_says_what_to_install_in_one_line(tmp_path: Path) -> None:
    done = run(PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == "wrk is not installed: apt install wrk\n"
    assert done.stdout == ""
