"""The sockets of one lane, and all that its quick path leaves to careful code.

The lane's loop reads with `receive[fd](size)` and compares with `asked[fd].answer`: the last answer that was checked in
full, with the mark of this request in it (marks.py). Whatever is not equal to it comes here: a first answer, a new
Date, a piece of an answer, an end, a fault.

    opening --> waiting for an answer --> (right, kept) --> waiting again
        |               |        `--> (right, closing) --> closed
        `---------------+--> failed, closed, counted

What `receive[fd]` gives tells the loop's comparison where the connection is: plain bytes may be a whole answer; a tuple
never equals one, and stands for bytes in the middle of an answer or out of turn; None means that there is still
something to send.
"""

from __future__ import annotations

import enum
import errno
import math
import os
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from ...address import Address
from ...errors import Unsupported
from ...response import HEAD_LIMIT, RAW_LIMIT, Framing, ResponseParser
from ..targets.leave import guard_of
from .marks import Asked, Marks
from .sources import Sources

PIECE = 64 * 1024
"""Bytes asked of a socket at once, until an answer's size has been learned; never more than four times that."""

KINDS_OF_TROUBLE = 16
"""Different troubles that are kept in words; a garbage generator must not fill the memory."""

IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))
"""Methods whose request may be repeated on a new connection (RFC 9110, section 9.2.2)."""

TIMED_OUT = (b"HTTP/1.1 408 ", b"HTTP/1.0 408 ")
"""How an answer begins that a server may send on a connection without a request (RFC 9110, section 15.5.9)."""

Received = bytes | bytearray | tuple[bytes] | None


class Step(enum.Enum):
    """What a look at a connection came to."""

    PENDING = enum.auto()
    ANSWERED = enum.auto()
    """Rightly, and the connection can take the next request."""
    ANSWERED_LAST = enum.auto()
    """Rightly, and the connection is closed."""
    FAILED = enum.auto()
    """The request is lost and counted, the connection closed."""
    DROPPED = enum.auto()
    """The server closed a kept connection before any answer; the request may be repeated."""
    REFUSED = enum.auto()
    """The connect failed; counted."""
    GONE = enum.auto()
    """A connection without a request has closed."""
    UNASKED = enum.auto()
    """More came after an answer than was asked for: that answer was no right one. Counted, the connection closed."""


@dataclass
class Tally:
    """What is counted besides the right answers, which the histogram counts."""

    wrong: int = 0
    errors: int = 0
    timeouts: int = 0
    connects: int = 0
    dropped: int = 0
    refused: int = 0
    ports_out: int = 0
    troubles: dict[str, int] = field(default_factory=dict)

    def trouble(self, words: str) -> None:
        """Count `words`, unless there are too many kinds already."""
        if words in self.troubles or len(self.troubles) < KINDS_OF_TROUBLE:
            self.troubles[words] = self.troubles.get(words, 0) + 1


class _Connection:
    __slots__ = ("begun", "busy", "fd", "held", "parser", "sock", "taken", "unsent")

    def __init__(self, sock: socket.socket) -> None:
        self.begun = 0
        self.sock = sock
        self.fd = sock.fileno()
        self.unsent = b""
        self.held = bytearray()
        self.parser: ResponseParser | None = None
        self.taken = 0
        self.busy = True

    def joined(self, size: int) -> bytes | bytearray:
        """Receive, and return it behind what was held; b'' at the end of the stream, with what was held kept."""
        piece = self.sock.recv(size)
        if not piece:
            return b""
        held, self.held = self.held, bytearray()
        held += piece
        return held

    def parcel(self, size: int) -> tuple[bytes]:
        """Receive in the middle of an answer or out of turn."""
        return (self.sock.recv(size),)


def still_sending(_size: int) -> None:
    """Stand in for receiving while a connection is being opened or its request has not all gone out."""


class Connections:
    """Opens, reads with care and closes. `status` and `body` are what every answer must have.

    With `mark` requests differ in it, and each answer must have its own (marks.py). `following()` is the next of them.
    `receive`, `send`, `asked` and `started` (nanoseconds) are lists by file descriptor for the loop to index.
    Raises OutOfResources where no descriptor is left, Unsupported for TLS, ValueError for a mark that is not in both.
    """

    def __init__(self, address: Address, request: bytes, *, status: int, body: bytes, mark: bytes = b"") -> None:
        if address.tls:
            raise Unsupported("load over TLS is not measured")
        self.epoll = select.epoll()
        self.tally = Tally()
        self.size = PIECE
        self.asked: list[Asked] = []
        self._marks = Marks(request, body, mark)
        self.following = self._marks.following
        self.receive: list[Callable[[int], Received]] = []
        self.send: list[Callable[[bytes], int]] = []
        self.started: list[int] = []
        self.open: dict[int, _Connection] = {}
        self._sources = Sources(address)
        self.guard = guard_of(address)
        """Who watches the target, None for a server that was started here."""
        method = request.partition(b" ")[0]
        self._head = method == b"HEAD"
        self._repeatable = method in IDEMPOTENT
        self._status = status
        # An answer may be chunked a byte at a time: six bytes on the wire for each of the body.
        self._most = 8 * len(body) + 4 * HEAD_LIMIT

    # ------------------------------------------------------------------ what the loops use

    def admits(self) -> bool:
        """Say whether a connection may be opened now, and count it: a target may have to prove itself first."""
        return self.guard is None or self.guard.admits()

    @property
    def holds(self) -> bool:
        """Say whether nothing is to be sent now, since a target that gave a wrong answer is to prove itself first."""
        return self.guard is not None and self.guard.holds

    def connect(self, now: int) -> tuple[int, Step]:
        """Open a connection and send the request on it, as far as both go at once; `started` becomes `now`."""
        sock, code = self._sources.connect(len(self.open))
        connection = _Connection(sock)
        fd = connection.fd
        self.tally.connects += 1
        if code not in (0, errno.EINPROGRESS):
            sock.close()
            return fd, self._refused(code)
        if fd >= len(self.started):
            more = fd + 64 - len(self.started)
            self.receive += [still_sending] * more
            self.send += [sock.send] * more
            self.started += [0] * more
            self.asked += [self._marks.first] * more
        self.open[fd] = connection
        self.send[fd] = sock.send
        self.started[fd] = connection.begun = now
        connection.unsent = self._next(fd)
        self.receive[fd] = still_sending
        self.epoll.register(fd, select.EPOLLOUT)
        # On the loopback interface the connection is there already, and so the request goes out at once.
        return fd, self._go_on_sending(connection)

    def request(self, fd: int, now: int) -> Step:
        """Send the request on a kept connection without one under way."""
        connection = self.open[fd]
        connection.busy = True
        connection.unsent = self._next(fd)
        self.started[fd] = now
        return self._go_on_sending(connection)

    def sent_partly(self, fd: int, count: int) -> None:
        """Hear that only `count` bytes of the request went out."""
        connection = self.open[fd]
        connection.unsent = self.asked[fd].request[count:]
        self.receive[fd] = still_sending
        # Not EPOLLIN too: an answer before the request's end would keep the lane awake without anything to do.
        self.epoll.modify(fd, select.EPOLLOUT)

    def rest(self, fd: int) -> None:
        """Keep the connection without a request: whatever is received on it is out of turn."""
        connection = self.open[fd]
        connection.busy = False
        self.receive[fd] = connection.parcel

    def read(self, fd: int, data: Received) -> Step:
        """Take what `receive[fd]` gave and the quick path did not know."""
        connection = self.open[fd]
        if data is None:
            return self._go_on_sending(connection)
        if isinstance(data, tuple):
            (data,) = data
        if not data:
            return self._ended(connection)
        if not connection.busy:
            self.tally.trouble("bytes came on a connection without a request")
            if data.startswith(TIMED_OUT):
                return self._close(connection, Step.GONE)
            self.tally.errors += 1
            return self._close(connection, Step.UNASKED)
        if connection.parser is None:
            asked = self._marks.known(self.asked[fd])
            if data == asked.answer:
                self.receive[fd] = connection.sock.recv
                return Step.ANSWERED
            if data == asked.farewell:
                return self._close(connection, Step.ANSWERED_LAST)
            if _begins(asked.answer, data) or _begins(asked.farewell, data):
                connection.held = data if isinstance(data, bytearray) else bytearray(data)
                self.receive[fd] = connection.joined
                return Step.PENDING
            connection.parser = ResponseParser(head=self._head)
            connection.taken = 0
        connection.taken += len(data)
        rest = connection.parser.feed(bytes(data))
        if connection.parser.done:
            return self._judge(connection, rest)
        if connection.taken > self._most:
            return self._fail(connection, "an answer is far longer than the right one", wrong=True)
        self.receive[fd] = connection.parcel
        return Step.PENDING

    def broken(self, fd: int, error: OSError) -> Step:
        """Take an error of the socket instead of bytes."""
        if isinstance(error, BlockingIOError):
            return Step.PENDING
        connection = self.open[fd]
        if self._nothing_yet(connection) and self._kept(connection):
            return self._drop(connection)
        if connection.unsent and not self._kept(connection):
            self._close(connection, Step.REFUSED)
            return self._refused(error.errno or 0)
        return self._fail(connection, f"{_named(error.errno)} while waiting for an answer")

    def overdue(self, limit: int) -> list[int]:
        """Return the connections whose request was begun before `limit` (nanoseconds)."""
        started = self.started
        return [fd for fd, connection in self.open.items() if connection.busy and started[fd] < limit]

    def knocking(self) -> int:
        """Return how many connections the server has not let in yet."""
        return sum(bool(each.unsent) and not self._kept(each) for each in self.open.values())

    def time_out(self, fd: int) -> None:
        """Count the request on `fd` as timed out and close its connection."""
        self.tally.timeouts += 1
        self._close(self.open[fd], Step.FAILED)

    def close(self) -> None:
        """Close everything."""
        for connection in list(self.open.values()):
            self._close(connection, Step.GONE)
        self.epoll.close()

    # ------------------------------------------------------------------ the steps

    def _go_on_sending(self, connection: _Connection) -> Step:
        fd = connection.fd
        try:
            count = connection.sock.send(connection.unsent)
        except BlockingIOError:
            count = 0
        except OSError as error:
            return self.broken(fd, error)
        connection.unsent = connection.unsent[count:]
        if not connection.unsent:
            if self.receive[fd] is still_sending:
                self.epoll.modify(fd, select.EPOLLIN)
            self.receive[fd] = connection.sock.recv
        elif self.receive[fd] is not still_sending:
            self.sent_partly(fd, len(self.asked[fd].request) - len(connection.unsent))
        return Step.PENDING

    def _next(self, fd: int) -> bytes:
        """Take the next request for `fd`, and return it."""
        asked = self.asked[fd] = self.following()
        return asked.request

    def _judge(self, connection: _Connection, rest: bytes) -> Step:
        assert connection.parser is not None
        asked = self.asked[connection.fd]
        body = self._marks.right(asked)
        answer = connection.parser.response()
        connection.parser = None
        if answer.status is None:
            return self._fail(connection, "what came is not an HTTP answer")
        if not answer.complete:
            return self._fail(connection, f"an answer has no certain end: {'; '.join(answer.findings)[:120]}")
        if answer.status != self._status:
            return self._fail(connection, f"status {answer.status} instead of {self._status}")
        if answer.body != body:
            return self._fail(connection, self._marks.difference(answer, asked), wrong=True)
        if rest:
            return self._fail(connection, "bytes follow an answer that nobody asked for")
        # The quick path compares bytes as they came: only an answer whose end its own bytes tell may be learned.
        learnable = answer.framing is not Framing.CLOSE and len(answer.raw) < RAW_LIMIT
        if answer.says_close or answer.framing is Framing.CLOSE:
            if learnable:
                self._marks.learn(answer, asked, closes=True)
            return self._close(connection, Step.ANSWERED_LAST)
        if learnable:
            self._marks.learn(answer, asked, closes=False)
            # One more than the answer, so that what follows it shows; a short buffer is cheaper to get.
            self.size = min(len(answer.raw) + 1, 4 * PIECE)
        self.receive[connection.fd] = connection.sock.recv
        return Step.ANSWERED

    def _ended(self, connection: _Connection) -> Step:
        if not connection.busy:
            return self._close(connection, Step.GONE)
        if connection.parser is not None:
            connection.parser.eof()
            return self._judge(connection, b"")
        if self._nothing_yet(connection):
            if self._kept(connection):
                return self._drop(connection)
            return self._fail(connection, "the connection was closed without an answer")
        return self._fail(connection, "the connection was closed in the middle of an answer")

    def _nothing_yet(self, connection: _Connection) -> bool:
        return connection.parser is None and not connection.held

    def _kept(self, connection: _Connection) -> bool:
        # The quick path leaves no other mark that it got an answer on this connection.
        return self.started[connection.fd] != connection.begun

    def _drop(self, connection: _Connection) -> Step:
        if not self._repeatable:
            return self._fail(connection, "a kept connection was closed under a request that must not be repeated")
        self.tally.dropped += 1
        return self._close(connection, Step.DROPPED)

    def _fail(self, connection: _Connection, words: str, *, wrong: bool = False) -> Step:
        if wrong:
            self.tally.wrong += 1
        else:
            self.tally.errors += 1
        self.tally.trouble(words)
        if self.guard is not None:
            self.guard.suspect()
        return self._close(connection, Step.FAILED)

    def _refused(self, code: int) -> Step:
        self.tally.refused += 1
        self.tally.errors += 1
        if code == errno.EADDRNOTAVAIL:
            self.tally.ports_out += 1
        self.tally.trouble(f"{_named(code)} at connect")
        return Step.REFUSED

    def _close(self, connection: _Connection, step: Step) -> Step:
        # Closing takes it out of the epoll object too: nobody else holds the descriptor.
        del self.open[connection.fd]
        connection.sock.close()
        return step


def _named(code: int | None) -> str:
    return f"{errno.errorcode.get(code or 0, 'error')} ({os.strerror(code or 0)})"


def _begins(whole: object, data: bytes | bytearray) -> bool:
    return isinstance(whole, bytes) and len(data) < len(whole) and whole.startswith(data)


def checked(**numbers: float) -> None:
    """Raise ValueError for a number that is not above 0 and finite."""
    for name, value in numbers.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} is to be a number above 0, not {value}")
