"""One connection of a healthy user: ask for a page, read the whole answer, check that it is the page asked for.

Raw trio sockets and the harness's own parser, not httpx: an httpx request costs about a millisecond of this process's
time, which is as long as the fast servers take to answer, and would stand in every figure.
"""

from __future__ import annotations

import errno
import select
import socket

import trio

from ...address import Address
from ...errors import OutOfResources, Unsupported
from ...model import Outcome
from ...response import Ending, Response, ResponseParser
from ..targets.leave import admitted

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""What the kernel answers where the client's side has run out."""

OTHER_SOURCES = ("127.0.0.254", "127.0.0.253")
"""Where connections come from once 127.0.0.1 has no local port left; lanes come to these last."""

BIND_WITHOUT_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT of <linux/in.h>: the port is chosen at connect."""

PIECE = 64 * 1024
"""Bytes asked of the socket at once."""


class Link:
    """An open connection. `asked` counts the requests that were answered on it."""

    def __init__(self, plain: trio.socket.SocketType) -> None:
        self._plain = plain
        self.asked = 0

    @classmethod
    async def open(cls, address: Address) -> Link:
        """Connect to `address`. Raises OSError where it is refused, and what `plain_socket` and `connect` raise."""
        plain = plain_socket(address)
        if not address.path:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await connect(plain, address)
        return cls(plain)

    async def ask(self, request: bytes) -> Response:
        """Send `request` and return its answer, however it ended. Raises OSError where sending fails."""
        parser = ResponseParser()
        await send_all(self._plain, request)
        while not parser.done:
            try:
                data = await self._plain.recv(PIECE)
            except OSError:
                parser.eof(Ending.RESET)
                break
            if not data:
                parser.eof(Ending.EOF)
                break
            parser.feed(data)
        self.asked += 1
        return parser.response()

    @property
    def quiet(self) -> bool:
        """Say whether an idle connection is still good: the server has neither closed it nor sent what nobody asked."""
        return self._plain.fileno() >= 0 and not readable(self._plain.fileno())

    def close(self) -> None:
        """Close it at once; again is harmless."""
        self._plain.close()


async def send_all(plain: trio.socket.SocketType, data: bytes | memoryview) -> None:
    """Send all of `data`. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[await plain.send(left) :]


def readable(descriptor: int) -> bool:
    """Say whether there is something to read, an end too. Beside thousands of slow clients select() could not."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def plain_socket(address: Address) -> trio.socket.SocketType:
    """Return an unconnected stream socket of the family of `address`.

    Raises Unsupported for TLS, OutOfResources where this machine has none left.
    """
    if address.tls:
        raise Unsupported("load over TLS is not measured")
    family = socket.AF_UNIX if address.path else socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return trio.socket.socket(family, socket.SOCK_STREAM)
    except OSError as trouble:
        raise ours(trouble) from None


async def connect(plain: trio.socket.SocketType, address: Address) -> None:
    """Connect `plain` to `address`, or close it and raise: OSError for the server's part, OutOfResources for ours.

    Where the usual address has no local port left, others of 127.0.0.0/8 have (see sources.py). Of a target that is
    watched it waits for leave, and raises TargetRefused where there is none any more.
    """
    others = list(OTHER_SOURCES) if address.host.startswith("127.") and not address.path else []
    try:
        await admitted(address)
        while True:
            try:
                await plain.connect(address.path or (address.host, address.port))
            except OSError as trouble:
                if trouble.errno != errno.EADDRNOTAVAIL or not others:
                    raise ours(trouble) from None
                plain.setsockopt(socket.IPPROTO_IP, BIND_WITHOUT_PORT, 1)
                await plain.bind((others.pop(), 0))
            else:
                return
    except BaseException:
        plain.close()
        raise


def ours(trouble: OSError) -> OSError | OutOfResources:
    """Return `trouble`, or what it means where it is this machine's and not the server's, who is not to be blamed."""
    if trouble.errno in EXHAUSTED:
        return OutOfResources(
            f"this machine has no more open files, local ports or memory for clients ({trouble.strerror}): ask for "
            "fewer --clients, raise `ulimit -n`, or wait a minute for closed connections to be forgotten"
        )
    return trouble


def page_request(address: Address, mount: str, nonce: str, size: int, *, keep: bool) -> bytes:
    """Return a browser's request for the reference app's page of `size` bytes that begins with `nonce`."""
    return (
        f"GET {mount}/page?n={nonce}&size={size} HTTP/1.1\r\nHost: {address.authority}\r\n"
        f"User-Agent: wsgi-gauntlet\r\nAccept: */*\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    ).encode("latin-1")


def outcome_of(answer: Response, nonce: str, size: int) -> Outcome:
    """Say whether `answer` is the page of `size` bytes that was asked for with `nonce`."""
    if answer.status != 200 or not answer.complete:
        return Outcome.ERROR
    right = answer.length == size and answer.body.startswith(f"{nonce}\n".encode()[:size])
    return Outcome.OK if right else Outcome.WRONG
