"""One connection of a healthy user: ask for a page, read the whole answer, check that it is the page asked for.

Raw trio sockets and the harness's own parser, not httpx: an httpx request costs about a millisecond of this process's
time, which is as long as the fast servers take to answer, and would stand in every figure.
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
from wsgi_gauntlet.harness.limits import as_out_of_resources
from wsgi_gauntlet.harness.model import Outcome

OTHER_SOURCES = ("127.0.0.254", "127.0.0.253")
"""Where connections come from once 127.0.0.1 has no local port left; lanes come to these last."""

BIND_WITHOUT_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT of <linux/in.h>: the port is chosen at connect."""

RECEIVE_BYTES = 64 * 1024
"""Bytes asked of the socket at once."""


class HttpConnection:
    """An open connection. `asked` counts the requests that were answered on it."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._sock = sock
        self.requests_answered = 0

    @classmethod
    async def open(cls, address: Address) -> HttpConnection:
        """Connect to `address`. Raises OSError where it is refused, and what `create_stream_socket` and `connect`
        raise."""
        sock = create_stream_socket(address)
        if not address.path:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await connect(sock, address)
        return cls(sock)

    async def send_request(self, request: bytes) -> Response:
        """Send `request` and return its answer, however it ended. Raises OSError where sending fails."""
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
        """Say whether an idle connection is still good: the server has neither closed it nor sent what nobody asked."""
        return self._sock.fileno() >= 0 and not readable(self._sock.fileno())

    def close(self) -> None:
        """Close it at once; again is harmless."""
        self._sock.close()


async def send_all(sock: trio.socket.SocketType, data: bytes | memoryview) -> None:
    """Send all of `data`. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[await sock.send(left) :]


def readable(descriptor: int) -> bool:
    """Say whether there is something to read, an end too. Beside thousands of slow clients select() could not."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def create_stream_socket(address: Address) -> trio.socket.SocketType:
    """Return an unconnected stream socket of the family of `address`.

    Raises Unsupported for TLS, OutOfResources where this machine has none left.
    """
    if address.tls:
        raise Unsupported("load over TLS is not measured")
    family = socket.AF_UNIX if address.path else socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return trio.socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise as_out_of_resources(error) from None


async def connect(sock: trio.socket.SocketType, address: Address) -> None:
    """Connect `plain` to `address`, or close it and raise: OSError for the server's part, OutOfResources for ours.

    Where the usual address has no local port left, others of 127.0.0.0/8 have (see sources.py). Of a target that is
    watched it waits for leave, and raises TargetRefused where there is none any more.
    """
    others = list(OTHER_SOURCES) if address.host.startswith("127.") and not address.path else []
    try:
        await wait_until_may_connect(address)
        while True:
            try:
                await sock.connect(address.path or (address.host, address.port))
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
    """Return a browser's request for the reference app's page of `size` bytes that begins with `nonce`."""
    return (
        f"GET {mount}/page?n={nonce}&size={size} HTTP/1.1\r\nHost: {address.authority}\r\n"
        f"User-Agent: wsgi-gauntlet\r\nAccept: */*\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    ).encode("latin-1")


def page_outcome(response: Response, nonce: str, size: int) -> Outcome:
    """Say whether `answer` is the page of `size` bytes that was asked for with `nonce`."""
    if response.status != 200 or not response.complete:
        return Outcome.ERROR
    right = response.length == size and response.body.startswith(f"{nonce}\n".encode()[:size])
    return Outcome.OK if right else Outcome.WRONG
