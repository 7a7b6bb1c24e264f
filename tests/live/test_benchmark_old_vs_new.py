"""The comparison of two checkouts runs. Its figures are not checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..helpers.requirements import fail_or_skip

pytestmark = pytest.mark.live

TREE = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(TREE / "benchmarks" / "old_vs_new.py"), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=100, check=False)


def test_a_tree_is_compared_with_itself() -> None:
    done = run(str(TREE), "--rounds", "1", "--seconds", "2", "--clients", "20", "--launches", "1", "--bar", "0.001")
    if done.returncode == 2:
        fail_or_skip(done.stderr)
    assert done.returncode == 0, done.stderr
    rows = [line.split("per")[0].strip() for line in done.stdout.splitlines()[2:]]
    assert rows == ["requests"] * 2 + ["clients opened"] * 2 + ["launches"] * 2


def test_another_folder_is_refused(tmp_path: Path) -> None:
    done = run(str(tmp_path))
    assert done.returncode == 2
    assert "is not a checkout of wsgi-gauntlet" in done.stderr
