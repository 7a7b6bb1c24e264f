"""The comparison of generators runs with the installed ones and names the others. Its figures are not checked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..helpers.requirements import fail_or_skip, program

pytestmark = pytest.mark.live

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "compare_generators.py"


def test_what_is_here_is_measured_and_what_is_not_is_named(tmp_path: Path) -> None:
    program("wrk", package="wrk")
    if len(os.sched_getaffinity(0)) < 2:
        fail_or_skip("generator and server need a core each, and there is one")
    argv = [sys.executable, str(SCRIPT), "--rounds", "1", "--seconds", "2", "--connections", "4"]
    environment = {**os.environ, "LOCUST": "", "AUTOCANNON": str(tmp_path)}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[2:4]] == ["gauntlet", "wrk"]
    assert "left out: autocannon is not installed: npm install" in done.stderr or "left out: node" in done.stderr


def test_without_any_other_there_is_nothing_to_compare(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path), "LOCUST": "", "AUTOCANNON": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
