"""Whether a server calls the app before a request's body is there: who waits for it there is one less for others.

A body is held back, and the app itself says how long it took to read it: a server that waits for the body first hands
it over in no time. Nothing of this depends on two clocks, nor on when the server sends the answer.
"""

from __future__ import annotations

import trio

from ...address import Address
from ...answer import Ending, Response
from ...model import Measure
from ...response import ResponseParser
from ..clients.dripped_body import Framing, upload_body, upload_head
from ..clients.link import PIECE, connect, plain_socket, send_all

HELD = 0.5
"""Seconds that the body is held back."""

PATIENCE = 5.0
"""Seconds that the answer may take once the body is there."""

SIZE = 32
"""Bytes of that body."""

NAME = "app started before the body was there"
YES_NO = "yes/no"


async def early_start(address: Address, reference: str, framing: Framing) -> Measure:
    """Return whether the app at `address`, whose paths begin with `reference`, starts before the body: 1 or 0.

    The value is None, with a note, where nobody can tell. Raises OutOfResources where this machine has run out.
    """
    plain = plain_socket(address)
    with plain:
        try:
            await connect(plain, address)
            answer, ahead = await _withheld(plain, address, reference, framing)
        except OSError as problem:
            return Measure(NAME, None, YES_NO, note=f"the connection broke: {problem.strerror or problem}")
    return told(answer, ahead=ahead)


def told(answer: Response, *, ahead: bool) -> Measure:
    """Return the measure that `answer` makes; `ahead` says that it came before the body was sent."""
    if answer.status != 200 or not answer.complete:
        return Measure(NAME, None, YES_NO, note=f"such a request is answered with {answer.describe()}")
    waited = _waited(answer)
    if waited is None:
        return Measure(NAME, None, YES_NO, note="the answer does not say when the app was called")
    if ahead and answer.body.startswith(b"0 "):
        return Measure(NAME, 1.0, YES_NO, note="the app was told of no body, and answered without it")
    if answer.body.startswith(b"0 "):
        return Measure(NAME, None, YES_NO, note="the app was told of no body")
    early = waited > HELD / 2
    return Measure(NAME, float(early), YES_NO, note=f"it read for {waited:.2f} s what was held back for {HELD:g} s")


async def _withheld(
    plain: trio.socket.SocketType, address: Address, reference: str, framing: Framing
) -> tuple[Response, bool]:
    parser = ResponseParser()
    await send_all(plain, upload_head(f"{reference}/sink", address.authority, framing, SIZE))
    with trio.move_on_after(HELD):
        await _read(plain, parser)
    ahead = parser.done
    if not ahead:
        await send_all(plain, b"".join(upload_body(framing, SIZE, SIZE)))
        with trio.move_on_after(PATIENCE):
            await _read(plain, parser)
    return parser.response(), ahead


async def _read(plain: trio.socket.SocketType, parser: ResponseParser) -> None:
    while not parser.done:
        data = await plain.recv(PIECE)
        if not data:
            parser.eof(Ending.EOF)
            return
        parser.feed(data)


def _waited(answer: Response) -> float | None:
    try:
        return float(answer.header("X-Gauntlet-Waited") or b"")
    except ValueError:
        return None
