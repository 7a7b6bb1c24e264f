"""The connections of one loop, and everything that its hot path leaves to slower code.

The loop reads with `receive[fd](size)` and compares the bytes with `pending[fd].response`: the last response that was
checked in full, for example with the mark of this request in it (request_marks.py). Everything that differs comes to
this module: a first response, a new Date field, a part of a response, an end of the stream, a fault. The source of the
requests (request_source.py) says which responses are correct.

    opening --> waiting for a response --> (correct, kept) --> waiting again
        |               |         `--> (correct, closing) --> closed
        `---------------+--> failed, closed, counted

The type that `receive[fd]` returns shows the state of the connection to the comparison of the loop. Bytes may be a
whole response. A tuple is never equal to a response: it has bytes in the middle of one, or unexpected bytes. None means
that a part of the request is still to be sent.

With `edge_triggered` epoll reports bytes only once, when they arrive. The kernel then need not look at each connection
a second time, to see that its response was taken. This is safe because a receive call that does not fill its buffer
has taken all bytes. After one that fills it, `read` asks epoll to report the rest. An end of the stream has the bit
EPOLLRDHUP: `report_always` then makes epoll report the connection for as long as anything is left to receive.
"""

from __future__ import annotations

import enum
import errno
import os
import select
import socket
from collections.abc import Callable
from typing import Generic

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.admission import guard_of
from wsgi_gauntlet.harness.http.client_tls import TlsFailed, TlsSocket
from wsgi_gauntlet.harness.http.parser import RAW_LIMIT, Framing, ResponseParser
from wsgi_gauntlet.harness.load.generator.loop import LoopCounters
from wsgi_gauntlet.harness.load.generator.request_source import Match, P, RequestEnd, RequestSource
from wsgi_gauntlet.harness.load.generator.source_addresses import SourceAddresses

RECEIVE_BYTES = 64 * 1024
"""Bytes per receive call until the size of a response is known; never more than four times that."""

REQUEST_TIMEOUT_HEADS = (b"HTTP/1.1 408 ", b"HTTP/1.0 408 ")
"""The first bytes of a response that a server may send without a request (RFC 9110, section 15.5.9)."""

EDGE_TRIGGERED = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
"""The events of a connection that is edge-triggered. A reset sets EPOLLRDHUP, too."""

Received = bytes | bytearray | tuple[bytes] | None


class ConnectionEvent(enum.Enum):
    """The result of reading from a connection or writing to it."""

    PENDING = enum.auto()
    RESPONSE_OK = enum.auto()
    """The response is correct, and the connection can take the next request."""
    RESPONSE_OK_CLOSED = enum.auto()
    """The response is correct, and the connection is closed."""
    FAILED = enum.auto()
    """The request failed and is counted; the connection is closed."""
    CLOSED_BEFORE_RESPONSE = enum.auto()
    """The server closed a kept connection before any response. The request may be repeated."""
    CONNECT_FAILED = enum.auto()
    """The connect failed and is counted."""
    IDLE_CLOSED = enum.auto()
    """A connection without a request was closed."""
    UNSOLICITED_BYTES = enum.auto()
    """Bytes follow a response, so that response was wrong. This is counted; the connection is closed."""


_REQUEST_ENDS = {
    ConnectionEvent.RESPONSE_OK_CLOSED: RequestEnd.ANSWERED,
    ConnectionEvent.IDLE_CLOSED: RequestEnd.ANSWERED,
    ConnectionEvent.FAILED: RequestEnd.FAILED,
    ConnectionEvent.UNSOLICITED_BYTES: RequestEnd.FAILED,
}
"""How a request ends with its connection; every other event leaves it to be sent again."""


class _LoopTlsSocket(TlsSocket):
    """TLS that returns all it has received: epoll does not report bytes that are decrypted and not taken."""

    __slots__ = ()

    def recv(self, size: int, flags: int = 0) -> bytes:  # noqa: ARG002 - as of a socket
        return self.recv_available()


class _Connection:
    __slots__ = ("buffered", "busy", "fd", "opened_at", "parser", "received_bytes", "sock", "unsent")

    def __init__(self, sock: socket.socket | TlsSocket) -> None:
        self.opened_at = 0
        self.sock = sock
        self.fd = sock.fileno()
        self.unsent = b""
        self.buffered = bytearray()
        self.parser: ResponseParser | None = None
        self.received_bytes = 0
        self.busy = True

    def receive_joined(self, size: int) -> bytes | bytearray:
        """Receive, and return the bytes after those that are buffered. At the end of the stream return b''."""
        piece = self.sock.recv(size)
        if not piece:
            return b""
        buffered, self.buffered = self.buffered, bytearray()
        buffered += piece
        return buffered

    def receive_unmatched(self, size: int) -> tuple[bytes]:
        """Receive bytes that cannot be a whole expected response."""
        return (self.sock.recv(size),)


def send_pending(_size: int) -> None:
    """Replace the receive function while a connection is being opened or a part of its request is not sent."""


class ConnectionPool(Generic[P]):
    """Open, read and close the connections of a loop that sends the requests of `source`.

    `receive`, `send`, `pending` (the request in flight, or the last one) and `started` (nanoseconds) are lists that the
    loop indexes by file descriptor. Over TLS the handshake of a connection is part of its first request. A loop that
    wants `edge_triggered` events must call `report_always` before it receives after an EPOLLRDHUP. It gets
    them only from a server that the harness started, because a loop that pauses for a proof leaves bytes unread.
    Raises OutOfResources if no descriptor is left.
    """

    def __init__(self, address: Address, source: RequestSource[P], *, edge_triggered: bool = False) -> None:
        self.epoll = select.epoll()
        self.counters = LoopCounters(0)
        self.size = RECEIVE_BYTES
        self.source = source
        self.pending: list[P] = []
        self.receive: list[Callable[[int], Received]] = []
        self.send: list[Callable[[bytes], int]] = []
        self.started: list[int] = []
        self.open: dict[int, _Connection] = {}
        self._address = address
        self._source_addresses = SourceAddresses(address)
        self.guard = guard_of(address)
        """The guard of a remote server, None for a server that the harness started."""
        self._edge_triggered = edge_triggered and self.guard is None and not address.tls
        self._readable = EDGE_TRIGGERED if self._edge_triggered else select.EPOLLIN

    # ------------------------------------------------------------------ used by the loops

    def restart_counters(self, since: int) -> None:
        """Reset all counters at the time `since` (nanoseconds). Open connections stay counted."""
        self.counters = LoopCounters(since, connects=len(self.open))
        self.source.restart_counters(self.counters)

    def may_connect(self) -> bool:
        """Return whether a connection may be opened now, and count it. A remote server may have to prove itself."""
        return self.guard is None or self.guard.may_connect()

    @property
    def must_pause(self) -> bool:
        """Return whether sending must pause, because a remote server sent a wrong response and must prove itself."""
        return self.guard is not None and self.guard.must_pause

    def connect(self, now: int) -> tuple[int, ConnectionEvent]:
        """Open a connection and send the next request on it, as far as this is possible without waiting.

        The request starts at `now` (nanoseconds).
        """
        tcp, code = self._source_addresses.connect()
        sock = _LoopTlsSocket(tcp, self._address) if self._address.tls else tcp
        connection = _Connection(sock)
        fd = connection.fd
        self.counters.connects += 1
        if code not in (0, errno.EINPROGRESS):
            tcp.close()
            return fd, self._connect_failed(code)
        pending = self.source.take()
        if fd >= len(self.started):
            more = fd + 64 - len(self.started)
            self.receive += [send_pending] * more
            self.send += [sock.send] * more
            self.started += [0] * more
            self.pending += [pending] * more
        self.open[fd] = connection
        self.send[fd] = sock.send
        self.started[fd] = connection.opened_at = now
        self.pending[fd] = pending
        connection.unsent = pending.request
        self.receive[fd] = send_pending
        self.epoll.register(fd, select.EPOLLOUT)
        # On the loopback interface connecting takes no time, so the request is sent at once.
        return fd, self._continue_send(connection)

    def request(self, fd: int, now: int) -> ConnectionEvent:
        """Send the next request on a kept connection whose last response is correct."""
        connection = self.open[fd]
        connection.busy = True
        pending = self.pending[fd] = self.source.following(self.pending[fd])
        connection.unsent = pending.request
        self.started[fd] = now
        return self._continue_send(connection)

    def mark_partially_sent(self, fd: int, count: int) -> None:
        """Record that only `count` bytes of the request were sent."""
        connection = self.open[fd]
        connection.unsent = self.pending[fd].request[count:]
        self.receive[fd] = send_pending
        # Without EPOLLIN: an early response would wake the loop again and again although it cannot read it yet.
        self.epoll.modify(fd, select.EPOLLOUT)

    def report_always(self, fd: int) -> None:
        """Let epoll report the connection as long as there is anything to receive, also the end of the stream."""
        self.epoll.modify(fd, select.EPOLLIN)

    def rest(self, fd: int) -> None:
        """Keep the connection idle. Every byte received on it is then unexpected."""
        connection = self.open[fd]
        connection.busy = False
        self.receive[fd] = connection.receive_unmatched

    def read(self, fd: int, data: Received, match: Match | None = None) -> ConnectionEvent:
        """Process what `receive[fd]` returned and the hot path did not recognise.

        `match` is the result of `source.recognize` if the loop has asked already, for bytes that are not empty.
        """
        connection = self.open[fd]
        if data is None:
            return self._continue_send(connection)
        if isinstance(data, tuple):
            (data,) = data
        if not data:
            return self._ended(connection)
        if self._edge_triggered and len(data) >= self.size:
            self.epoll.modify(fd, self._readable)  # there may be more, which epoll reports now
        if not connection.busy:
            self.counters.add_error("bytes arrived on a connection without a request")
            if data.startswith(REQUEST_TIMEOUT_HEADS):
                return self._close(connection, ConnectionEvent.IDLE_CLOSED)
            self.counters.errors += 1
            self.source.fail(self.pending[fd])
            return self._close(connection, ConnectionEvent.UNSOLICITED_BYTES)
        if connection.parser is None:
            pending = self.pending[fd]
            if match is None:
                match = self.source.recognize(pending, data)
            if match is Match.KEPT:
                self.receive[fd] = connection.sock.recv
                return ConnectionEvent.RESPONSE_OK
            if match is Match.CLOSES:
                return self._close(connection, ConnectionEvent.RESPONSE_OK_CLOSED)
            if self.source.may_become_correct(pending, data):
                connection.buffered = data if isinstance(data, bytearray) else bytearray(data)
                self.receive[fd] = connection.receive_joined
                return ConnectionEvent.PENDING
            connection.parser = ResponseParser(head=self.source.kind(pending).head)
            connection.received_bytes = 0
        connection.received_bytes += len(data)
        rest = connection.parser.feed(bytes(data))
        if connection.parser.done:
            return self._check_response(connection, rest)
        if connection.received_bytes > self.source.longest_response(self.pending[fd]):
            return self._fail(connection, "a response is far longer than the correct one", wrong=True)
        self.receive[fd] = connection.receive_unmatched
        return ConnectionEvent.PENDING

    def handle_error(self, fd: int, error: OSError) -> ConnectionEvent:
        """Process an error of the socket."""
        if isinstance(error, BlockingIOError):
            return ConnectionEvent.PENDING
        connection = self.open[fd]
        if self._no_bytes_received(connection) and self._is_reused(connection):
            return self._close_for_retry(connection)
        if self._is_opening(connection):
            self._close(connection, ConnectionEvent.CONNECT_FAILED)
            return self._connect_failed(error.errno or 0, error if isinstance(error, TlsFailed) else None)
        when = "in the middle of a request" if connection.unsent else "while waiting for a response"
        return self._fail(connection, f"{_errno_text(error.errno)} {when}", disconnected=True)

    def overdue(self, limit: int) -> list[int]:
        """Return the connections whose request started before `limit` (nanoseconds)."""
        started = self.started
        return [fd for fd, connection in self.open.items() if connection.busy and started[fd] < limit]

    def connects_pending(self) -> int:
        """Return how many connections the server has not accepted yet."""
        return sum(map(self._is_opening, self.open.values()))

    def time_out(self, fd: int, *, counts: bool = True) -> None:
        """Close the connection of the request on `fd`, which timed out; do not count it without `counts`."""
        if counts:
            self.counters.timeouts += 1
            self.source.fail(self.pending[fd])
        self._close(self.open[fd], ConnectionEvent.FAILED)

    def close(self) -> None:
        """Close all connections and the epoll object."""
        for connection in list(self.open.values()):
            self._close(connection, ConnectionEvent.IDLE_CLOSED)
        self.epoll.close()

    # ------------------------------------------------------------------ steps

    def _continue_send(self, connection: _Connection) -> ConnectionEvent:
        fd = connection.fd
        try:
            count = connection.sock.send(connection.unsent)
        except BlockingIOError:
            count = 0
            if isinstance(connection.sock, TlsSocket) and self.receive[fd] is send_pending:
                # The handshake waits for the server.
                self.epoll.modify(fd, select.EPOLLOUT if connection.sock.wants_write else select.EPOLLIN)
        except OSError as error:
            return self.handle_error(fd, error)
        connection.unsent = connection.unsent[count:]
        if not connection.unsent:
            if self.receive[fd] is send_pending:
                self.epoll.modify(fd, self._readable)
            self.receive[fd] = connection.sock.recv
        elif self.receive[fd] is not send_pending:
            self.mark_partially_sent(fd, len(self.pending[fd].request) - len(connection.unsent))
        return ConnectionEvent.PENDING

    def _check_response(self, connection: _Connection, rest: bytes) -> ConnectionEvent:
        assert connection.parser is not None
        pending = self.pending[connection.fd]
        response = connection.parser.response()
        connection.parser = None
        if response.status is None:
            return self._fail(connection, "the bytes received are not an HTTP response")
        if not response.complete:
            return self._fail(connection, f"a response has no certain end: {'; '.join(response.findings)[:120]}")
        wrong = self.source.check(pending, response)
        if wrong is not None:
            return self._fail(connection, wrong.message, wrong=wrong.body)
        if rest:
            return self._fail(connection, "unexpected bytes follow a response")
        # The hot path compares bytes only, so it may learn a response only if the bytes alone show its end.
        learnable = response.framing is not Framing.CLOSE and len(response.raw) < RAW_LIMIT
        closes = self.source.kind(pending).asks_close or response.announces_close or response.framing is Framing.CLOSE
        if learnable:
            self.source.learn(response, pending, closes=closes)
        if closes:
            return self._close(connection, ConnectionEvent.RESPONSE_OK_CLOSED)
        if learnable:
            # One byte more than the response, to see bytes that follow it. A short buffer is cheaper to allocate.
            self.size = min(self.source.longest_learned + 1, 4 * RECEIVE_BYTES)
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
            return self._fail(connection, "the connection was closed without a response", disconnected=True)
        return self._fail(connection, "the connection was closed in the middle of a response", disconnected=True)

    def _no_bytes_received(self, connection: _Connection) -> bool:
        return connection.parser is None and not connection.buffered

    def _is_reused(self, connection: _Connection) -> bool:
        # The hot path records nothing else about responses on this connection.
        return self.started[connection.fd] != connection.opened_at

    def _is_opening(self, connection: _Connection) -> bool:
        # An upload takes many sends: the first bytes of the request show that the connection is open.
        request = self.pending[connection.fd].request
        return len(connection.unsent) == len(request) and not self._is_reused(connection)

    def _close_for_retry(self, connection: _Connection) -> ConnectionEvent:
        if not self.source.kind(self.pending[connection.fd]).repeatable:
            message = "a kept connection was closed during a request that must not be repeated"
            return self._fail(connection, message, disconnected=True)
        self.counters.dropped += 1
        return self._close(connection, ConnectionEvent.CLOSED_BEFORE_RESPONSE)

    def _fail(
        self, connection: _Connection, message: str, *, wrong: bool = False, disconnected: bool = False
    ) -> ConnectionEvent:
        self.counters.wrong += wrong
        self.counters.errors += not wrong
        self.counters.disconnected += disconnected
        pending = self.pending[connection.fd]
        self.source.fail(pending)
        self.counters.add_error(self.source.describe(pending, message))
        if self.guard is not None:
            self.guard.report_wrong_response()
        return self._close(connection, ConnectionEvent.FAILED)

    def _connect_failed(self, code: int, tls_failure: TlsFailed | None = None) -> ConnectionEvent:
        self.counters.refused += 1
        self.counters.errors += 1
        if code == errno.EADDRNOTAVAIL:
            self.counters.out_of_ports += 1
        self.counters.add_error(f"{tls_failure.strerror if tls_failure else _errno_text(code)} at connect")
        return ConnectionEvent.CONNECT_FAILED

    def _close(self, connection: _Connection, event: ConnectionEvent) -> ConnectionEvent:
        # Closing also removes it from the epoll object, because this process has the only descriptor.
        del self.open[connection.fd]
        connection.sock.close()
        self.source.put_back(self.pending[connection.fd], _REQUEST_ENDS.get(event, RequestEnd.NOT_SENT))
        return event


def _errno_text(code: int | None) -> str:
    return f"{errno.errorcode.get(code or 0, 'error')} ({os.strerror(code or 0)})"
