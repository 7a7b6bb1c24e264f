"""Puts pieces on a connection, each in a segment of its own: the next goes out when the server has read the last."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio

from ..attempts.patterns import Piece
from .taken import taken, unread


async def send_pieces(
    stream: trio.abc.Stream, pieces: Iterable[Piece], gone: Callable[[], None] = lambda: None
) -> None:
    """Send each of `pieces` on `stream`, waiting before it as long as it says; `gone` hears that some more went out.

    A piece waits until the server has read the one before. From a server that does not read, nothing is waited for.
    Raises what `stream.send_all` does. The stream must send at once what it is given (TCP_NODELAY).
    """
    count = None
    reads = True
    for number, piece in enumerate(pieces):
        if number == 1:
            count = unread(stream)
        if number and reads:
            reads = await taken(count)
        if piece.wait:
            await trio.sleep(piece.wait)
        if piece.data:
            await stream.send_all(piece.data)
            gone()
