"""Segmentations: ways of cutting the same bytes into TCP segments, which must make no difference to a server.

TCP guarantees the order of bytes, not their packets. Every well-formed case is repeated in each segmentation. A segment
is sent after the server read the one before (transports.py), so that the server sees the same cuts each time. That
takes time, so there are few segmentations: a case of its own cuts a request at every place (segments.py).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wsgi_gauntlet.harness.http.request import first_message

PAUSE_SECONDS = 0.02
"""Seconds between two segments: enough for a server to read the first one and wait for more."""

SINGLE_BYTES_AT_START = 32
"""Bytes sent one by one at the beginning of a message: the request line of most cases."""

SINGLE_BYTES_AT_EDGES = 4
"""Bytes sent one by one at the end of the head, and at both ends of the body."""

MAX_SEGMENTS = 200
"""Segments that one message is cut into at its CRLFs."""


class Segmentation(enum.StrEnum):
    """The way in which a request is cut into segments."""

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
    """The bytes of one segment, and the seconds to wait before sending it."""

    data: bytes
    delay: float = 0.0


def split_segments(data: bytes, segmentation: Segmentation, *, split_bodies: bool = False) -> Iterator[Segment]:
    """Yield the segments of `data`; joined they are `data`.

    Only the first message is cut: its head, and with `split_bodies` its body too, for an app that reads it. Everything
    after that message is sent with its last segment: a server may respond without it, and must not find more or less
    data on the connection depending on the moment.
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
        # Between CR and LF: a parser that looks for both at once fails there.
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
