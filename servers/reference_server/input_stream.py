"""wsgi.input: a request's body, decoded, ending where the request ends (PEP 3333, Input and Error Streams)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from . import framing, parsing
from .framing import CHUNKED
from .rejection import RequestRejected
from .stream import Stream

BODY_TIMEOUT_SECONDS = 10.0
"""Seconds without one byte after which a body is given up."""

DRAIN_LIMIT_BYTES = 64 * 1024
"""Bytes of an unread body that are read to keep the connection; beyond that closing it is cheaper."""

READ_BYTES = 64 * 1024


class InputStream:
    """The body of one request. `invite` sends 100 (Continue), None where the client does not wait for it."""

    def __init__(self, stream: Stream, length: int, invite: Callable[[], None] | None = None) -> None:
        self._stream = stream
        self._chunked = length == CHUNKED
        self._left = 0 if self._chunked else length
        self._begun = False
        self._ended = length == 0
        self._invite = None if self._ended else invite
        self._ahead = b""

    # ------------------------------------------------------------------ for the app

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the end; without a size the rest."""
        wanted = -1 if size is None else size
        parts: list[bytes] = []
        while wanted and (piece := self._piece(wanted)):
            parts.append(piece)
            wanted -= len(piece) if wanted > 0 else 0
        return b"".join(parts)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return one line with its LF, at most `size` bytes of it."""
        wanted = -1 if size is None else size
        line = b""
        while wanted < 0 or len(line) < wanted:
            piece = self._piece(-1 if wanted < 0 else wanted - len(line))
            if not piece:
                break
            head, lf, rest = piece.partition(b"\n")
            line += head + lf
            if lf:
                self._ahead = rest + self._ahead
                break
        return line

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        """Return the lines that are left, no more once they come to `hint` bytes."""
        lines: list[bytes] = []
        total = 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    # ------------------------------------------------------------------ for the server

    @property
    def clean(self) -> bool:
        """Whether what is left of the body can be read away soon, so that another request may follow it."""
        if self._ended:
            return True
        return not self._chunked and self._invite is None and self._left <= DRAIN_LIMIT_BYTES

    def cancel_continue(self) -> None:
        """The answer has begun: a 100 (Continue) would come too late."""
        if self._invite is not None:
            self._invite = _nothing

    def drain(self) -> None:
        """Read what the app has left unread."""
        while self._piece(-1):
            pass

    # ------------------------------------------------------------------ the framing

    def _piece(self, most: int) -> bytes:
        """Return some of the body, at most `most` bytes where that is not negative; b'' at its end."""
        if not self._ahead:
            if self._ended:
                return b""
            if self._invite is not None:
                invite, self._invite = self._invite, None
                if not self._stream.buffer:
                    invite()
            self._ahead = self._coded_piece() if self._chunked else self._plain_piece()
        piece = self._ahead if most < 0 else self._ahead[:most]
        self._ahead = self._ahead[len(piece) :]
        return piece

    def _plain_piece(self) -> bytes:
        piece = self._stream.some(min(self._left, READ_BYTES), _deadline())
        if not piece:
            raise RequestRejected(400, f"the connection ended {self._left} bytes before the body did")
        self._left -= len(piece)
        self._ended = not self._left
        return piece

    def _coded_piece(self) -> bytes:
        if not self._left:
            if self._begun:
                self.after_chunk()
            self._begun = True
            self._left = framing.chunk_size(self._line(framing.CHUNK_LINE_LIMIT))
            if not self._left:
                self.trailer()
                self._ended = True
                return b""
        piece = self._stream.some(min(self._left, READ_BYTES), _deadline())
        if not piece:
            raise RequestRejected(400, "the connection ended in the middle of a chunk")
        self._left -= len(piece)
        return piece

    def after_chunk(self) -> None:
        """Read the CRLF behind a chunk's data."""
        if self._line(2) != b"":
            raise RequestRejected(400, "a chunk's data is longer than its size")

    def trailer(self) -> None:
        """Read the trailer section, and discard it, as RFC 9112, section 7.1.2, allows."""
        size = 0
        while line := self._line(parsing.HEAD_LIMIT - size):
            parsing.field(line)
            size += len(line) + 2
            if size >= parsing.HEAD_LIMIT:
                raise RequestRejected(431, "the trailer section is too large")

    def _line(self, limit: int) -> bytes:
        line = self._stream.line(limit, _deadline())
        if not line:
            raise RequestRejected(400, "the connection ended before the last chunk")
        if not line.endswith(b"\n"):
            raise RequestRejected(400, f"a line of the chunked coding is longer than {limit} bytes")
        return parsing.terminated(line)


def _deadline() -> float:
    return time.monotonic() + BODY_TIMEOUT_SECONDS


def _nothing() -> None:
    """Send nothing."""
