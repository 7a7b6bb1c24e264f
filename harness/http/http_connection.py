"""A connection of a healthy user: request a page, read the whole response, check that it is the right page.

It uses sockets, or TLS on them (client_tls.py), and the harness's own parser. httpx needs about a millisecond of CPU
time per request: as long as the fast servers take for a response, and it would be part of every figure.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Awaitable
from types import TracebackType
from typing import Protocol, Self

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.admission import wait_until_may_connect
from wsgi_gauntlet.harness.http.client_tls import TlsSocket
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response, ResponseParser
from wsgi_gauntlet.harness.http.request import get_request
from wsgi_gauntlet.harness.limits import as_out_of_resources
from wsgi_gauntlet.harness.model import Outcome

OTHER_SOURCES = ("127.0.0.254", "127.0.0.253")
"""Source addresses of connections when 127.0.0.1 has no local port left; the load generators use these last."""

BIND_WITHOUT_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT of <linux/in.h>: the port is chosen at connect."""

RECEIVE_BYTES = 64 * 1024
"""Bytes that one read asks for."""


class ClientSocket(Protocol):
    """A connected socket, or TLS on one. All of it raises OSError if the connection is broken."""

    def send(self, data: bytes | memoryview, /) -> Awaitable[int]:
        """Send the beginning of `data`, and return how many bytes were sent."""

    def recv(self, size: int, /) -> Awaitable[bytes]:
        """Wait for bytes and return at most `size` of them, b'' at the end."""

    def fileno(self) -> int:
        """Return the descriptor, -1 after `close`."""

    def close(self) -> None:
        """Close it. Calling it again does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...


class TlsClientSocket:
    """TLS on the connected `sock`, as a ClientSocket."""

    def __init__(self, sock: socket.socket, address: Address) -> None:
        self._tls = TlsSocket(sock, address)

    async def handshake(self) -> None:
        """Do the handshake. Raises OSError."""
        while True:
            try:
                self._tls.handshake()
            except BlockingIOError:
                await self._wait()
            else:
                return

    async def send(self, data: bytes | memoryview, /) -> int:
        """Send all of `data`, and return its length."""
        await trio.lowlevel.checkpoint()
        while True:
            try:
                return self._tls.send(data)
            except BlockingIOError:
                await self._wait()

    async def recv(self, size: int, /) -> bytes:
        """Wait for bytes and return at most `size` of them, b'' at the end."""
        await trio.lowlevel.checkpoint()
        while True:
            try:
                return self._tls.recv(size)
            except BlockingIOError:
                await self._wait()

    def has_input(self) -> bool:
        """Return whether there is data or an end to read. Session tickets are neither."""
        try:
            self._tls.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def fileno(self) -> int:
        """Return the descriptor, -1 after `close`."""
        return self._tls.fileno()

    def close(self) -> None:
        """Send the closure alert and close the socket. Whoever waits for it gets trio.ClosedResourceError."""
        if (descriptor := self._tls.fileno()) >= 0:
            trio.lowlevel.notify_closing(descriptor)
        self._tls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    async def _wait(self) -> None:
        wait = trio.lowlevel.wait_writable if self._tls.wants_write else trio.lowlevel.wait_readable
        await wait(self._tls.fileno())


class HttpConnection:
    """An open connection. `requests_answered` counts the requests that got a response on it."""

    def __init__(self, sock: ClientSocket) -> None:
        self._sock = sock
        self.requests_answered = 0

    @classmethod
    async def open(cls, address: Address) -> HttpConnection:
        """Connect to `address`. Raises OSError if the server refuses; see also `create_stream_socket` and `connect`."""
        sock = create_stream_socket(address)
        if not address.path:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(await connect(sock, address))

    async def send_request(self, request: bytes) -> Response:
        """Send `request` and return its response, however it ended. Raises OSError if sending fails."""
        parser = ResponseParser(head=request.startswith(b"HEAD "))
        await send_all(self._sock, request)
        while not parser.done:
            try:
                data = await self._sock.recv(RECEIVE_BYTES)
            except OSError:
                parser.eof(ConnectionState.RESET)
                break
            if not data:
                parser.eof(ConnectionState.EOF)
                break
            parser.feed(data)
        self.requests_answered += 1
        return parser.response()

    @property
    def local_port(self) -> int:
        """The port of this end; 0 on a Unix socket."""
        with socket.socket(fileno=os.dup(self._sock.fileno())) as same:
            return 0 if same.family == socket.AF_UNIX else int(same.getsockname()[1])

    @property
    def is_idle(self) -> bool:
        """Whether an idle connection is still good: the server has not closed it and has sent nothing unexpected."""
        return self._sock.fileno() >= 0 and not has_input(self._sock)

    def close(self) -> None:
        """Close the connection at once. A second call does nothing."""
        self._sock.close()


async def send_all(sock: ClientSocket, data: bytes | memoryview) -> None:
    """Send all of `data`. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[await sock.send(left) :]


def has_input(sock: ClientSocket) -> bool:
    """Return whether there is data or an end to read. select() cannot do this with thousands of open descriptors."""
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0)) and (not isinstance(sock, TlsClientSocket) or sock.has_input())


def create_stream_socket(address: Address) -> trio.socket.SocketType:
    """Return an unconnected stream socket of the family of `address`.

    Raises OutOfResources if this machine has no socket left.
    """
    try:
        return trio.socket.socket(address.family, socket.SOCK_STREAM)
    except OSError as error:
        raise as_out_of_resources(error) from None


async def connect(sock: trio.socket.SocketType, address: Address) -> ClientSocket:
    """Connect `sock` to `address` and return the socket to use: over TLS another one, after the handshake.

    If this fails, `sock` is closed. Raises OSError (the server's side) or OutOfResources (this machine).

    If the usual source address has no local port left, use OTHER_SOURCES. Wait for permission to connect to a watched
    target; raise TargetRefused if it may not be loaded any more.
    """
    others = list(OTHER_SOURCES) if address.host.startswith("127.") and not address.path else []
    try:
        await wait_until_may_connect(address)
        while True:
            try:
                await sock.connect(address.socket_address)
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL or not others:
                    raise as_out_of_resources(error) from None
                sock.setsockopt(socket.IPPROTO_IP, BIND_WITHOUT_PORT, 1)
                await sock.bind((others.pop(), 0))
            else:
                break
    except BaseException:
        sock.close()
        raise
    return await _start_tls(sock, address) if address.tls else sock


async def _start_tls(sock: trio.socket.SocketType, address: Address) -> TlsClientSocket:
    plain = socket.socket(address.family, socket.SOCK_STREAM, fileno=sock.detach())
    plain.setblocking(False)
    secure = TlsClientSocket(plain, address)
    try:
        await secure.handshake()
    except BaseException:
        plain.close()
        raise
    return secure


def page_request(address: Address, mount: str, nonce: str, size: int, *, keep: bool) -> bytes:
    """Return a browser's request for the page of `size` bytes of the test app; the page begins with `nonce`."""
    fields = ("User-Agent: wsgi-gauntlet", "Accept: */*", f"Connection: {'keep-alive' if keep else 'close'}")
    return get_request(address, f"{mount}/page?n={nonce}&size={size}", *fields)


def page_outcome(response: Response, nonce: str, size: int) -> Outcome:
    """Return whether `response` is the page of `size` bytes that was requested with `nonce`."""
    if response.status != 200 or not response.complete:
        return Outcome.ERROR
    right = response.length == size and response.body.startswith(f"{nonce}\n".encode()[:size])
    return Outcome.OK if right else Outcome.WRONG
