"""The most memory that a server's processes ever had, to the page: the kernel notes it, so no peak falls between looks.

/proc/PID/status has it as VmHWM ("high water mark", proc_pid_status(5)); writing 5 to /proc/PID/clear_refs sets it back
to what the process has now (proc_pid_clear_refs(5)).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

RESET_PEAK = b"5"


def reset_peak(pids: Iterable[int]) -> int:
    """Set the peaks of `pids` back, and return what they have now, in bytes."""
    have = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_bytes(RESET_PEAK)
        have += status_field(_status(pid), "VmRSS")
    return have


def peak_memory(pids: Iterable[int]) -> int:
    """Return the sum of the peaks of `pids` since they were set back, in bytes; pages shared count in each."""
    return sum(status_field(_status(pid), "VmHWM") for pid in pids)


def status_field(status: str, name: str) -> int:
    """Return the bytes that /proc/PID/status gives for `name`, 0 where it has none."""
    for line in status.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    return 0


def _status(pid: int) -> str:
    # A process that has ended has nothing.
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    return ""
