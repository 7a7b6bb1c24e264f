"""Looks at processes that may end at any moment."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil


def processes_in(folder: Path) -> list[str]:
    """Return the pids and command lines of the processes that work in `folder` or below it."""
    found = []
    for process in psutil.process_iter():
        # Of a process that is just ending, the kernel gives errors that psutil does not know.
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()).is_relative_to(folder):
                found.append(f"{process.pid} {process.cmdline()}")
    return found


def command_lines(processes: Iterable[psutil.Process]) -> list[str]:
    """Return the command lines of those that still run."""
    found = []
    for process in processes:
        with suppress(psutil.Error, OSError):
            found.append(" ".join(process.cmdline()))
    return found


def is_alive(process: psutil.Process) -> bool:
    """Return whether the process still runs. One that has ended and that nobody has waited for does not."""
    with suppress(psutil.Error, OSError):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
