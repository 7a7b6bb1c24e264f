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

WITHIN = 0.5
"""Seconds in which a piece must be read. A server that takes longer is busy, or held: then the rest goes at once."""

BLIND = 0.01
"""Seconds to wait after a piece where the kernel does not tell."""

QUICK = 8
"""Looks in a row before the first sleep: a server that waits for bytes reads them in microseconds."""

STEP = 0.0005
"""Seconds of the first sleep between two looks; each later one is half as long again."""

_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1  # NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST
_HEAD = struct.Struct("=IHHII")
_ASKED = struct.Struct("=BBBBI")
_ANSWERED = 4 + 48 + 4
"""Bytes of inet_diag_msg before the length of the receive queue: four small numbers, the socket's names, a timer."""


def unread(stream: trio.abc.Stream) -> Callable[[], int | None] | None:
    """Return what tells how many bytes lie unread at the other end of `stream`; None where nothing tells.

    It returns None where the other end's socket is gone.
    """
    if isinstance(stream, trio.SSLStream):
        return unread(stream.transport_stream)
    if isinstance(stream, trio.StapledStream):
        sending = stream.send_stream
        return _counted(sending.fileno(), termios.FIONREAD) if isinstance(sending, trio.lowlevel.FdStream) else None
    if not isinstance(stream, trio.SocketStream):
        return None
    if stream.socket.family == socket.AF_UNIX:
        return _counted(stream.socket.fileno(), termios.TIOCOUTQ)
    with suppress(OSError):
        count = _asked(stream.socket.getsockname(), stream.socket.getpeername(), stream.socket.family)
        return count if count() is not None else None
    return None


async def taken(count: Callable[[], int | None] | None) -> bool:
    """Wait until nothing lies unread at the other end, for `WITHIN` seconds; says whether that came to be.

    `count` is from `unread`; without it a short pause stands in.
    """
    if count is None:
        await trio.sleep(BLIND)
        return True
    step = STEP
    with trio.move_on_after(WITHIN):
        for _ in range(QUICK):
            await trio.lowlevel.checkpoint()
            if not count():
                return True
        while count():
            await trio.sleep(step)
            step *= 1.5
        return True
    return False


def _counted(descriptor: int, request: int) -> Callable[[], int | None]:
    def count() -> int | None:
        number = array("i", [0])
        try:
            fcntl.ioctl(descriptor, request, number)
        except OSError:
            return None
        return number[0]

    return count


def _asked(ours: tuple[str, int], theirs: tuple[str, int], family: int) -> Callable[[], int | None]:
    """Return what asks the kernel for the other end of our connection: the same names, the other way round."""
    names = struct.pack("!HH", theirs[1], ours[1])
    for each in (theirs, ours):
        names += socket.inet_pton(family, each[0]).ljust(16, b"\0")
    # Through whichever interface, and of whichever age (a cookie of ones).
    names += struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    body = _ASKED.pack(family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + names
    message = _HEAD.pack(_HEAD.size + len(body), _BY_FAMILY, _REQUEST, 1, 0) + body

    def count() -> int | None:
        try:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _DIAG) as asking:
                asking.setblocking(False)  # the kernel answers within the call that asks
                asking.send(message)
                answer = asking.recv(4096)
        except OSError:
            return None
        if len(answer) < _HEAD.size + _ANSWERED + 4 or _HEAD.unpack_from(answer)[1] != _BY_FAMILY:
            return None  # it has closed its socket: it reads nothing any more
        return int(struct.unpack_from("=I", answer, _HEAD.size + _ANSWERED)[0])

    return count
