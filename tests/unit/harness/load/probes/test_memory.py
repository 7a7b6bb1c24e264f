"""What processes have in memory, to the byte that the kernel knows."""

from __future__ import annotations

import os

import psutil
import pytest

from wsgi_gauntlet.harness.load.probes import memory as looking
from wsgi_gauntlet.harness.load.probes.memory import memory

MEGABYTE = 1 << 20


async def test_more_is_seen() -> None:
    before = await memory([os.getpid()])
    kept = bytearray(os.urandom(8 * MEGABYTE))
    after = await memory([os.getpid()])
    assert after - before + MEGABYTE >= 8 * MEGABYTE
    assert len(kept) == 8 * MEGABYTE


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
