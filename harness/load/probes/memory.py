"""Read the memory of processes: the present memory, and the peak.

VmRSS is cheap to read but can be wrong by dozens of pages per thread. An idle connection adds less than a page.
/proc/PID/smaps_rollup is exact: the kernel counts all pages when it is read. Its field Pss divides shared pages among
the processes that share them (proc_pid_smaps(5)). The kernel records the peak itself as VmHWM in /proc/PID/status, so
no peak is missed (proc_pid_status(5)). Writing 5 to /proc/PID/clear_refs resets it (proc_pid_clear_refs(5)).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import trio

RESET_PEAK = b"5"


async def memory(pids: Iterable[int]) -> int:
    """Return the bytes of memory that `pids` use together. A process that has ended uses none."""
    return await trio.to_thread.run_sync(_memory, tuple(pids))


def reset_peak(pids: Iterable[int]) -> int:
    """Reset the peaks of `pids`, and return their present memory in bytes."""
    present = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_bytes(RESET_PEAK)
        present += status_field(_proc_file(pid, "status"), "VmRSS")
    return present


def peak_memory(pids: Iterable[int]) -> int:
    """Return the sum of the peaks of `pids` since the reset, in bytes. Shared pages count in each process."""
    return sum(status_field(_proc_file(pid, "status"), "VmHWM") for pid in pids)


def status_field(status: str, name: str) -> int:
    """Return the bytes of the field `name` in the text of /proc/PID/status, 0 if it is missing."""
    for line in status.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    return 0


def _memory(pids: tuple[int, ...]) -> int:
    # Some sandboxes have no smaps_rollup.
    return sum(
        status_field(_proc_file(pid, "smaps_rollup"), "Pss") or status_field(_proc_file(pid, "status"), "VmRSS")
        for pid in pids
    )


def _proc_file(pid: int, name: str) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_text("ascii", "replace")
    return ""
