"""Waiting for a server that was started: until it serves, or why it never will."""

from __future__ import annotations

from collections.abc import Callable

import trio

from ..adapter import Launch
from ..errors import OutOfResources, PortTaken, ServerDidNotStart
from . import processes, ready
from .ownapp import control
from .serverlog import telling_line
from .supervised import Supervised

HOPELESS = 2.0
"""Seconds of answers that are not the app's after which no better one is waited for."""


async def until_ready(
    launch: Launch, supervised: Supervised, *, name: str, nonce: str, deadline: float, logged: Callable[[], str]
) -> None:
    """Return when the server answers with `nonce`; with '' any answer of its own will do.

    `name` is what messages call it, `deadline` is in seconds, `logged` gives what it has logged since its start.
    Raises ServerDidNotStart with the telling line of that, PortTaken, OutOfResources.
    """
    answer = ready.Answer(ready.State.REFUSED)
    taken = False
    target = f"{launch.settings.mount}{control(launch.app)}/nonce"

    async def knock() -> None:
        nonlocal answer, taken
        hopeless = trio.current_time() + HOPELESS
        while True:
            answer = await ready.ask(launch.address, target, nonce, launch.protocol)
            strange = answer.state in (ready.State.OTHER, ready.State.INSECURE)
            if strange or (answer.state is ready.State.READY and not nonce):
                taken = _a_stranger_answers(launch, supervised)
            if taken or answer.state in (ready.State.READY, ready.State.EXHAUSTED):
                break
            if strange and trio.current_time() > hopeless:
                break
            await trio.sleep(ready.PAUSE)
        nursery.cancel_scope.cancel()

    async def watch() -> None:
        await supervised.wait_ended()
        nursery.cancel_scope.cancel()

    with trio.move_on_after(deadline) as patience:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(knock)
            nursery.start_soon(watch)
    ended = supervised.ended
    if answer.state is ready.State.READY and not ended and not taken:
        return
    if taken or (ended and _a_stranger_listens(launch)):
        raise PortTaken(f"{name} could not have port {launch.address.port}: another program listens there")
    if answer.state is ready.State.EXHAUSTED:
        raise OutOfResources(f"{name} {answer.state.value}; raise `ulimit -n` or run less at a time")
    what = f"{name} did not start: {ended}" if ended else _unserved(name, answer, target)
    if ended == "exit code 0":
        what += " (a server must stay in the foreground)"
    elif patience.cancelled_caught and answer.state is not ready.State.OTHER:
        what += f" for {deadline:g} s"
    said = telling_line(logged())
    raise ServerDidNotStart(f"{what}: {said}" if said else f"{what}, and logged nothing")


def _unserved(name: str, answer: ready.Answer, target: str) -> str:
    if answer.state is ready.State.OTHER:
        return f"{name} did not serve the app: GET {target} was answered with {answer.opening}"
    return f"{name} did not start: it {answer.state.value}"


def _a_stranger_answers(launch: Launch, supervised: Supervised) -> bool:
    port = launch.address.tcp_port
    return bool(port) and not processes.owns_port(supervised.processes(), port)


def _a_stranger_listens(launch: Launch) -> bool:
    port = launch.address.tcp_port
    return bool(port) and bool(processes.listening_inodes(port))
