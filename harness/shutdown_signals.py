"""The signals that end a run in good order: Ctrl-C, the end of a CI job, and a closed terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from collections.abc import Awaitable, Callable

import trio


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


async def run_until_signal(work: Callable[[], Awaitable[None]], on_signal: Callable[[], None] | None = None) -> bool:
    """Run `work` until its end or a shutdown signal, and return whether a signal ended it.

    `on_signal` is called before `work` is cancelled, also if `work` then raises an error.
    """
    interrupted = False
    with trio.open_signal_receiver(*shutdown_signals()) as signals:
        async with trio.open_nursery() as nursery:

            async def wait_for_signal() -> None:
                nonlocal interrupted
                async for number in signals:
                    if number == signal.SIGHUP:
                        redirect_terminal_to_null()
                    interrupted = True
                    if on_signal is not None:
                        on_signal()
                    nursery.cancel_scope.cancel()
                    return

            nursery.start_soon(wait_for_signal)
            await work()
            nursery.cancel_scope.cancel()
    return interrupted
