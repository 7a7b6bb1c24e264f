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

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.admission import guard_of
from wsgi_gauntlet.harness.http.parser import HEAD_LIMIT, RAW_LIMIT, Framing, ResponseParser
from wsgi_gauntlet.harness.load.generator.request_marks import MarkedRequest, MarkedRequests
from wsgi_gauntlet.harness.load.generator.source_addresses import SourceAddresses

RECEIVE_BYTES = 64 * 1024
"""Bytes asked of a socket at once, until an answer's size has been learned; never more than four times that."""

MAX_ERROR_MESSAGES = 16
"""Different troubles that are kept in words; a garbage generator must not fill the memory."""

IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))
"""Methods whose request may be repeated on a new connection (RFC 9110, section 9.2.2)."""

REQUEST_TIMEOUT_HEADS = (b"HTTP/1.1 408 ", b"HTTP/1.0 408 ")
"""How an answer begins that a server may send on a connection without a request (RFC 9110, section 15.5.9)."""

Received = bytes | bytearray | tuple[bytes] | None


class ConnectionEvent(enum.Enum):
    """What a look at a connection came to."""

    PENDING = enum.auto()
    RESPONSE_OK = enum.auto()
    """Rightly, and the connection can take the next request."""
    RESPONSE_OK_CLOSED = enum.auto()
    """Rightly, and the connection is closed."""
    FAILED = enum.auto()
    """The request is lost and counted, the connection closed."""
    CLOSED_BEFORE_RESPONSE = enum.auto()
    """The server closed a kept connection before any answer; the request may be repeated."""
    CONNECT_FAILED = enum.auto()
    """The connect failed; counted."""
    IDLE_CLOSED = enum.auto()
    """A connection without a request has closed."""
    UNSOLICITED_BYTES = enum.auto()
    """More came after an answer than was asked for: that answer was no right one. Counted, the connection closed."""


@dataclass
class OutcomeCounts:
    """What is counted besides the right answers, which the histogram counts."""

    wrong: int = 0
    errors: int = 0
    timeouts: int = 0
    connects: int = 0
    dropped: int = 0
    refused: int = 0
    out_of_ports: int = 0
    error_messages: dict[str, int] = field(default_factory=dict)

    def add_error(self, message: str) -> None:
        """Count `words`, unless there are too many kinds already."""
        if message in self.error_messages or len(self.error_messages) < MAX_ERROR_MESSAGES:
            self.error_messages[message] = self.error_messages.get(message, 0) + 1


class _Connection:
    __slots__ = ("buffered", "busy", "fd", "opened_at", "parser", "received_bytes", "sock", "unsent")

    def __init__(self, sock: socket.socket) -> None:
        self.opened_at = 0
        self.sock = sock
        self.fd = sock.fileno()
        self.unsent = b""
        self.buffered = bytearray()
        self.parser: ResponseParser | None = None
        self.received_bytes = 0
        self.busy = True

    def receive_joined(self, size: int) -> bytes | bytearray:
        """Receive, and return it behind what was held; b'' at the end of the stream, with what was held kept."""
        piece = self.sock.recv(size)
        if not piece:
            return b""
        buffered, self.buffered = self.buffered, bytearray()
        buffered += piece
        return buffered

    def receive_unmatched(self, size: int) -> tuple[bytes]:
        """Receive in the middle of an answer or out of turn."""
        return (self.sock.recv(size),)


def send_pending(_size: int) -> None:
    """Stand in for receiving while a connection is being opened or its request has not all gone out."""


class ConnectionPool:
    """Opens, reads with care and closes. `status` and `body` are what every answer must have.

    With `mark` requests differ in it, and each answer must have its own (marks.py). `following()` is the next of them.
    `receive`, `send`, `asked` and `started` (nanoseconds) are lists by file descriptor for the loop to index.
    Raises OutOfResources where no descriptor is left, Unsupported for TLS, ValueError for a mark that is not in both.
    """

    def __init__(self, address: Address, request: bytes, *, status: int, body: bytes, mark: bytes = b"") -> None:
        if address.tls:
            raise Unsupported("load over TLS is not measured")
        self.epoll = select.epoll()
        self.outcome_counts = OutcomeCounts()
        self.size = RECEIVE_BYTES
        self.marked_request: list[MarkedRequest] = []
        self._marks = MarkedRequests(request, body, mark)
        self.next_request = self._marks.next_request
        self.receive: list[Callable[[int], Received]] = []
        self.send: list[Callable[[bytes], int]] = []
        self.started: list[int] = []
        self.open: dict[int, _Connection] = {}
        self._source_addresses = SourceAddresses(address)
        self.guard = guard_of(address)
        """Who watches the target, None for a server that was started here."""
        method = request.partition(b" ")[0]
        self._head = method == b"HEAD"
        self._repeatable = method in IDEMPOTENT
        self._status = status
        # An answer may be chunked a byte at a time: six bytes on the wire for each of the body.
        self._max_response_bytes = 8 * len(body) + 4 * HEAD_LIMIT

    # ------------------------------------------------------------------ what the loops use

    def may_connect(self) -> bool:
        """Say whether a connection may be opened now, and count it: a target may have to prove itself first."""
        return self.guard is None or self.guard.may_connect()

    @property
    def must_pause(self) -> bool:
        """Say whether nothing is to be sent now, since a target that gave a wrong answer is to prove itself first."""
        return self.guard is not None and self.guard.must_pause

    def connect(self, now: int) -> tuple[int, ConnectionEvent]:
        """Open a connection and send the request on it, as far as both go at once; `started` becomes `now`."""
        sock, code = self._source_addresses.connect(len(self.open))
        connection = _Connection(sock)
        fd = connection.fd
        self.outcome_counts.connects += 1
        if code not in (0, errno.EINPROGRESS):
            sock.close()
            return fd, self._connect_failed(code)
        if fd >= len(self.started):
            more = fd + 64 - len(self.started)
            self.receive += [send_pending] * more
            self.send += [sock.send] * more
            self.started += [0] * more
            self.marked_request += [self._marks.first] * more
        self.open[fd] = connection
        self.send[fd] = sock.send
        self.started[fd] = connection.opened_at = now
        connection.unsent = self._next_request(fd)
        self.receive[fd] = send_pending
        self.epoll.register(fd, select.EPOLLOUT)
        # On the loopback interface the connection is there already, and so the request goes out at once.
        return fd, self._continue_send(connection)

    def request(self, fd: int, now: int) -> ConnectionEvent:
        """Send the request on a kept connection without one under way."""
        connection = self.open[fd]
        connection.busy = True
        connection.unsent = self._next_request(fd)
        self.started[fd] = now
        return self._continue_send(connection)

    def mark_partially_sent(self, fd: int, count: int) -> None:
        """Hear that only `count` bytes of the request went out."""
        connection = self.open[fd]
        connection.unsent = self.marked_request[fd].request[count:]
        self.receive[fd] = send_pending
        # Not EPOLLIN too: an answer before the request's end would keep the lane awake without anything to do.
        self.epoll.modify(fd, select.EPOLLOUT)

    def rest(self, fd: int) -> None:
        """Keep the connection without a request: whatever is received on it is out of turn."""
        connection = self.open[fd]
        connection.busy = False
        self.receive[fd] = connection.receive_unmatched

    def read(self, fd: int, data: Received) -> ConnectionEvent:
        """Take what `receive[fd]` gave and the quick path did not know."""
        connection = self.open[fd]
        if data is None:
            return self._continue_send(connection)
        if isinstance(data, tuple):
            (data,) = data
        if not data:
            return self._ended(connection)
        if not connection.busy:
            self.outcome_counts.add_error("bytes came on a connection without a request")
            if data.startswith(REQUEST_TIMEOUT_HEADS):
                return self._close(connection, ConnectionEvent.IDLE_CLOSED)
            self.outcome_counts.errors += 1
            return self._close(connection, ConnectionEvent.UNSOLICITED_BYTES)
        if connection.parser is None:
            marked_request = self._marks.refresh(self.marked_request[fd])
            if data == marked_request.response:
                self.receive[fd] = connection.sock.recv
                return ConnectionEvent.RESPONSE_OK
            if data == marked_request.closing_response:
                return self._close(connection, ConnectionEvent.RESPONSE_OK_CLOSED)
            if _is_prefix(marked_request.response, data) or _is_prefix(marked_request.closing_response, data):
                connection.buffered = data if isinstance(data, bytearray) else bytearray(data)
                self.receive[fd] = connection.receive_joined
                return ConnectionEvent.PENDING
            connection.parser = ResponseParser(head=self._head)
            connection.received_bytes = 0
        connection.received_bytes += len(data)
        rest = connection.parser.feed(bytes(data))
        if connection.parser.done:
            return self._check_response(connection, rest)
        if connection.received_bytes > self._max_response_bytes:
            return self._fail(connection, "an answer is far longer than the right one", wrong=True)
        self.receive[fd] = connection.receive_unmatched
        return ConnectionEvent.PENDING

    def handle_error(self, fd: int, error: OSError) -> ConnectionEvent:
        """Take an error of the socket instead of bytes."""
        if isinstance(error, BlockingIOError):
            return ConnectionEvent.PENDING
        connection = self.open[fd]
        if self._no_bytes_received(connection) and self._is_reused(connection):
            return self._close_for_retry(connection)
        if connection.unsent and not self._is_reused(connection):
            self._close(connection, ConnectionEvent.CONNECT_FAILED)
            return self._connect_failed(error.errno or 0)
        return self._fail(connection, f"{_errno_text(error.errno)} while waiting for an answer")

    def overdue(self, limit: int) -> list[int]:
        """Return the connections whose request was begun before `limit` (nanoseconds)."""
        started = self.started
        return [fd for fd, connection in self.open.items() if connection.busy and started[fd] < limit]

    def connects_pending(self) -> int:
        """Return how many connections the server has not let in yet."""
        return sum(bool(each.unsent) and not self._is_reused(each) for each in self.open.values())

    def time_out(self, fd: int) -> None:
        """Count the request on `fd` as timed out and close its connection."""
        self.outcome_counts.timeouts += 1
        self._close(self.open[fd], ConnectionEvent.FAILED)

    def close(self) -> None:
        """Close everything."""
        for connection in list(self.open.values()):
            self._close(connection, ConnectionEvent.IDLE_CLOSED)
        self.epoll.close()

    # ------------------------------------------------------------------ the steps

    def _continue_send(self, connection: _Connection) -> ConnectionEvent:
        fd = connection.fd
        try:
            count = connection.sock.send(connection.unsent)
        except BlockingIOError:
            count = 0
        except OSError as error:
            return self.handle_error(fd, error)
        connection.unsent = connection.unsent[count:]
        if not connection.unsent:
            if self.receive[fd] is send_pending:
                self.epoll.modify(fd, select.EPOLLIN)
            self.receive[fd] = connection.sock.recv
        elif self.receive[fd] is not send_pending:
            self.mark_partially_sent(fd, len(self.marked_request[fd].request) - len(connection.unsent))
        return ConnectionEvent.PENDING

    def _next_request(self, fd: int) -> bytes:
        """Take the next request for `fd`, and return it."""
        marked_request = self.marked_request[fd] = self.next_request()
        return marked_request.request

    def _check_response(self, connection: _Connection, rest: bytes) -> ConnectionEvent:
        assert connection.parser is not None
        marked_request = self.marked_request[connection.fd]
        body = self._marks.expected_body(marked_request)
        response = connection.parser.response()
        connection.parser = None
        if response.status is None:
            return self._fail(connection, "what came is not an HTTP answer")
        if not response.complete:
            return self._fail(connection, f"an answer has no certain end: {'; '.join(response.findings)[:120]}")
        if response.status != self._status:
            return self._fail(connection, f"status {response.status} instead of {self._status}")
        if response.body != body:
            return self._fail(connection, self._marks.describe_difference(response, marked_request), wrong=True)
        if rest:
            return self._fail(connection, "bytes follow an answer that nobody asked for")
        # The quick path compares bytes as they came: only an answer whose end its own bytes tell may be learned.
        learnable = response.framing is not Framing.CLOSE and len(response.raw) < RAW_LIMIT
        if response.announces_close or response.framing is Framing.CLOSE:
            if learnable:
                self._marks.learn(response, marked_request, closes=True)
            return self._close(connection, ConnectionEvent.RESPONSE_OK_CLOSED)
        if learnable:
            self._marks.learn(response, marked_request, closes=False)
            # One more than the answer, so that what follows it shows; a short buffer is cheaper to get.
            self.size = min(len(response.raw) + 1, 4 * RECEIVE_BYTES)
        self.receive[connection.fd] = connection.sock.recv
        return ConnectionEvent.RESPONSE_OK

    def _ended(self, connection: _Connection) -> ConnectionEvent:
        if not connection.busy:
            return self._close(connection, ConnectionEvent.IDLE_CLOSED)
        if connection.parser is not None:
            connection.parser.eof()
            return self._check_response(connection, b"")
        if self._no_bytes_received(connection):
            if self._is_reused(connection):
                return self._close_for_retry(connection)
            return self._fail(connection, "the connection was closed without an answer")
        return self._fail(connection, "the connection was closed in the middle of an answer")

    def _no_bytes_received(self, connection: _Connection) -> bool:
        return connection.parser is None and not connection.buffered

    def _is_reused(self, connection: _Connection) -> bool:
        # The quick path leaves no other mark that it got an answer on this connection.
        return self.started[connection.fd] != connection.opened_at

    def _close_for_retry(self, connection: _Connection) -> ConnectionEvent:
        if not self._repeatable:
            return self._fail(connection, "a kept connection was closed under a request that must not be repeated")
        self.outcome_counts.dropped += 1
        return self._close(connection, ConnectionEvent.CLOSED_BEFORE_RESPONSE)

    def _fail(self, connection: _Connection, message: str, *, wrong: bool = False) -> ConnectionEvent:
        if wrong:
            self.outcome_counts.wrong += 1
        else:
            self.outcome_counts.errors += 1
        self.outcome_counts.add_error(message)
        if self.guard is not None:
            self.guard.report_wrong_response()
        return self._close(connection, ConnectionEvent.FAILED)

    def _connect_failed(self, code: int) -> ConnectionEvent:
        self.outcome_counts.refused += 1
        self.outcome_counts.errors += 1
        if code == errno.EADDRNOTAVAIL:
            self.outcome_counts.out_of_ports += 1
        self.outcome_counts.add_error(f"{_errno_text(code)} at connect")
        return ConnectionEvent.CONNECT_FAILED

    def _close(self, connection: _Connection, event: ConnectionEvent) -> ConnectionEvent:
        # Closing takes it out of the epoll object too: nobody else holds the descriptor.
        del self.open[connection.fd]
        connection.sock.close()
        return event


def _errno_text(code: int | None) -> str:
    return f"{errno.errorcode.get(code or 0, 'error')} ({os.strerror(code or 0)})"


def _is_prefix(whole: object, data: bytes | bytearray) -> bool:
    return isinstance(whole, bytes) and len(data) < len(whole) and whole.startswith(data)


def require_positive(**numbers: float) -> None:
    """Raise ValueError for a number that is not above 0 and finite."""
    for name, value in numbers.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} is to be a number above 0, not {value}")
