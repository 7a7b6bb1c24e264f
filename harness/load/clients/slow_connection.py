"""One connection of a slow client, slow at the level of TCP: bytes held back, a receive window that stays shut.

The server's every move on it is noticed, an answer before its time, FIN or RST, and raised as `ServerDisconnected`.

Its methods are generators, for a persona to `yield from`: what they yield is what they wait for (see drive.py). A task
of its own for each of ten thousand clients would cost more than everything that those clients do.
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

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import BIND_WITHOUT_PORT, OTHER_SOURCES
from wsgi_gauntlet.harness.limits import as_out_of_resources

SEGMENT_BYTES = 1400
"""Bytes of one segment, as on a phone's network. The loopback's own are 64 KiB, for which the kernel would give the
server's side of a connection send buffers of megabytes: whole answers would vanish into them, and no client would ever
look slow."""

DRAIN_TIMEOUT = 2.0
"""Seconds that a server has between an early answer and the end of the connection: it is counted then anyway."""

DRAIN_BYTES = 4096
"""Bytes of a server's last words that are looked at."""

INTERIM_STATUSES = range(100, 200)

ERROR_EVENTS = select.EPOLLHUP | select.EPOLLERR
CLOSED_EVENTS = ERROR_EVENTS | select.EPOLLRDHUP
READABLE_EVENTS = CLOSED_EVENTS | select.EPOLLIN

_ESTABLISHED = 1
"""The state of a connection in TCP_INFO's first byte, include/net/tcp_states.h."""

_LINGER_ZERO = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no seconds: closing sends RST (socket(7))."""

Wait = tuple[float, "SlowConnection | None"]
"""Seconds to wait (may be math.inf), and the link that ends it sooner when what it `wanted` has come."""

Script = Generator[Wait, bool, None]
"""What a client does: it yields waits and is sent True where the link ended one, False where the time has passed."""

ReadScript = Generator[Wait, bool, bytes]


class ServerDisconnected(Exception):  # not an error: it is how a slow client's wait ends
    """The server ended the connection. `how` is '408', 'FIN' or 'RST'; `said` an answer's status, 0 for none.

    `heard` is the time (of time.monotonic) at which it began to: last words are heard out.
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
    """A connection of a client that takes its time. Everything on it raises ServerDisconnected once the server ends it.

    `ready` has the events that came since they were last found to be over, `wanted` those that end a wait.
    """

    __slots__ = ("_sock", "fd", "ready", "wanted")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.fd = sock.fileno()
        self.ready = 0
        self.wanted = READABLE_EVENTS

    @classmethod
    def start_connect(cls, address: Address, window: int | None = None) -> SlowConnection:
        """Begin to connect to `address`; `window` is the receive buffer in bytes, which bounds the window TCP offers.

        The kernel doubles it and has a floor of some 2 KB. Raises OSError where the server takes no connection,
        Unsupported for TLS, OutOfResources where this machine has none left.
        """
        if address.tls:
            raise Unsupported("load over TLS is not measured")
        family = socket.AF_UNIX if address.path else socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise as_out_of_resources(error) from None
        try:
            sock.setblocking(False)
            if window is not None:
                # Before connect: a window that has once been offered is not taken back.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            if not address.path:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
            _connect_from_free_port(sock, address)
        except OSError as error:
            sock.close()
            raise as_out_of_resources(error) from None
        return cls(sock)

    def connected(self) -> Script:
        """Wait until the server's side has taken the connection. Raises what `dialled` does."""
        while not self._is_established():
            if error := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise as_out_of_resources(OSError(error, errno.errorcode.get(error, "")))
            self.ready = 0
            self.wanted = select.EPOLLOUT | ERROR_EVENTS
            yield math.inf, self

    def send(self, data: bytes) -> Script:
        """Send `data` as a segment of its own."""
        while data:
            try:
                count = self._sock.send(data)
            except BlockingIOError:
                self.ready &= ~select.EPOLLOUT
                self.wanted = select.EPOLLOUT | ERROR_EVENTS
                yield math.inf, self
                continue
            except OSError:
                # A server that answered and then closed has its answer read before the reset is believed.
                raise (yield from self._drain_until_closed()) from None
            data = data[count:]

    def send_slowly(self, pieces: Iterable[bytes], interval: float) -> Script:
        """Send one of `pieces` after the other, with `interval` seconds of silence behind each."""
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
        """Wait in the middle of a request, when no server has anything to say yet."""
        until = time.monotonic() + seconds
        while True:
            self.wanted = READABLE_EVENTS
            if not (yield seconds, self):
                return
            # One 100 (Continue) more than was asked for is no answer: Werkzeug 3.1 sends two.
            if not self._nothing_to_read() and not self._skip_interim_response():
                raise (yield from self._drain_until_closed())
            seconds = max(0.0, until - time.monotonic())

    def idle(self, seconds: float) -> Script:
        """Wait without reading, while an answer may be on its way or the connection idle."""
        self.wanted = CLOSED_EVENTS
        if (yield seconds, self):
            raise ServerDisconnected("RST" if self.ready & ERROR_EVENTS else "FIN")

    def read(self, most: int) -> ReadScript:
        """Return what has come, at most `most` bytes, waiting for the first."""
        while True:
            try:
                data = self._sock.recv(most)
            except BlockingIOError:
                self.ready &= ~select.EPOLLIN
                self.wanted = READABLE_EVENTS
                yield math.inf, self
                continue
            except OSError:
                raise ServerDisconnected("RST") from None
            if not data:
                raise ServerDisconnected("FIN")
            return data

    def wait_for_continue(self, seconds: float) -> Generator[Wait, bool, bool]:
        """Wait up to `seconds` for the 100 (Continue) that a client asked for, take it off and return whether it came.

        Raises ServerDisconnected where a final answer comes in its place.
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

    def close(self) -> None:
        """Close it as a phone does that goes away; again is harmless."""
        self._sock.close()

    def reset(self) -> None:
        """Close it with RST, as a phone's network does; again is harmless."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self._sock.close()

    def _nothing_to_read(self) -> bool:
        """Say whether there is nothing to hear: what was ready may have been read since."""
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
        """Take one interim answer off and say whether there was one."""
        try:
            head, ended, _ = self._sock.recv(DRAIN_BYTES, socket.MSG_PEEK).partition(b"\r\n\r\n")
        except OSError:
            return False
        if ended and _status(head) in INTERIM_STATUSES:
            self._sock.recv(len(head) + len(ended))
            return True
        return False

    def _is_established(self) -> bool:
        if self._sock.family == socket.AF_UNIX:
            return True
        return self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED

    def _drain_until_closed(self) -> Generator[Wait, bool, ServerDisconnected]:
        """Hear the server out until it ends the connection, and return what that came to."""
        said, how = b"", "FIN"
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
            said = (said + data)[:DRAIN_BYTES]
        status = _status(said)
        return ServerDisconnected("408" if status == 408 else how, status, disconnected_at)


def _connect_from_free_port(sock: socket.socket, address: Address) -> None:
    """Connect, from another 127.0.0.x where the usual one has no local port left. Raises OSError."""
    others = list(OTHER_SOURCES) if address.host.startswith("127.") and not address.path else []
    while True:
        code = sock.connect_ex(address.path or (address.host, address.port))
        if code in (0, errno.EINPROGRESS):
            return
        if code != errno.EADDRNOTAVAIL or not others:
            # A Unix socket with a full backlog says EAGAIN: it takes no connection.
            raise OSError(code, os.strerror(code))
        sock.setsockopt(socket.IPPROTO_IP, BIND_WITHOUT_PORT, 1)
        sock.bind((others.pop(), 0))


def _status(response: bytes) -> int:
    words = response.split(None, 2)
    return int(words[1]) if response.startswith(b"HTTP/") and len(words) > 1 and words[1].isdigit() else 0
