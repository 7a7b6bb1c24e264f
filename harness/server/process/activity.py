"""Whether the processes of a server wait, or work: their threads, as the kernel lists them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def any_runs(pids: Iterable[int]) -> bool:
    """Return whether a thread of `pids` runs, or is ready to run (R), or waits for a disk (D), see proc_pid_stat(5).

    A thread that waits for a connection, a lock or a timer sleeps (S). Bytes that arrive on a connection make the
    waiting thread ready at once, also if no processor is free for it.
    """
    return any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - names alone are wanted
            with contextlib.suppress(OSError, IndexError):
                stat = Path(f"/proc/{pid}/task/{thread}/stat").read_bytes()
                if stat.rpartition(b")")[2].split(maxsplit=1)[0] in (b"R", b"D"):
                    return True
    return False
