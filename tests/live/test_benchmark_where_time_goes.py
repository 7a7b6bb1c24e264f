"""The measurement of where the time of a check goes. Its figures are not checked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "where_time_goes.py"


def test_each_table_has_its_rows(tmp_path: Path) -> None:
    argv = [sys.executable, str(SCRIPT), "wsgiref", "--select", "http/connection/keep-alive", "--out", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode in (0, 1), done.stderr
    for row in ("start", "stop", "attempts", "whole", "http/connection", "plain, 1 attempt(s)"):
        assert re.search(rf"^{re.escape(row)} +[1-9]\d* +\d+\.\d\d$", done.stdout, re.MULTILINE), (row, done.stdout)
    assert re.search(r"^wall time \d+\.\d s; CPU time of the harness \d+\.\d s", done.stdout, re.MULTILINE)
    assert re.search(r"^http/connection/keep-alive, whole, attempt 1 +\d+\.\d\d$", done.stdout, re.MULTILINE)
