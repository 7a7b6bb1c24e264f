"""The memory of processes to the byte that the kernel knows: their part of it, where pages are shared.

VmRSS, which is cheaper to read, lags behind by up to some dozens of pages a thread; what one idle connection adds is
less than a page. /proc/PID/smaps_rollup counts anew, and has Pss: shared pages divided by those who share them
(proc_pid_smaps(5)).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import trio

from wsgi_gauntlet.harness.load.probes.peak_memory import status_field


async def memory(pids: Iterable[int]) -> int:
    """Return the bytes that the processes `pids` have together; one that has ended has none."""
    return await trio.to_thread.run_sync(_memory, tuple(pids))


def _memory(pids: tuple[int, ...]) -> int:
    return sum(_one(pid) for pid in pids)


def _one(pid: int) -> int:
    for name, key in (("smaps_rollup", "Pss"), ("status", "VmRSS")):
        # Without the first, as in some sandboxes, there is the second.
        with contextlib.suppress(OSError):
            if found := status_field(Path(f"/proc/{pid}/{name}").read_text("ascii", "replace"), key):
                return found
    return 0
