"""A connection's bytes: what has come and was not used yet, and what goes out. Every wait has an end."""

from __future__ import annotations

import contextlib
import socket
import struct
import time

from . import parsing, tls_connection
from .rejection import RequestRejected

READ_BYTES = 64 * 1024
"""Bytes asked of the socket at once."""

SEND_TIMEOUT_SECONDS = 30.0
"""Seconds in which a client must take a block."""

LINGER_TIMEOUT_SECONDS = 2.0
"""Seconds for which a client's bytes are still read once the last answer is out."""


class ClientDisconnected(Exception):
    """The client went away, or did not send or take anything in time."""


class Stream:
    """One connection. Deadlines are seconds of time.monotonic()."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.buffer = bytearray()

    # ------------------------------------------------------------------ reading

    def fill(self, deadline: float) -> bool:
        """Put more into the buffer; say whether there was any. Raises RequestRejected(408) past `deadline`, Gone on a
        reset."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise RequestRejected(408, "the request did not come in time")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(READ_BYTES)
        except TimeoutError:
            raise RequestRejected(408, "the request did not come in time") from None
        except OSError as lost:
            raise ClientDisconnected(str(lost)) from None
        self.buffer += data
        return bool(data)

    def wait(self, seconds: float) -> bool:
        """Wait for the first byte of a request; say whether one came."""
        try:
            return bool(self.buffer) or self.fill(time.monotonic() + seconds)
        except RequestRejected:
            return False

    def line(self, limit: int, deadline: float) -> bytes:
        """Return one line with its LF; shorter than `limit`, or what there is of it. b'' at the connection's end."""
        searched = 0
        while (end := self.buffer.find(b"\n", searched)) < 0 and len(self.buffer) <= limit:
            searched = len(self.buffer)
            if not self.fill(deadline):
                if self.buffer:
                    raise RequestRejected(400, "the connection ended in the middle of a line")
                return b""
        return self.take(min(end + 1 or limit + 1, limit + 1))

    def opening(self, limit: int, deadline: float) -> bytes:
        """Return a request's first line; refuses what no request begins with as soon as that shows."""
        while b"\n" not in self.buffer and len(self.buffer) <= limit:
            if not parsing.plausible(bytes(self.buffer)):
                raise RequestRejected(400, "this is no HTTP")
            if not self.fill(deadline):
                break
        return self.line(limit, deadline)

    def take(self, size: int) -> bytes:
        """Return `size` bytes of the buffer, or all that it has."""
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def some(self, size: int, deadline: float) -> bytes:
        """Return at least one byte and up to `size`; b'' at the connection's end."""
        if not self.buffer:
            self.fill(deadline)
        return self.take(size)

    # ------------------------------------------------------------------ writing

    def send(self, data: bytes) -> None:
        """Hand all of `data` to the operating system. Raises Gone where the client does not take it."""
        self.socket.settimeout(SEND_TIMEOUT_SECONDS)
        try:
            self.socket.sendall(data)
        except OSError as lost:
            raise ClientDisconnected(str(lost)) from None

    def close(self) -> None:
        """Close in stages (RFC 9112, section 9.6), so that no reset eats what the client has not read yet."""
        with contextlib.suppress(OSError):
            tls_connection.last_word(self.socket)
            self.socket.shutdown(socket.SHUT_WR)
            end = time.monotonic() + LINGER_TIMEOUT_SECONDS
            while (left := end - time.monotonic()) > 0:
                self.socket.settimeout(left)
                if not self.socket.recv(READ_BYTES):
                    break
        self.socket.close()

    def abort(self) -> None:
        """Close with a reset: the only way to show that a body that lasts until the end is not whole."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
