"""The transports of a connection: TLS, pipes, and segments that the server reads one by one.

Segments: the kernel may join data that is sent in a row, so the next segment goes out after the server has read the one
before. Over TCP, the kernel knows the unread bytes of the server's socket, see socket_diagnosis.py. Over a Unix socket
and a pipe, the sender can ask for them (unix(7), TIOCOUTQ; pipe(7), FIONREAD).
"""

from __future__ import annotations

import fcntl
import os
import socket
import ssl
import termios
from array import array
from collections.abc import Callable, Iterable
from functools import lru_cache

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.segmentation import Segment
from wsgi_gauntlet.harness.http.socket_diagnosis import diagnose_other_end

READ_TIMEOUT_SECONDS = 0.5
"""Seconds in which the server must read a segment. A slower one is busy or waits: it gets the rest at once."""

FALLBACK_PAUSE_SECONDS = 0.01
"""Seconds to wait after a segment if the kernel does not report unread bytes."""

QUICK_CHECKS = 8
"""Checks in a row before the first sleep: a server that waits for bytes reads them within microseconds."""

FIRST_SLEEP_SECONDS = 0.0005
"""Seconds of the first sleep between two checks; each later one is 1.5 times as long."""

PipeStream = trio.StapledStream[trio.lowlevel.FdStream, trio.lowlevel.FdStream]

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
    other_end = diagnose_other_end(stream.socket)
    return other_end.unread_bytes if other_end is not None and other_end.unread_bytes() is not None else None


def far_end_watcher(stream: trio.abc.Stream) -> Callable[[], bool] | None:
    """Return a function that says whether the other end of `stream` is not closed; None if the kernel does not know.

    It reads nothing, so the receive buffer of this end may be full.
    """
    if isinstance(stream, trio.SSLStream):
        return far_end_watcher(stream.transport_stream)
    other_end = diagnose_other_end(stream.socket) if isinstance(stream, trio.SocketStream) else None
    return None if other_end is None else other_end.is_unclosed


def _ioctl_counter(descriptor: int, request: int) -> UnreadCounter:
    def count() -> int | None:
        number = array("i", [0])
        try:
            fcntl.ioctl(descriptor, request, number)
        except OSError:
            return None
        return number[0]

    return count
