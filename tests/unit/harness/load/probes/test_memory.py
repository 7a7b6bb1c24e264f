"""The memory of processes, and its peak."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys

import psutil
import pytest

from wsgi_gauntlet.harness.load.probes import memory as memory_module
from wsgi_gauntlet.harness.load.probes.memory import memory, peak_memory, reset_peak, status_field

MEGABYTE = 1 << 20

STATUS = "Name:\tpython\nVmHWM:\t   12 kB\nVmRSS:\t   10 kB\nThreads:\t1\n"

GROWS = """
import os, sys
print("there", flush=True)
sys.stdin.readline()
kept = bytearray(os.urandom(int(sys.argv[1])))
print("grown", flush=True)
sys.stdin.readline()
"""


async def test_more_is_seen() -> None:
    # In a process of its own: this one has freed memory to take it from, or frees some meanwhile.
    argv = [sys.executable, "-c", GROWS, str(8 * MEGABYTE)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: ASYNC220 - nothing else runs here
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        before = await memory([process.pid])
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"grown\n"
        after = await memory([process.pid])
        process.stdin.write(b"\n")
    assert 8 * MEGABYTE <= after - before + MEGABYTE < 32 * MEGABYTE


async def test_a_process_that_has_ended_has_none() -> None:
    assert await memory([2**22 + 1]) == 0


async def test_without_a_rollup_there_is_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hidden(type(memory_module.Path())):  # type: ignore[misc]
        def read_text(self, *given: str) -> str:
            if self.name == "smaps_rollup":
                raise PermissionError
            return str(super().read_text(*given))

    monkeypatch.setattr(memory_module, "Path", Hidden)
    found = await memory([os.getpid()])
    assert abs(found - psutil.Process().memory_info().rss) < 32 * MEGABYTE


def test_fields_are_in_bytes() -> None:
    assert status_field(STATUS, "VmHWM") == 12 * 1024
    assert status_field(STATUS, "VmRSS") == 10 * 1024
    assert status_field(STATUS, "VmPeak") == 0


def test_a_peak_is_seen_after_it_has_passed() -> None:
    have = reset_peak([os.getpid()])
    size = 30_000_000
    with mmap.mmap(-1, size) as mapped:
        mapped.write(bytes(size))
    assert peak_memory([os.getpid()]) - have > 0.9 * size
    # The page cache of other tests' imports may come and go meanwhile, but not as much as that.
    assert reset_peak([os.getpid()]) - have < 0.5 * size


def test_a_process_that_has_ended_has_no_peak() -> None:
    assert reset_peak([2**22 + 1]) == peak_memory([2**22 + 1]) == 0
