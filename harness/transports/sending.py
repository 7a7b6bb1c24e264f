"""Puts pieces on a connection, each in a segment of its own where the transport has such a thing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import trio

from ..attempts.patterns import Piece

TURN = 32
"""Pieces after which other tasks get their turn: one a piece would take ten times as long with many tasks."""


async def send_pieces(
    stream: trio.abc.SendStream, pieces: Iterable[Piece], gone: Callable[[], None] = lambda: None
) -> None:
    """Send each of `pieces` on `stream`, waiting before it as long as it says; `gone` hears that some more went out.

    Raises what `stream.send_all` does. The stream must send at once what it is given (TCP_NODELAY).
    """
    plain = stream.socket.fileno() if isinstance(stream, trio.SocketStream) else None
    for number, piece in enumerate(pieces):
        if piece.wait:
            await trio.sleep(piece.wait)
        rest = piece.data
        if plain is not None and number % TURN:
            rest = _at_once(plain, rest)
        if rest:
            await stream.send_all(rest)
            gone()


def _at_once(socket: int, data: bytes) -> bytes:
    """Write `data` without giving up our turn; return what did not fit."""
    try:
        return data[os.write(socket, data) :]
    except OSError:
        return data  # full, or broken: then send_all finds the same, and names it
