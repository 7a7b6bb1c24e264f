"""TLS for clients that use a non-blocking socket: slow clients, load generators and healthy users.

    bytes of the client  -->  ssl, in memory  -->  socket
                                 handshake, records, closure alert

The ssl module works on memory here, not on the socket. So the caller sees when bytes really leave, and can do part of a
handshake, leave in the middle of it, or look at a byte without taking it.

Certificates are not checked: this run made them for a loopback address, and the nonce of the run proves the server.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
from functools import cache
from typing import Self

from wsgi_gauntlet.harness.http.address import Address

RECEIVE_BYTES = 64 * 1024
"""Bytes of one read from the socket."""


class TlsFailed(OSError):
    """The other end broke TLS, or ended the connection within the handshake. The message says how."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EPROTO, f"TLS: {reason}")


@cache
def client_context() -> ssl.SSLContext:
    """Return the context of all clients of this process."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def server_name(address: Address) -> str:
    """Return the name that a client requests from the server in its handshake."""
    return "localhost" if address.path else address.host


def client_hello(address: Address) -> bytes:
    """Return the first message of a handshake with the server at `address`."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        client_context().wrap_bio(incoming, outgoing, server_hostname=server_name(address)).do_handshake()
    return outgoing.read()


class TlsSocket:
    """TLS on a connected non-blocking socket. A method raises BlockingIOError if it has to wait.

    `wants_write` then says whether it waits until the socket is writable; otherwise until it is readable. Repeat the
    call with the same arguments afterwards. All methods raise OSError if the connection is broken.
    """

    __slots__ = (
        "_ended",
        "_established",
        "_incoming",
        "_outgoing",
        "_plain",
        "_sending",
        "_sock",
        "_tls",
        "_unsent",
        "wants_write",
    )

    def __init__(self, sock: socket.socket, address: Address) -> None:
        self.wants_write = False
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = client_context().wrap_bio(self._incoming, self._outgoing, server_hostname=server_name(address))
        self._established = self._ended = False
        self._plain = b""
        self._unsent: bytes | memoryview = b""
        self._sending = False
        """Whether a `send` has to be repeated: its data is encrypted, and not all of it was sent."""

    def handshake(self) -> None:
        """Do the handshake, as far as this is possible without waiting. Calling it again at the end does nothing."""
        while not self._established:
            self._flush()
            try:
                self._tls.do_handshake()
                self._established = True
            except ssl.SSLWantReadError:
                self._flush()
                self._receive()
                if self._ended:
                    raise TlsFailed("the connection ended within the handshake") from None
            except ssl.SSLError as error:
                raise _failure(error) from None
        self._flush()

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """Send all of `data`, and return its length."""
        self.handshake()
        if not self._sending:
            try:
                self._tls.write(data)
            except ssl.SSLError as error:
                raise _failure(error) from None
            self._sending = True
        self._flush()
        self._sending = False
        return len(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return at most `size` bytes, b'' at the end. With MSG_PEEK in `flags` the bytes stay."""
        if not self._plain:
            self._plain = self.recv_available()
        data = self._plain[:size]
        if not flags & socket.MSG_PEEK:
            self._plain = self._plain[size:]
        return data

    def recv_available(self, _size: int = 0) -> bytes:
        """Return all bytes that one read from the socket brings, however many; b'' at the end."""
        if self._plain:
            data, self._plain = self._plain, b""
            return data
        self.handshake()
        while not self._ended:
            # Bytes that arrived with the end of the handshake may be there already.
            if data := self._decrypt():
                return data
            if not self._ended:
                self._receive()
        return b""

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._sock.fileno()

    def close(self) -> None:
        """Send the closure alert, if there was a handshake, and close the socket. Calling it again does nothing."""
        if self._established and self._sock.fileno() >= 0:
            # Unread bytes, such as session tickets, would make the kernel send RST instead of FIN.
            with contextlib.suppress(OSError):
                self._incoming.write(self._sock.recv(RECEIVE_BYTES))
            with contextlib.suppress(OSError):
                self._tls.unwrap()
            with contextlib.suppress(OSError):
                self._sock.send(self._outgoing.read())
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _decrypt(self) -> bytes:
        """Return the content of the records that were received whole."""
        pieces = []
        try:
            while self._incoming.pending or self._tls.pending():
                piece = self._tls.read(RECEIVE_BYTES)
                if not piece:
                    self._ended = True  # the closure alert
                    break
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._ended = True
        except ssl.SSLError as error:
            if not pieces:
                raise _failure(error) from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _receive(self) -> None:
        self.wants_write = False
        data = self._sock.recv(RECEIVE_BYTES)
        if data:
            self._incoming.write(data)
        else:
            self._ended = True

    def _flush(self) -> None:
        """Send what TLS has to send. Raises BlockingIOError with `wants_write`."""
        if self._outgoing.pending:
            new = self._outgoing.read()
            self._unsent = bytes(self._unsent) + new if self._unsent else new
        while self._unsent:
            try:
                count = self._sock.send(self._unsent)
            except BlockingIOError:
                self.wants_write = True
                raise
            self._unsent = memoryview(self._unsent)[count:]


def _failure(error: ssl.SSLError) -> TlsFailed:
    return TlsFailed((error.reason or str(error)).replace("_", " ").lower())
