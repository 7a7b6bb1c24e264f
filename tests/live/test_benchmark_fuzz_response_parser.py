"""The fuzzing of the response parser runs with few inputs, and with every endless response."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz_response_parser.py"


def test_it_runs_and_everything_holds() -> None:
    argv = [sys.executable, str(SCRIPT), "--examples", "160", "--seed", "1", "--processes", "1"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "of 64 MiB" in done.stdout
