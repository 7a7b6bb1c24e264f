"""The signals that end a run in good order: Ctrl-C, the end of a CI job, and a closed terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import stat


def shutdown_signals() -> list[signal.Signals]:
    """Return the signals after which a run ends and keeps its results."""
    # `nohup` ignores SIGHUP, and so does the run then.
    found = [signal.SIGINT, signal.SIGTERM]
    return found if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [*found, signal.SIGHUP]


def redirect_terminal_to_null() -> None:
    """Send stdout and stderr to /dev/null if they are a terminal. After SIGHUP, writing to it is an error."""
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(null, descriptor)
    os.close(null)
