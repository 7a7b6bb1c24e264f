"""One connection of a slow client, slow at the level of TCP: bytes held back, a receive window that stays shut.

The server's every move on it is noticed, an answer before its time, FIN or RST, and raised as `Dropped`.
"""

from __future__ import annotations

import socket

import trio

from ..address import Address
from .link import connect, plain_socket

SEGMENT = 1400
"""Bytes of one segment, as on a phone's network. The loopback's own are 64 KiB, for which the kernel would give the
server's side of a connection send buffers of megabytes: whole answers would vanish into them, and no client would ever
look slow."""

LAST_WORDS = 2.0
"""Seconds that a server has between an early answer and the end of the connection: it is counted then anyway."""

ESTABLISHED = 1
CLOSE_WAIT = 8
"""Connection states as TCP_INFO's first byte has them, include/net/tcp_states.h."""


class Dropped(Exception):  # not an error: it is how a slow client's wait ends
    """The server ended the connection. `how` is '408', 'FIN' or 'RST'; `said` an answer's status, 0 for none."""

    def __init__(self, how: str, said: int = 0) -> None:
        super().__init__(how)
        self.how = how
        self.said = said


class SlowLink:
    """A connection of a client that takes its time. Everything on it raises Dropped once the server ends it."""

    def __init__(self, plain: trio.socket.SocketType) -> None:
        self._plain = plain

    @classmethod
    async def open(cls, address: Address, window: int | None = None) -> SlowLink:
        """Connect to `address`; `window` is the receive buffer in bytes, which bounds the window that TCP offers.

        The kernel doubles it and has a floor of some 2 KB. Raises what Link.open raises.
        """
        plain = plain_socket(address)
        if window is not None:
            # Before connect: a window that has once been offered is not taken back.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        if not address.path:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        await connect(plain, address)
        return cls(plain)

    async def send(self, data: bytes) -> None:
        """Send `data` as a segment of its own."""
        left = memoryview(data)
        try:
            while left:
                left = left[await self._plain.send(left) :]
        except OSError:
            # A server that answered and then closed has its answer read before the reset is believed.
            raise await self._last_words() from None

    async def silence(self, seconds: float) -> None:
        """Wait in the middle of a request, when no server has anything to say yet."""
        with trio.move_on_after(seconds) as quiet:
            await trio.lowlevel.wait_readable(self._plain)
        if not quiet.cancelled_caught:
            raise await self._last_words()

    async def idle(self, seconds: float) -> None:
        """Wait without reading, while an answer may be on its way or the connection idle."""
        await trio.sleep(seconds)
        if (state := self.state) not in (None, ESTABLISHED):
            raise Dropped("FIN" if state == CLOSE_WAIT else "RST")

    async def read(self, most: int) -> bytes:
        """Return what has come, at most `most` bytes, waiting for the first."""
        try:
            data = await self._plain.recv(most)
        except OSError:
            raise Dropped("RST") from None
        if not data:
            raise Dropped("FIN")
        return data

    @property
    def state(self) -> int | None:
        """The state of the TCP connection, None for a Unix socket."""
        if self._plain.family == socket.AF_UNIX:
            return None
        return self._plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]

    def close(self) -> None:
        """Close it as a phone does that goes away; again is harmless."""
        self._plain.close()

    async def _last_words(self) -> Dropped:
        """Hear the server out until it ends the connection, and return what that came to."""
        said, how = b"", "FIN"
        with trio.move_on_after(LAST_WORDS):
            try:
                while data := await self._plain.recv(4096):
                    said = (said + data)[:4096]
            except OSError:
                how = "RST"
        status = _status(said)
        return Dropped("408" if status == 408 else how, status)


def _status(answer: bytes) -> int:
    words = answer.split(None, 2)
    return int(words[1]) if answer.startswith(b"HTTP/") and len(words) > 1 and words[1].isdigit() else 0
