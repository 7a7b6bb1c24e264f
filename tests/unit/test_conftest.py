"""Tests say the same under nohup and behind a shell's `&` as at a terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import runpy, subprocess, sys
runpy.run_path(sys.argv[1])
sys.exit(subprocess.run([sys.executable, "-c", sys.argv[2]]).returncode)
"""
LOOK = "import signal; print([signal.getsignal(n) is signal.SIG_IGN for n in (signal.SIGINT, signal.SIGHUP)])"


def test_what_tests_start_heeds_signals() -> None:
    shell = 'trap "" INT HUP; exec "$@"'
    conftest = str(Path(__file__).parents[1] / "conftest.py")
    done = subprocess.run(
        ["/bin/sh", "-c", shell, "sh", sys.executable, "-c", PROGRAM, conftest, LOOK],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[False, False]\n"
