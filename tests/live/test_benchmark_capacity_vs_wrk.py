"""The comparison of `capacity` with wrk runs, and reports a missing tool. Its figures are not checked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..helpers.requirements import program

pytestmark = pytest.mark.live

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "capacity_vs_wrk.py"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=100, env={**os.environ, **environment}, check=False
    )


def test_it_runs() -> None:
    program("wrk", package="wrk")
    done = run(
        *("--milliseconds", "5", "--connections", "2", "--seconds", "1", "--duration", "0.3", "--budget", "0.5"),
        *("--within", "1e9"),
    )
    assert done.returncode == 0, done.stderr
    assert "  5 ms " in done.stdout
    assert "within 1e+09 of wrk: all" in done.stdout


def test_without_wrk_it_says_what_to_install_in_one_line(tmp_path: Path) -> None:
    done = run(PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == "wrk is not installed: apt install wrk\n"
    assert done.stdout == ""
