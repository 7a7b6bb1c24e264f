"""The work of a run, and the signals that end it: what was measured until then is kept and reported."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from collections.abc import Awaitable, Callable, Iterator

import trio

from wsgi_gauntlet.harness.conformance.stall_clock import StallClock
from wsgi_gauntlet.harness.errors import GauntletError
from wsgi_gauntlet.harness.model.listener import Listener
from wsgi_gauntlet.harness.session_work import RunStatus


def shutdown_signals() -> list[signal.Signals]:
    """Return the signals that end a run. `nohup` has the end of the terminal ignored, and so do we then."""
    found = [signal.SIGINT, signal.SIGTERM]
    return found if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [*found, signal.SIGHUP]


def redirect_terminal_to_null() -> None:
    """Have what is written to a terminal go nowhere: it has been closed, and writing to it is an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(nowhere, descriptor)
    os.close(nowhere)


def run_until_interrupted(work: Callable[[], Awaitable[None]], status: RunStatus, listener: Listener) -> None:
    """Do `work` in a loop of its own, and give it up where a signal asks for that; `outcome` tells whether one did.

    What is ours to explain comes without an exception group. Raises what `work` does.
    """

    async def main() -> None:
        with trio.open_signal_receiver(*shutdown_signals()) as signals:
            async with trio.open_nursery() as nursery:

                async def handle_signals() -> None:
                    async for number in signals:
                        if number == signal.SIGHUP:
                            redirect_terminal_to_null()
                        status.interrupted = True
                        listener.message("interrupted: stopping the servers, then the report of what was measured")
                        nursery.cancel_scope.cancel()
                        return

                nursery.start_soon(handle_signals)
                await work()
                nursery.cancel_scope.cancel()

    try:
        trio.run(main, clock=StallClock())
    except BaseExceptionGroup as group:
        expected_errors = [each for each in _leaf_exceptions(group) if isinstance(each, GauntletError | OSError)]
        if expected_errors:
            raise expected_errors[0] from None
        raise


def _leaf_exceptions(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaf_exceptions(each)
        else:
            yield each
