"""The work of a run, and the signals that end it: what was measured until then is kept and reported."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from collections.abc import Awaitable, Callable, Iterator

import trio

from .attempts.clock import AwakeClock
from .errors import GauntletError
from .progress import Listener
from .work import Outcome


def ending() -> list[signal.Signals]:
    """Return the signals that end a run. `nohup` has the end of the terminal ignored, and so do we then."""
    found = [signal.SIGINT, signal.SIGTERM]
    return found if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [*found, signal.SIGHUP]


def forget_the_terminal() -> None:
    """Have what is written to a terminal go nowhere: it has been closed, and writing to it is an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                os.dup2(nowhere, descriptor)
    os.close(nowhere)


def until_done_or_interrupted(work: Callable[[], Awaitable[None]], outcome: Outcome, listener: Listener) -> None:
    """Do `work` in a loop of its own, and give it up where a signal asks for that; `outcome` tells whether one did.

    What is ours to explain comes without an exception group. Raises what `work` does.
    """

    async def main() -> None:
        with trio.open_signal_receiver(*ending()) as signals:
            async with trio.open_nursery() as nursery:

                async def heed() -> None:
                    async for number in signals:
                        if number == signal.SIGHUP:
                            forget_the_terminal()
                        outcome.interrupted = True
                        listener.remark("interrupted: stopping the servers, then the report of what was measured")
                        nursery.cancel_scope.cancel()
                        return

                nursery.start_soon(heed)
                await work()
                nursery.cancel_scope.cancel()

    try:
        trio.run(main, clock=AwakeClock())
    except BaseExceptionGroup as group:
        explained = [each for each in _leaves(group) if isinstance(each, GauntletError | OSError)]
        if explained:
            raise explained[0] from None
        raise


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each
