"""One connection of a slow client, slow at the level of TCP: bytes held back, a receive window that stays shut.

The server's every move on it is noticed, an answer before its time, FIN or RST, and raised as `Dropped`.

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

from ...address import Address
from ...errors import Unsupported
from .link import BIND_WITHOUT_PORT, OTHER_SOURCES, ours

SEGMENT = 1400
"""Bytes of one segment, as on a phone's network. The loopback's own are 64 KiB, for which the kernel would give the
server's side of a connection send buffers of megabytes: whole answers would vanish into them, and no client would ever
look slow."""

LAST_WORDS = 2.0
"""Seconds that a server has between an early answer and the end of the connection: it is counted then anyway."""

KEPT = 4096
"""Bytes of a server's last words that are looked at."""

INTERIM = range(100, 200)

BROKEN = select.EPOLLHUP | select.EPOLLERR
ENDED = BROKEN | select.EPOLLRDHUP
SAID = ENDED | select.EPOLLIN

_ESTABLISHED = 1
"""The state of a connection in TCP_INFO's first byte, include/net/tcp_states.h."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no seconds: closing sends RST (socket(7))."""

Wait = tuple[float, "SlowLink | None"]
"""Seconds to wait (may be math.inf), and the link that ends it sooner when what it `wanted` has come."""

Script = Generator[Wait, bool, None]
"""What a client does: it yields waits and is sent True where the link ended one, False where the time has passed."""

Saying = Generator[Wait, bool, bytes]


class Dropped(Exception):  # not an error: it is how a slow client's wait ends
    """The server ended the connection. `how` is '408', 'FIN' or 'RST'; `said` an answer's status, 0 for none.

    `heard` is the time (of time.monotonic) at which it began to: last words are heard out.
    """

    def __init__(self, how: str, said: int = 0, heard: float | None = None) -> None:
        super().__init__(how)
        self.how = how
        self.said = said
        self.heard = time.monotonic() if heard is None else heard


def pause(seconds: float) -> Script:
    """Wait without any connection."""
    yield seconds, None


class SlowLink:
    """A connection of a client that takes its time. Everything on it raises Dropped once the server ends it.

    `ready` has the events that came since they were last found to be over, `wanted` those that end a wait.
    """

    __slots__ = ("_sock", "fd", "ready", "wanted")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.fd = sock.fileno()
        self.ready = 0
        self.wanted = SAID

    @classmethod
    def dialled(cls, address: Address, window: int | None = None) -> SlowLink:
        """Begin to connect to `address`; `window` is the receive buffer in bytes, which bounds the window TCP offers.

        The kernel doubles it and has a floor of some 2 KB. Raises OSError where the server takes no connection,
        Unsupported for TLS, OutOfResources where this machine has none left.
        """
        if address.tls:
            raise Unsupported("load over TLS is not measured")
        family = socket.AF_UNIX if address.path else socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as trouble:
            raise ours(trouble) from None
        try:
            sock.setblocking(False)
            if window is not None:
                # Before connect: a window that has once been offered is not taken back.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            if not address.path:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
            _begin_to_connect(sock, address)
        except OSError as trouble:
            sock.close()
            raise ours(trouble) from None
        return cls(sock)

    def connected(self) -> Script:
        """Wait until the server's side has taken the connection. Raises what `dialled` does."""
        while not self._through():
            if trouble := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise ours(OSError(trouble, errno.errorcode.get(trouble, "")))
            self.ready = 0
            self.wanted = select.EPOLLOUT | BROKEN
            yield math.inf, self

    def send(self, data: bytes) -> Script:
        """Send `data` as a segment of its own."""
        while data:
            try:
                count = self._sock.send(data)
            except BlockingIOError:
                self.ready &= ~select.EPOLLOUT
                self.wanted = select.EPOLLOUT | BROKEN
                yield math.inf, self
                continue
            except OSError:
                # A server that answered and then closed has its answer read before the reset is believed.
                raise (yield from self._last_words()) from None
            data = data[count:]

    def drip(self, pieces: Iterable[bytes], interval: float) -> Script:
        """Send one of `pieces` after the other, with `interval` seconds of silence behind each."""
        wait = interval, self
        for piece in pieces:
            try:
                count = self._sock.send(piece)
            except OSError:
                count = 0
            if count != len(piece):
                yield from self.send(piece[count:])
            self.wanted = SAID
            if (yield wait) and not self._quiet():
                raise (yield from self._last_words())

    def silence(self, seconds: float) -> Script:
        """Wait in the middle of a request, when no server has anything to say yet."""
        until = time.monotonic() + seconds
        while True:
            self.wanted = SAID
            if not (yield seconds, self):
                return
            # One 100 (Continue) more than was asked for is no answer: Werkzeug 3.1 sends two.
            if not self._quiet() and not self._took_interim():
                raise (yield from self._last_words())
            seconds = max(0.0, until - time.monotonic())

    def idle(self, seconds: float) -> Script:
        """Wait without reading, while an answer may be on its way or the connection idle."""
        self.wanted = ENDED
        if (yield seconds, self):
            raise Dropped("RST" if self.ready & BROKEN else "FIN")

    def read(self, most: int) -> Saying:
        """Return what has come, at most `most` bytes, waiting for the first."""
        while True:
            try:
                data = self._sock.recv(most)
            except BlockingIOError:
                self.ready &= ~select.EPOLLIN
                self.wanted = SAID
                yield math.inf, self
                continue
            except OSError:
                raise Dropped("RST") from None
            if not data:
                raise Dropped("FIN")
            return data

    def invited(self, seconds: float) -> Generator[Wait, bool, bool]:
        """Wait up to `seconds` for the 100 (Continue) that a client asked for, take it off and return whether it came.

        Raises Dropped where a final answer comes in its place.
        """
        until = time.monotonic() + seconds
        while True:
            self.wanted = SAID
            if not (yield max(0.0, until - time.monotonic()), self):
                return False
            if self._quiet():
                continue
            if self._took_interim():
                return True
            raise (yield from self._last_words())

    def close(self) -> None:
        """Close it as a phone does that goes away; again is harmless."""
        self._sock.close()

    def reset(self) -> None:
        """Close it with RST, as a phone's network does; again is harmless."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._sock.close()

    def _quiet(self) -> bool:
        """Say whether there is nothing to hear: what was ready may have been read since."""
        if self.ready & ENDED:
            return False
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            self.ready &= ~select.EPOLLIN
            return True
        except OSError:
            return False
        return False

    def _took_interim(self) -> bool:
        """Take one interim answer off and say whether there was one."""
        try:
            head, ended, _ = self._sock.recv(KEPT, socket.MSG_PEEK).partition(b"\r\n\r\n")
        except OSError:
            return False
        if ended and _status(head) in INTERIM:
            self._sock.recv(len(head) + len(ended))
            return True
        return False

    def _through(self) -> bool:
        if self._sock.family == socket.AF_UNIX:
            return True
        return self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED

    def _last_words(self) -> Generator[Wait, bool, Dropped]:
        """Hear the server out until it ends the connection, and return what that came to."""
        said, how = b"", "FIN"
        heard = time.monotonic()
        until = heard + LAST_WORDS
        while True:
            try:
                data = self._sock.recv(KEPT)
            except BlockingIOError:
                self.ready &= ~select.EPOLLIN
                self.wanted = SAID
                left = until - time.monotonic()
                if left <= 0 or not (yield left, self):
                    break
                continue
            except OSError:
                how = "RST"
                break
            if not data or time.monotonic() > until:
                break
            said = (said + data)[:KEPT]
        status = _status(said)
        return Dropped("408" if status == 408 else how, status, heard)


def _begin_to_connect(sock: socket.socket, address: Address) -> None:
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


def _status(answer: bytes) -> int:
    words = answer.split(None, 2)
    return int(words[1]) if answer.startswith(b"HTTP/") and len(words) > 1 and words[1].isdigit() else 0
