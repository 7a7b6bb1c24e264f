"""Ctrl-C in the middle of a scenario: it ends there, keeps whole cells only, and leaves nothing running."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ..helpers.processes import is_alive
from ..helpers.pytest_project import ended

pytestmark = pytest.mark.live

PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that started us in the background ignores it
from wsgi_gauntlet.harness.cli.main import main
from wsgi_gauntlet.reports.terminal import live_display
live_display.LINE_SECONDS = 0.25  # the test waits for a line of the scenario
main()
"""


@pytest.mark.parametrize("scenario", ["slow-headers/byte", "steady"])
def test_whole_cells_are_kept_and_nothing_is_left(tmp_path: Path, scenario: str) -> None:
    words = ["wsgiref", "--scenario", "throughput", "--scenario", scenario, "--slow-clients", "64", "--duration", "1"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "load", *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    under_way = next(line for line in process.stderr if f"{scenario}: " in line)
    assert "wsgiref" in under_way
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    said = ended(process, 90)[1]
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not [each for each in children if is_alive(each)]
    cells = json.loads((tmp_path / "gauntlet-out" / "results.json").read_text())["load"]
    assert [cell["scenario"] for cell in cells] == ["throughput"]
    assert (tmp_path / "gauntlet-out" / "report.html").exists()
