"""What is read of /proc: cores, and what this program's processes took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.load.probes import other_processes as module
from wsgi_gauntlet.harness.load.probes.other_processes import (
    ProcessTreeCpu,
    other_processes,
    parse_core_times,
    parse_process_times,
)

STAT = """cpu  400 0 200 1000 50 10 20 30 0 0
cpu0 300 0 100 400 50 10 20 10 0 0
cpu1 100 0 100 600 0 0 0 20 0 0
intr 12345 0
ctxt 99
"""

TICK = os.sysconf("SC_CLK_TCK")

WORKS = "import time; until = time.process_time() + 0.5\nwhile time.process_time() < until: pass"


def test_only_the_cores_that_we_may_use_count() -> None:
    assert parse_core_times(STAT, {0, 1}) == pytest.approx((600 / TICK, 1050 / TICK, 30 / TICK))
    assert parse_core_times(STAT, {1}) == pytest.approx((200 / TICK, 600 / TICK, 20 / TICK))
    for text, mine in ((STAT, {7}), ("", {0}), ("cpu0 1 2\n", {0})):
        with pytest.raises(ValueError, match="none of the cores"):
            parse_core_times(text, mine)


def test_a_process_is_read_whatever_it_is_called() -> None:
    line = "12 (a) R 1 (b) S 1 2 3 4 5 6 7 8 9 10 100 50 20 30 20 0 1 0"
    assert parse_process_times(line) == (150 / TICK, 50 / TICK)
    with pytest.raises(ValueError, match="not a line"):
        parse_process_times("")


def test_the_time_of_children_counts_once() -> None:
    tree = ProcessTreeCpu(os.getpid())
    assert tree.sample() == 0.0
    subprocess.run([sys.executable, "-c", WORKS], check=True)
    after = tree.sample()
    assert after >= 0.4
    with subprocess.Popen([sys.executable, "-c", WORKS + "\ninput()"], stdin=subprocess.PIPE) as child:
        stat = Path(f"/proc/{child.pid}/stat")
        until = time.monotonic() + 30
        while parse_process_times(stat.read_text())[0] < 0.5 - 2 / TICK:
            assert time.monotonic() < until
        alive = tree.sample()
        assert alive >= after + 0.4
        child.communicate(b"\n")
    # It is waited for, and so part of what this process has taken: that is no new time.
    assert alive <= tree.sample() < alive + 0.4


def test_without_names_of_children_all_time_may_be_that_of_the_harness(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "CHILDREN_FILE", str(tmp_path / "children"))
    with other_processes() as samples:
        pass
    assert samples
    assert [each.own for each in samples] == [each.busy for each in samples]


def test_looks_go_on_until_the_end_of_the_block() -> None:
    with other_processes() as samples:
        pass
    assert samples
    assert samples[-1].cores == len(os.sched_getaffinity(0))
    count = len(samples)
    with other_processes() as more:
        until = time.monotonic() + 30
        while len(more) < 2:
            assert time.monotonic() < until
    assert len(samples) == count
