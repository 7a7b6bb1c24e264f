"""The memory of large blocks goes back to the system when they are freed."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from wsgi_gauntlet.harness.memory import return_freed_memory

# A freed block of 16 MiB raises glibc's own threshold. Small objects that live stand behind each block of 1 MiB.
KEPT_AFTER_FREEING = """
import mmap
from pathlib import Path
from wsgi_gauntlet.harness.memory import return_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

{call}
del (first := [bytearray(16 * 2**20)])[:]
before = resident()
blocks, small = [], []
for _ in range(64):
    blocks.append(bytearray(b"x") * 2**20)
    small.append([bytes(600) for _ in range(50)])
held = resident() - before
blocks.clear()
print(held, resident() - before)
"""


def held_and_kept(call: str) -> tuple[int, int]:
    """Return the bytes that 64 blocks of 1 MiB need, and those that are left when they are freed."""
    program = [sys.executable, "-c", KEPT_AFTER_FREEING.format(call=call)]
    held, kept = map(int, subprocess.run(program, capture_output=True, check=True, timeout=60).stdout.split())
    return held, kept


def test_freed_blocks_go_back_to_the_system() -> None:
    held, kept = held_and_kept("return_freed_memory()")
    assert held > 64 * 2**20
    assert kept < 8 * 2**20


def test_glibc_keeps_them_by_itself() -> None:
    held, kept = held_and_kept("")
    if kept < 8 * 2**20:
        pytest.xfail("this C library returns them by itself, as musl does")
    assert kept > held / 2


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    return_freed_memory()
