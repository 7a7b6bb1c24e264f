"""CPU time for tests that measure before CPU time for all others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NICENESS = -10
"""Against a process of the usual niceness, 0, Linux gives one of -10 nine of ten parts of a core, sched(7)."""


@contextmanager
def first_in_line() -> Iterator[bool]:
    """Give the threads of this process, and what they start meanwhile, that niceness. Yield whether that was allowed.

    Only root may do so. Without it, these tests share the cores with all others.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    except PermissionError:
        yield False
        return
    _set_all_threads(NICENESS)
    try:
        yield True
    finally:
        _set_all_threads(before)


def _set_all_threads(niceness: int) -> None:
    for each in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # a thread that has just ended
            os.setpriority(os.PRIO_PROCESS, int(each.name), niceness)
