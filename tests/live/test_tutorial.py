"""docs/tutorial.md as written: its commands run in an empty folder, one after the other, on real servers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..helpers.documented_commands import documented_commands

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
FILE = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALLS = re.compile(r"git clone|python3 -m venv|\S*pip install|export PATH=")
"""Commands that test_packaging.py and test_restricted_environments.py stand for."""


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    for name, text in FILE.findall(TUTORIAL.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(text)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    outputs = {}
    for command in documented_commands(TUTORIAL):
        if INSTALLS.match(command.line):
            continue
        done = subprocess.run(
            ["sh", "-c", command.line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode in command.exit_codes, (command.line, done.stderr[-2000:])
        outputs[command.line.split()[1]] = done.stdout + done.stderr
    assert list(outputs) == ["servers", "check", "explain", "replay", "load", "report"]
    assert "http/framing/te-without-chunked" in outputs["explain"]
    report = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "slow-headers/silent" in report
    assert "http/framing" in report
    assert "own-app" in (tmp_path / "third" / "results.json").read_text(encoding="utf-8")
