"""What processes have in memory, to the byte that the kernel knows."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from wsgi_gauntlet.harness.load.probes import memory as looking
from wsgi_gauntlet.harness.load.probes.memory import memory

MEGABYTE = 1 << 20


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
    class Hidden(type(looking.Path())):  # type: ignore[misc]
        def read_text(self, *given: str) -> str:
            if self.name == "smaps_rollup":
                raise PermissionError
            return str(super().read_text(*given))

    monkeypatch.setattr(looking, "Path", Hidden)
    found = await memory([os.getpid()])
    assert abs(found - psutil.Process().memory_info().rss) < 32 * MEGABYTE
