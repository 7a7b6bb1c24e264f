"""The transports of a connection: TLS, pipes, and segments that the server reads one by one.

Segments: the kernel may join data that is sent in a row, so the next segment goes out after the server has read the one
before. Over TCP, sock_diag(7) reports the unread bytes in the server's socket, on this machine. Over a Unix socket and
a pipe, the sender can ask for them (unix(7), TIOCOUTQ; pipe(7), FIONREAD).
"""

from __future__ import annotations

import fcntl
import os
import socket
import ssl
import struct
import termios
import threading
import weakref
from array import array
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.segmentation import Segment

READ_TIMEOUT_SECONDS = 0.5
"""Seconds in which the server must read a segment. A slower one is busy or waits: it gets the rest at once."""

FALLBACK_PAUSE_SECONDS = 0.01
"""Seconds to wait after a segment if the kernel does not report unread bytes."""

QUICK_CHECKS = 8
"""Checks in a row before the first sleep: a server that waits for bytes reads them within microseconds."""

FIRST_SLEEP_SECONDS = 0.0005
"""Seconds of the first sleep between two checks; each later one is 1.5 times as long."""

_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1  # NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST
_NETLINK_HEADER = struct.Struct("=IHHII")
_DIAG_REQUEST = struct.Struct("=BBBBI")
_STATE_OFFSET = 1
"""Bytes of inet_diag_msg before the state of the connection."""
_UNCLOSED_STATES = (1, 8)
"""TCP_ESTABLISHED and TCP_CLOSE_WAIT of include/net/tcp_states.h: the owner of the socket has not closed it."""
_QUEUE_OFFSET = 4 + 48 + 4
"""Bytes of inet_diag_msg before the length of the receive queue: four small numbers, the socket's names, a timer."""

PipeStream = trio.StapledStream[trio.lowlevel.FdStream, trio.lowlevel.FdStream]

SocketDiagnosis = Callable[[], bytes | None]
"""Returns the kernel's inet_diag_msg on a socket; None if the socket does not exist any more."""

UnreadCounter = Callable[[], int | None]
"""Returns how many bytes the other end has not read yet; None if its socket is closed."""


# ---------------------------------------------------------------------- TLS and pipes


async def start_tls(stream: trio.SocketStream, address: Address) -> trio.SSLStream[trio.SocketStream]:
    """Return `stream` with TLS on it, after the handshake.

    Certificates are not checked: this run made them for a loopback address, and the nonce of the run proves the server.
    A failed handshake, and an end without a closure alert, raise BrokenResourceError.
    """
    name = "localhost" if address.path else address.host
    tls_stream = trio.SSLStream(stream, _tls_context(), server_hostname=name)
    await tls_stream.do_handshake()
    return tls_stream


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def tls_failure_reason(error: BaseException) -> str:
    """Return the reason of a failed handshake or connection, '' if there is none; trio keeps it in the cause."""
    cause = error.__cause__ if isinstance(error, trio.BrokenResourceError) and error.__cause__ else error
    if isinstance(cause, ssl.SSLError):
        return f"no TLS on it ({(cause.reason or str(cause)).replace('_', ' ').lower()})"
    return str(cause)


async def connect_pipes(pipe_socket: str) -> PipeStream:
    """Return a connection of two anonymous pipes to a handler that is called without a socket (pipe_server.py).

    The far ends are sent over the Unix socket `pipe_socket`, which carries nothing else. If the server ends before it
    takes them, the kernel closes them, and the connection ends like any other. Raises OSError if nobody listens or no
    descriptor is left.
    """
    own_ends: list[int] = []
    server_ends: list[int] = []
    try:
        for to_server in (True, False):
            reading, writing = os.pipe2(os.O_CLOEXEC)
            own_ends.append(writing if to_server else reading)
            server_ends.append(reading if to_server else writing)
        with trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as handover:
            await handover.connect(pipe_socket)
            await handover.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", server_ends))])
    except BaseException:
        for each in own_ends:
            os.close(each)
        raise
    finally:
        for each in server_ends:
            os.close(each)
    return trio.StapledStream(*map(trio.lowlevel.FdStream, own_ends))


# ---------------------------------------------------------------------- segments


async def send_pieces(
    stream: trio.abc.Stream, segments: Iterable[Segment], on_sent: Callable[[], None] = lambda: None
) -> None:
    """Send each segment on `stream` after its delay and after the server read the one before; call `on_sent` for each.

    If the server does not read, the rest is sent without waiting. Raises the errors of `stream.send_all`. The stream
    must send data at once (TCP_NODELAY).
    """
    count = None
    server_reads = True
    for number, segment in enumerate(segments):
        if number == 1:
            count = unread_counter(stream)
        if number and server_reads:
            server_reads = await wait_until_read(count)
        if segment.delay:
            await trio.sleep(segment.delay)
        if segment.data:
            if (taken := write_at_once(stream, segment.data)) < len(segment.data):
                await stream.send_all(segment.data[taken:])
            on_sent()


def write_at_once(stream: trio.abc.Stream, data: bytes) -> int:
    """Give the kernel what it takes of `data` without waiting; return how many bytes it took: none over TLS and pipes.

    `stream.send_all` takes two turns of the event loop for the same. Raises BrokenResourceError as it does.
    """
    # `send_all` has the right errors of a socket that the harness itself has closed or half-closed.
    if not isinstance(stream, trio.SocketStream) or stream.socket.did_shutdown_SHUT_WR or stream.socket.fileno() < 0:
        return 0
    try:
        return os.write(stream.socket.fileno(), data)
    except BlockingIOError:
        return 0
    except OSError as error:
        raise trio.BrokenResourceError(f"socket connection broken: {error}") from error


async def wait_until_read(count: UnreadCounter | None) -> bool:
    """Wait until the other end has read everything; return whether that was within READ_TIMEOUT_SECONDS.

    `count` is from `unread_counter`; without it, wait for a short pause.
    """
    if count is None:
        await trio.sleep(FALLBACK_PAUSE_SECONDS)
        return True
    for _ in range(QUICK_CHECKS):
        if not count():
            await trio.lowlevel.checkpoint_if_cancelled()
            return True
        await trio.lowlevel.checkpoint()
    sleep_seconds = FIRST_SLEEP_SECONDS
    with trio.move_on_after(READ_TIMEOUT_SECONDS):
        while count():
            await trio.sleep(sleep_seconds)
            sleep_seconds *= 1.5
        return True
    return False


def unread_counter(stream: trio.abc.Stream) -> UnreadCounter | None:
    """Return a counter of the bytes that the other end of `stream` has not read; None if the kernel does not know."""
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
    diagnose = _far_end_diagnosis(stream)
    if diagnose is None:
        return None

    def count() -> int | None:
        message = diagnose()
        return None if message is None else int(struct.unpack_from("=I", message, _QUEUE_OFFSET)[0])

    return count if count() is not None else None


def far_end_watcher(stream: trio.abc.Stream) -> Callable[[], bool] | None:
    """Return a function that says whether the other end of `stream` is not closed; None if the kernel does not know.

    It reads nothing, so the receive buffer of this end may be full.
    """
    if isinstance(stream, trio.SSLStream):
        return far_end_watcher(stream.transport_stream)
    if not isinstance(stream, trio.SocketStream) or (diagnose := _far_end_diagnosis(stream)) is None:
        return None

    def unclosed() -> bool:
        message = diagnose()
        return message is not None and message[_STATE_OFFSET] in _UNCLOSED_STATES

    return unclosed


def other_end_closed(sock: socket.socket) -> bool | None:
    """Return whether the program at the other end of a TCP connection on this machine has closed its socket.

    The end of a connection does not arrive while unread bytes fill the client's buffer, but the kernel knows it. None
    if the kernel does not know.
    """
    try:
        local, remote = sock.getsockname()[:2], sock.getpeername()[:2]
    except OSError:
        return True  # it was reset
    if _sock_diag(remote, local, sock.family)() is None:  # of this end
        return None
    other = _sock_diag(local, remote, sock.family)()
    return other is None or other[_STATE_OFFSET] not in _UNCLOSED_STATES


def _far_end_diagnosis(stream: trio.SocketStream) -> SocketDiagnosis | None:
    if stream.socket.family == socket.AF_UNIX:
        return None
    with suppress(OSError):
        return _sock_diag(stream.socket.getsockname(), stream.socket.getpeername(), stream.socket.family)
    return None


def _ioctl_counter(descriptor: int, request: int) -> UnreadCounter:
    def count() -> int | None:
        number = array("i", [0])
        try:
            fcntl.ioctl(descriptor, request, number)
        except OSError:
            return None
        return number[0]

    return count


class _Netlink:
    """A socket for questions to the kernel. It is closed when nobody has this object any more, or at exit."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _DIAG)
        weakref.finalize(self, self.socket.close)
        self.socket.setblocking(False)


@lru_cache(maxsize=4)
def _netlink(pid: int, thread: int) -> _Netlink:  # noqa: ARG001 - a process and a thread have their own
    """Return what asks the kernel. A check of one server asks tens of thousands of questions."""
    return _Netlink()


def _sock_diag(local: tuple[str, int], remote: tuple[str, int], family: int) -> SocketDiagnosis:
    """Return a function that asks the kernel for the other end of a connection: the same names in reverse order."""
    names = struct.pack("!HH", remote[1], local[1])
    for each in (remote, local):
        names += socket.inet_pton(family, each[0]).ljust(16, b"\0")
    # Any interface, and a cookie of ones: a socket of any age.
    names += struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    body = _DIAG_REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + names
    message = _NETLINK_HEADER.pack(_NETLINK_HEADER.size + len(body), _BY_FAMILY, _REQUEST, 1, 0) + body

    def diagnose() -> bytes | None:
        try:
            netlink = _netlink(os.getpid(), threading.get_ident()).socket
            netlink.send(message)
            reply = netlink.recv(4096)  # the kernel replies within the call that asks
        except OSError:
            _netlink.cache_clear()  # a late reply must not be taken for that of another question
            return None
        if len(reply) < _NETLINK_HEADER.size + _QUEUE_OFFSET + 4 or _NETLINK_HEADER.unpack_from(reply)[1] != _BY_FAMILY:
            return None  # the server closed its socket: it will not read any more
        return reply[_NETLINK_HEADER.size :]

    return diagnose
