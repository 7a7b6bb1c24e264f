"""One connection of a slow client, over TCP or TLS: it holds bytes back, and its receive window stays closed.

The harness notices everything the server does on it, an early response, FIN or RST, and raises `ServerDisconnected`.

The methods are generators that a client behaviour uses with `yield from`. They yield the wait that the scheduler is to
make (scheduler.py). A task per client would cost more than everything that ten thousand clients do.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import select
import socket
import struct
import time
from collections.abc import Generator, Iterable

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.client_tls import TlsSocket
from wsgi_gauntlet.harness.http.http_connection import BIND_WITHOUT_PORT, OTHER_SOURCES
from wsgi_gauntlet.harness.http.parser import Response, ResponseParser
from wsgi_gauntlet.harness.http.socket_diagnosis import other_end_closed
from wsgi_gauntlet.harness.limits import as_out_of_resources

SEGMENT_BYTES = 1400
"""Bytes of one segment, as on a phone's network. The loopback interface has segments of 64 KiB. For these the kernel
gives the server send buffers of megabytes. Whole responses would fit into them, and no client would look slow."""

DRAIN_TIMEOUT = 2.0
"""Seconds that a server may take from an early response to the end of the connection. Then the end counts anyway."""

DRAIN_BYTES = 4096
"""Bytes of the last data of a server that are examined."""

RECEIVE_BYTES = 64 * 1024
"""Bytes per receive call of a client that reads at full speed."""

INTERIM_STATUSES = range(100, 200)

ERROR_EVENTS = select.EPOLLHUP | select.EPOLLERR
CLOSED_EVENTS = ERROR_EVENTS | select.EPOLLRDHUP
READABLE_EVENTS = CLOSED_EVENTS | select.EPOLLIN

_ESTABLISHED = 1
"""The state of a connection in TCP_INFO's first byte, include/net/tcp_states.h."""

_LINGER_ZERO = struct.pack("ii", 1, 0)
"""SO_LINGER with zero seconds: closing sends RST (socket(7))."""

Wait = tuple[float, "SlowConnection | None"]
"""Seconds to wait (may be math.inf), and the connection whose `wanted` events end the wait earlier."""

Script = Generator[Wait, bool, None]
"""The actions of a client. It yields waits, and receives True if the connection ended the wait, else False."""

ReadScript = Generator[Wait, bool, bytes]
ResponseScript = Generator[Wait, bool, Response]


class ServerDisconnected(Exception):  # not an error: this is how the wait of a slow client ends
    """The server ended the connection. `how` is '408', 'FIN' or 'RST'; `status` is of a response, 0 without one.

    `disconnected_at` is the time.monotonic() at which the server began to end it. The rest of its data is read first.
    """

    def __init__(self, how: str, status: int = 0, disconnected_at: float | None = None) -> None:
        super().__init__(how)
        self.how = how
        self.status = status
        self.disconnected_at = time.monotonic() if disconnected_at is None else disconnected_at


def pause(seconds: float) -> Script:
    """Wait without any connection."""
    yield seconds, None


class SlowConnection:
    """A connection of a slow client. All methods raise ServerDisconnected once the server ends the connection.

    `ready` has the events that happened and are still valid, `wanted` the events that end a wait.
    """

    __slots__ = ("_sock", "_tcp", "fd", "ready", "wanted")

    def __init__(self, sock: socket.socket, tls: TlsSocket | None = None) -> None:
        self._tcp = sock
        self._sock = tls or sock
        self.fd = sock.fileno()
        self.ready = 0
        self.wanted = READABLE_EVENTS

    @classmethod
    def start_connect(cls, address: Address, window: int | None = None, *, tls: bool = True) -> SlowConnection:
        """Begin to connect to `address`. `window` is the receive buffer in bytes, which limits the window of TCP.

        The kernel doubles it, and uses about 2 KB at least. With `tls=False` the connection is plain TCP, also to a
        server that speaks TLS. Raises OSError if the server accepts no connection, OutOfResources if this machine has
        no resources left.
        """
        try:
            sock = socket.socket(address.family, socket.SOCK_STREAM)
        except OSError as error:
            raise as_out_of_resources(error) from None
        try:
            sock.setblocking(False)
            if window is not None:
                # Before connect: TCP cannot take back a window that it announced.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            if not address.path:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
            _connect_from_free_port(sock, address)
        except OSError as error:
            sock.close()
            raise as_out_of_resources(error) from None
        return cls.on_socket(sock, address, tls=tls)

    @classmethod
    def on_socket(cls, sock: socket.socket, address: Address, *, tls: bool = True) -> SlowConnection:
        """Return a connection on `sock`, which connects to `address`."""
        return cls(sock, TlsSocket(sock, address) if address.tls and tls else None)

    def connected(self) -> Script:
        """Wait until TCP is connected. Raises as `start_connect` does."""
        while not self._is_established():
            if error := self._tcp.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise as_out_of_resources(OSError(error, errno.errorcode.get(error, "")))
            self.ready = 0
            self.wanted = select.EPOLLOUT | ERROR_EVENTS
            yield math.inf, self

    def handshake(self) -> Script:
        """Do the handshake of TLS at full speed. Over plain TCP there is none."""
        while isinstance(self._sock, TlsSocket):
            try:
                self._sock.handshake()
            except BlockingIOError:
                yield from self._wait_for_tls(self._sock)
            except OSError as error:
                raise ServerDisconnected("RST" if isinstance(error, ConnectionResetError) else "FIN") from None
            else:
                return

    def _wait_for_tls(self, tls: TlsSocket) -> Script:
        self.ready &= ~(select.EPOLLOUT if tls.wants_write else select.EPOLLIN)
        self.wanted = select.EPOLLOUT | ERROR_EVENTS if tls.wants_write else READABLE_EVENTS
        yield math.inf, self

    def send(self, data: bytes) -> Script:
        """Send `data` as a separate segment."""
        while data:
            try:
                count = self._sock.send(data)
            except BlockingIOError:
                self.ready &= ~select.EPOLLOUT
                self.wanted = select.EPOLLOUT | ERROR_EVENTS
                yield math.inf, self
                continue
            except OSError:
                # The server may have sent a response before it closed. Read it before the reset counts.
                raise (yield from self._drain_until_closed()) from None
            data = data[count:]

    def send_slowly(self, pieces: Iterable[bytes], interval: float) -> Script:
        """Send `pieces` one after the other, with a pause of `interval` seconds after each."""
        wait = interval, self
        for piece in pieces:
            try:
                count = self._sock.send(piece)
            except OSError:
                count = 0
            if count != len(piece):
                yield from self.send(piece[count:])
            self.wanted = READABLE_EVENTS
            if (yield wait) and not self._nothing_to_read():
                raise (yield from self._drain_until_closed())

    def wait_mid_request(self, seconds: float) -> Script:
        """Wait in the middle of a request, when a server has no reason to send anything."""
        until = time.monotonic() + seconds
        while True:
            self.wanted = READABLE_EVENTS
            if not (yield seconds, self):
                return
            # An additional 100 (Continue) is not a response: Werkzeug 3.1 sends two.
            if not self._nothing_to_read() and not self._skip_interim_response():
                raise (yield from self._drain_until_closed())
            seconds = max(0.0, until - time.monotonic())

    def idle(self, seconds: float) -> Script:
        """Wait without reading, while a response may arrive or the connection is idle."""
        self.wanted = CLOSED_EVENTS
        if (yield seconds, self):
            raise ServerDisconnected("RST" if self.ready & ERROR_EVENTS else "FIN")

    def read(self, most: int, seconds: float = math.inf) -> ReadScript:
        """Wait for bytes and return at most `most` of them; b'' if none come within `seconds`."""
        until = time.monotonic() + seconds
        while True:
            try:
                data = self._sock.recv(most)
            except BlockingIOError:
                self.ready &= ~select.EPOLLIN
                self.wanted = READABLE_EVENTS
                left = until - time.monotonic()
                if left <= 0:
                    return b""
                yield left, self
                continue
            except OSError:
                raise ServerDisconnected("RST") from None
            if not data:
                raise ServerDisconnected("FIN")
            return data

    def read_response(self, interval: float = 0.0, bytes_per_interval: int = RECEIVE_BYTES) -> ResponseScript:
        """Read a whole response, `bytes_per_interval` bytes every `interval` seconds."""
        parser = ResponseParser()
        while not parser.done:
            if interval:
                yield from pause(interval)
            try:
                parser.feed((yield from self.read(bytes_per_interval)))
            except ServerDisconnected as disconnected:
                parser.eof()
                if disconnected.how != "FIN" or not parser.response().complete:
                    raise
        return parser.response()

    def wait_for_continue(self, seconds: float) -> Generator[Wait, bool, bool]:
        """Wait up to `seconds` for the 100 (Continue) that a client requested, and return whether it arrived.

        Raises ServerDisconnected if a final response arrives instead.
        """
        until = time.monotonic() + seconds
        while True:
            self.wanted = READABLE_EVENTS
            if not (yield max(0.0, until - time.monotonic()), self):
                return False
            if self._nothing_to_read():
                continue
            if self._skip_interim_response():
                return True
            raise (yield from self._drain_until_closed())

    def server_closed(self) -> bool:
        """Return whether the server has closed its socket, although unread bytes may still be on their way."""
        return self._tcp.family != socket.AF_UNIX and other_end_closed(self._tcp) is True

    def close(self) -> None:
        """Close it with FIN. Calling it again does nothing."""
        self._sock.close()

    def reset(self) -> None:
        """Close it with RST, and without a closure alert of TLS. Calling it again does nothing."""
        with contextlib.suppress(OSError):
            self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self._tcp.close()

    def _nothing_to_read(self) -> bool:
        """Return whether there is nothing to read: the bytes of an event may have been read already."""
        if self.ready & CLOSED_EVENTS:
            return False
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            self.ready &= ~select.EPOLLIN
            return True
        except OSError:
            return False
        return False

    def _skip_interim_response(self) -> bool:
        """Remove one interim response from the socket, and return whether there was one."""
        try:
            head, ended, _ = self._sock.recv(DRAIN_BYTES, socket.MSG_PEEK).partition(b"\r\n\r\n")
        except OSError:
            return False
        if ended and _status(head) in INTERIM_STATUSES:
            self._sock.recv(len(head) + len(ended))
            return True
        return False

    def _is_established(self) -> bool:
        if self._tcp.family == socket.AF_UNIX:
            return True
        return self._tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED

    def _drain_until_closed(self) -> Generator[Wait, bool, ServerDisconnected]:
        """Read until the server ends the connection, and return how it did."""
        received, how = b"", "FIN"
        disconnected_at = time.monotonic()
        until = disconnected_at + DRAIN_TIMEOUT
        while True:
            try:
                data = self._sock.recv(DRAIN_BYTES)
            except BlockingIOError:
                self.ready &= ~select.EPOLLIN
                self.wanted = READABLE_EVENTS
                left = until - time.monotonic()
                if left <= 0 or not (yield left, self):
                    break
                continue
            except OSError:
                how = "RST"
                break
            if not data or time.monotonic() > until:
                break
            received = (received + data)[:DRAIN_BYTES]
        status = _status(received)
        return ServerDisconnected("408" if status == 408 else how, status, disconnected_at)


def _connect_from_free_port(sock: socket.socket, address: Address) -> None:
    """Connect, from another 127.0.0.x if the usual address has no free local port. Raises OSError."""
    others = list(OTHER_SOURCES) if address.host.startswith("127.") and not address.path else []
    while True:
        code = sock.connect_ex(address.socket_address)
        if code in (0, errno.EINPROGRESS):
            return
        if code != errno.EADDRNOTAVAIL or not others:
            # EAGAIN means that the backlog of a Unix socket is full.
            raise OSError(code, os.strerror(code))
        sock.setsockopt(socket.IPPROTO_IP, BIND_WITHOUT_PORT, 1)
        sock.bind((others.pop(), 0))


def _status(response: bytes) -> int:
    words = response.split(None, 2)
    return int(words[1]) if response.startswith(b"HTTP/") and len(words) > 1 and words[1].isdigit() else 0
