"""Ways of sending the same bytes: how a stream is cut into segments must make no difference to a server.

TCP promises an order of bytes, not of packets. The engine sends every well-formed case in each of these ways. A piece
goes out once the server has read the one before (transports/taken.py), so that the same cuts are seen each time.
That is why they are few: a cut at every place is the subject of a case of its own (segments.py).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .wellformed import first_message

PAUSE = 0.02
"""Seconds between two pieces: long enough for a server to have read the first and to wait for more."""

SINGLE = 32
"""Bytes sent one by one at a message's beginning: the request line of most cases."""

AT_ENDS = 4
"""Bytes sent one by one at the head's end, and at both ends of the body."""

MOST_PIECES = 200
"""Segments that one message is cut into at CRLFs."""


class Pattern(enum.StrEnum):
    """A way of sending."""

    WHOLE = "whole"
    BYTES = "byte by byte"
    LINES = "split at every CRLF"
    PAUSED = "paused"


@dataclass(frozen=True)
class Piece:
    """Bytes for a segment of their own, and the seconds to wait before they go out."""

    data: bytes
    wait: float = 0.0


def pieces(data: bytes, pattern: Pattern, *, bodies: bool = False) -> Iterator[Piece]:
    """Return the segments that `data` goes out in; joined they are `data`.

    What is cut is the first message: its head, and its body too with `bodies`, which is for an app that reads it.
    All that a server could answer without goes out with the last piece of that: else it would depend on the moment
    whether the server, once it has answered, finds more on the connection.
    """
    head, end = first_message(data) or (0, len(data))
    cut = end if bodies else head
    if pattern is Pattern.WHOLE or cut < 2:
        yield Piece(data)
        return
    *earlier, last = _cut(data[:cut], head, pattern)
    yield from earlier
    yield Piece(last.data + data[cut:], last.wait)


def _cut(data: bytes, head: int, pattern: Pattern) -> Iterator[Piece]:
    if pattern is Pattern.BYTES:
        ends = {
            *range(1, SINGLE + 1),
            *range(head - AT_ENDS, head + AT_ENDS + 1),
            *range(len(data) - AT_ENDS, len(data)),
        }
        yield from _at(data, ends)
    elif pattern is Pattern.LINES:
        # Between CR and LF, where a parser that looks for both at once goes wrong.
        yield from (Piece(each) for each in _lines(data))
    else:
        yield from _at(data, {head // 2, head, (head + len(data)) // 2}, PAUSE)


def _lines(data: bytes) -> Iterator[bytes]:
    start = 0
    for _ in range(MOST_PIECES):
        end = data.find(b"\r\n", start)
        if end < 0:
            break
        yield data[start : end + 1]
        start = end + 1
    if start < len(data):
        yield data[start:]


def _at(data: bytes, cuts: Iterable[int], wait: float = 0.0) -> Iterator[Piece]:
    start = 0
    for cut in [*sorted(cut for cut in set(cuts) if 0 < cut < len(data)), len(data)]:
        yield Piece(data[start:cut], wait if start else 0.0)
        start = cut
