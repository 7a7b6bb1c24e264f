"""The comparison of traffic with one fixed request runs. Its figures are not checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..helpers.requirements import fail_or_skip

pytestmark = pytest.mark.live

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "traffic_vs_fixed_request.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=100, check=False
    )


def test_it_runs() -> None:
    done = run("--rounds", "1", "--seconds", "2", "--connections", "4", "--bar", "0.001")
    if done.returncode == 2:
        fail_or_skip(done.stderr)
    assert done.returncode == 0, done.stderr
    assert [line.split("  ")[0] for line in done.stdout.splitlines()[1:]] == [
        "fixed request",
        "traffic",
        "traffic / fixed",
    ]


def test_impossible_numbers_are_refused() -> None:
    done = run("--rounds", "0")
    assert done.returncode == 2
    assert "--rounds and --connections must be at least 1" in done.stderr
