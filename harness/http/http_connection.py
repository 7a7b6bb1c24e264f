"""A plain connection of a healthy user: request a page, read the whole response, check that it is the right page.

It uses trio sockets and the harness's own parser. httpx needs about a millisecond of CPU time per request: as long as
the fast servers take for a response, and it would be part of every figure.
"""

from __future__ import annotations

import errno
import select
import socket

import trio

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.admission import wait_until_may_connect
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


class HttpConnection:
    """An open connection. `requests_answered` counts the requests that got a response on it."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._sock = sock
        self.requests_answered = 0

    @classmethod
    async def open(cls, address: Address) -> HttpConnection:
        """Connect to `address`. Raises OSError if the server refuses; see also `create_stream_socket` and `connect`."""
        sock = create_stream_socket(address)
        if not address.path:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await connect(sock, address)
        return cls(sock)

    async def send_request(self, request: bytes) -> Response:
        """Send `request` and return its response, however it ended. Raises OSError if sending fails."""
        parser = ResponseParser()
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
    def is_idle(self) -> bool:
        """Whether an idle connection is still good: the server has not closed it and has sent nothing unexpected."""
        return self._sock.fileno() >= 0 and not readable(self._sock.fileno())

    def close(self) -> None:
        """Close the connection at once. A second call does nothing."""
        self._sock.close()


async def send_all(sock: trio.socket.SocketType, data: bytes | memoryview) -> None:
    """Send all of `data`. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[await sock.send(left) :]


def readable(descriptor: int) -> bool:
    """Return whether there is data or an end to read. select() cannot do this with thousands of open descriptors."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def create_stream_socket(address: Address) -> trio.socket.SocketType:
    """Return an unconnected stream socket of the family of `address`.

    Raises Unsupported for TLS, OutOfResources if this machine has no socket left.
    """
    if address.tls:
        raise Unsupported("load over TLS is not measured")
    try:
        return trio.socket.socket(address.family, socket.SOCK_STREAM)
    except OSError as error:
        raise as_out_of_resources(error) from None


async def connect(sock: trio.socket.SocketType, address: Address) -> None:
    """Connect `sock` to `address`, or close it and raise OSError (the server's side) or OutOfResources (this machine).

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
                return
    except BaseException:
        sock.close()
        raise


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
