"""The measurement of launching runs. Its figures are not checked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "launch_overhead.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(SCRIPT), *arguments, "--rounds", "1", "--bar", "60"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=100, check=False)


def test_it_runs() -> None:
    done = run("wsgiref")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^wsgiref( +[-+]?\d+\.\d{3}){6}", done.stdout, re.MULTILINE), done.stdout
    assert done.stdout.endswith("over 60.0 s: none\n")


def test_who_is_not_here_is_left_out_in_one_line() -> None:
    done = run("uwsgi[threads=2,keep-alive=1]")
    assert done.returncode == 0, done.stderr
    assert "left out: " in done.stdout
