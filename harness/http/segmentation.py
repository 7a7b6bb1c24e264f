"""Ways of sending the same bytes: how a stream is cut into segments must make no difference to a server.

TCP promises an order of bytes, not of packets. The engine sends every well-formed case in each of these ways. A piece
goes out once the server has read the one before (transports/receive_queue.py), so that the same cuts are seen each
time. That is why they are few: a cut at every place is the subject of a case of its own (segments.py).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wsgi_gauntlet.harness.http.request import first_message

PAUSE_SECONDS = 0.02
"""Seconds between two pieces: long enough for a server to have read the first and to wait for more."""

SINGLE_BYTES_AT_START = 32
"""Bytes sent one by one at a message's beginning: the request line of most cases."""

SINGLE_BYTES_AT_EDGES = 4
"""Bytes sent one by one at the head's end, and at both ends of the body."""

MAX_SEGMENTS = 200
"""Segments that one message is cut into at CRLFs."""


class Segmentation(enum.StrEnum):
    """A way of sending."""

    WHOLE = "whole"
    BYTES = "bytes"
    LINES = "lines"
    PAUSED = "paused"

    @property
    def label(self) -> str:
        """The segmentation as a reader sees it."""
        return {"bytes": "byte by byte", "lines": "split at every CRLF"}.get(self.value, self.value)


@dataclass(frozen=True)
class Segment:
    """Bytes for a segment of their own, and the seconds to wait before they go out."""

    data: bytes
    delay: float = 0.0


def split_segments(data: bytes, segmentation: Segmentation, *, split_bodies: bool = False) -> Iterator[Segment]:
    """Return the segments that `data` goes out in; joined they are `data`.

    What is cut is the first message: its head, and its body too with `bodies`, which is for an app that reads it.
    All that a server could answer without goes out with the last piece of that: else it would depend on the moment
    whether the server, once it has answered, finds more on the connection.
    """
    head, end = first_message(data) or (0, len(data))
    cut = end if split_bodies else head
    if segmentation is Segmentation.WHOLE or cut < 2:
        yield Segment(data)
        return
    *earlier, last = _split(data[:cut], head, segmentation)
    yield from earlier
    yield Segment(last.data + data[cut:], last.delay)


def _split(data: bytes, head: int, segmentation: Segmentation) -> Iterator[Segment]:
    if segmentation is Segmentation.BYTES:
        ends = {
            *range(1, SINGLE_BYTES_AT_START + 1),
            *range(head - SINGLE_BYTES_AT_EDGES, head + SINGLE_BYTES_AT_EDGES + 1),
            *range(len(data) - SINGLE_BYTES_AT_EDGES, len(data)),
        }
        yield from _split_at(data, ends)
    elif segmentation is Segmentation.LINES:
        # Between CR and LF, where a parser that looks for both at once goes wrong.
        yield from (Segment(each) for each in _split_lines(data))
    else:
        yield from _split_at(data, {head // 2, head, (head + len(data)) // 2}, PAUSE_SECONDS)


def _split_lines(data: bytes) -> Iterator[bytes]:
    start = 0
    for _ in range(MAX_SEGMENTS):
        end = data.find(b"\r\n", start)
        if end < 0:
            break
        yield data[start : end + 1]
        start = end + 1
    if start < len(data):
        yield data[start:]


def _split_at(data: bytes, cuts: Iterable[int], delay: float = 0.0) -> Iterator[Segment]:
    start = 0
    for cut in [*sorted(cut for cut in set(cuts) if 0 < cut < len(data)), len(data)]:
        yield Segment(data[start:cut], delay if start else 0.0)
        start = cut
