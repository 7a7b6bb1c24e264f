"""Whether a server has read what was sent to it, as the kernel tells: then what follows is a segment of its own.

Without that the kernel joins what is sent in a row, as it happens, and what a server sees is left to chance. Over TCP
the kernel tells by sock_diag(7) how much lies unread in the server's own socket, on this machine; over a Unix socket
and a pipe it counts for the sender what was not read (unix(7), TIOCOUTQ; pipe(7), FIONREAD).
"""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
from array import array
from collections.abc import Callable
from contextlib import suppress

import trio

READ_TIMEOUT_SECONDS = 0.5
"""Seconds in which a piece must be read. A server that takes longer is busy, or held: then the rest goes at once."""

FALLBACK_PAUSE_SECONDS = 0.01
"""Seconds to wait after a piece where the kernel does not tell."""

QUICK_CHECKS = 8
"""Looks in a row before the first sleep: a server that waits for bytes reads them in microseconds."""

FIRST_SLEEP_SECONDS = 0.0005
"""Seconds of the first sleep between two looks; each later one is half as long again."""

_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1  # NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST
_NETLINK_HEADER = struct.Struct("=IHHII")
_DIAG_REQUEST = struct.Struct("=BBBBI")
_QUEUE_OFFSET = 4 + 48 + 4
"""Bytes of inet_diag_msg before the length of the receive queue: four small numbers, the socket's names, a timer."""


def unread_counter(stream: trio.abc.Stream) -> Callable[[], int | None] | None:
    """Return what tells how many bytes lie unread at the other end of `stream`; None where nothing tells.

    It returns None where the other end's socket is gone.
    """
    if isinstance(stream, trio.SSLStream):
        return unread_counter(stream.transport_stream)
    if isinstance(stream, trio.StapledStream):
        sending = stream.send_stream
        return (
            _ioctl_counter(sending.fileno(), termios.FIONREAD) if isinstance(sending, trio.lowlevel.FdStream) else None
        )
    if not isinstance(stream, trio.SocketStream):
        return None
    if stream.socket.family == socket.AF_UNIX:
        return _ioctl_counter(stream.socket.fileno(), termios.TIOCOUTQ)
    with suppress(OSError):
        count = _sock_diag_counter(stream.socket.getsockname(), stream.socket.getpeername(), stream.socket.family)
        return count if count() is not None else None
    return None


async def wait_until_read(count: Callable[[], int | None] | None) -> bool:
    """Wait until nothing lies unread at the other end, for `READ_TIMEOUT_SECONDS` seconds; says whether that came to
    be.

    `count` is from `unread`; without it a short pause stands in.
    """
    if count is None:
        await trio.sleep(FALLBACK_PAUSE_SECONDS)
        return True
    sleep_seconds = FIRST_SLEEP_SECONDS
    with trio.move_on_after(READ_TIMEOUT_SECONDS):
        for _ in range(QUICK_CHECKS):
            await trio.lowlevel.checkpoint()
            if not count():
                return True
        while count():
            await trio.sleep(sleep_seconds)
            sleep_seconds *= 1.5
        return True
    return False


def _ioctl_counter(descriptor: int, request: int) -> Callable[[], int | None]:
    def count() -> int | None:
        number = array("i", [0])
        try:
            fcntl.ioctl(descriptor, request, number)
        except OSError:
            return None
        return number[0]

    return count


def _sock_diag_counter(local: tuple[str, int], remote: tuple[str, int], family: int) -> Callable[[], int | None]:
    """Return what asks the kernel for the other end of our connection: the same names, the other way round."""
    names = struct.pack("!HH", remote[1], local[1])
    for each in (remote, local):
        names += socket.inet_pton(family, each[0]).ljust(16, b"\0")
    # Through whichever interface, and of whichever age (a cookie of ones).
    names += struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    body = _DIAG_REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + names
    message = _NETLINK_HEADER.pack(_NETLINK_HEADER.size + len(body), _BY_FAMILY, _REQUEST, 1, 0) + body

    def count() -> int | None:
        try:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _DIAG) as netlink:
                netlink.setblocking(False)  # the kernel answers within the call that asks
                netlink.send(message)
                reply = netlink.recv(4096)
        except OSError:
            return None
        if len(reply) < _NETLINK_HEADER.size + _QUEUE_OFFSET + 4 or _NETLINK_HEADER.unpack_from(reply)[1] != _BY_FAMILY:
            return None  # it has closed its socket: it reads nothing any more
        return int(struct.unpack_from("=I", reply, _NETLINK_HEADER.size + _QUEUE_OFFSET)[0])

    return count
