"""What the kernel knows of the other end of a TCP connection, if that is a socket of this machine: sock_diag(7)."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import termios
import threading
import weakref
from array import array
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import trio

_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1  # NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST
_NETLINK_HEADER = struct.Struct("=IHHII")
_DIAG_REQUEST = struct.Struct("=BBBBI")
_MESSAGE_BYTES = 72
"""Bytes of inet_diag_msg. Attributes follow it."""
_STATE_OFFSET = 1
"""Bytes of inet_diag_msg before the state of the connection."""
_UNCLOSED_STATES = (1, 8)
"""TCP_ESTABLISHED and TCP_CLOSE_WAIT of include/net/tcp_states.h: the owner of the socket has not closed it."""
_QUEUE_OFFSET = 4 + 48 + 4
"""Bytes of inet_diag_msg before the length of the receive queue: four small numbers, the socket's names, a timer."""
_ATTRIBUTE_HEADER = struct.Struct("=HH")
_WITH_TCP_INFO, _TCP_INFO_ATTRIBUTE = 1 << 1, 2  # INET_DIAG_INFO, as a bit of the question and as a type of the reply
_TCP_INFO_BYTES = 216
"""Bytes of tcp_info of include/uapi/linux/tcp.h to the end of tcpi_bytes_retrans. Linux has them since 4.19."""
_RECEIVED, _NOT_SENT, _SENT_AND_RETRANSMITTED = (struct.Struct(each) for each in ("=128xQ", "=144xI", "=200xQQ"))
"""tcpi_bytes_received; tcpi_notsent_bytes; tcpi_bytes_sent and tcpi_bytes_retrans."""


@dataclass
class OtherEnd:
    """The socket at the other end of the connection of `own`."""

    own: socket.socket | trio.socket.SocketType
    local: tuple[str, int]
    remote: tuple[str, int]
    _was_unread: bool = False

    def unread_bytes(self) -> int | None:
        """Return how many bytes the other end has not read yet, None if its socket does not exist any more.

        While its owner holds the socket, bytes that arrive wait beside its receive queue, and that looks empty. So an
        empty queue says that they were read only if they were seen in it, or were received before it was asked for.
        """
        unread = self._receive_queue()
        if not unread and not self._was_unread:
            with suppress(OSError, ValueError):  # once the own socket is closed, all that is known is the queue
                if unread == 0 and _send_queue(self.own.fileno()):
                    unread = max(0, self._unreceived_bytes()) or self._receive_queue()
        self._was_unread = bool(unread)
        return unread

    def _receive_queue(self) -> int | None:
        message = self._ask()
        return None if message is None else int(struct.unpack_from("=I", message, _QUEUE_OFFSET)[0])

    def is_unclosed(self) -> bool:
        """Return whether the program at the other end has not closed its socket."""
        message = self._ask()
        return message is not None and message[_STATE_OFFSET] in _UNCLOSED_STATES

    def _unreceived_bytes(self) -> int:
        own = self.own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        other = _tcp_info(self._ask(_WITH_TCP_INFO) or b"")
        if min(len(own), len(other)) < _TCP_INFO_BYTES:
            return 0  # an older kernel does not know
        (received,), (not_sent,) = _RECEIVED.unpack_from(other), _NOT_SENT.unpack_from(own)
        sent, retransmitted = _SENT_AND_RETRANSMITTED.unpack_from(own)
        return int(sent - retransmitted + not_sent - received)

    def _ask(self, extension: int = 0) -> bytes | None:
        return _ask_kernel(self.own.family, self.remote, self.local, extension)


def diagnose_other_end(sock: socket.socket | trio.socket.SocketType) -> OtherEnd | None:
    """Return the other end of `sock`, None if it is no TCP connection, or was reset."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    with suppress(OSError):
        return OtherEnd(sock, sock.getsockname()[:2], sock.getpeername()[:2])
    return None


def other_end_closed(sock: socket.socket) -> bool | None:
    """Return whether the program at the other end of a TCP connection on this machine has closed its socket.

    The end of a connection does not arrive while unread bytes fill the client's buffer, but the kernel knows it. None
    if the kernel does not know.
    """
    if (other_end := diagnose_other_end(sock)) is None:
        return True  # it was reset
    if _ask_kernel(sock.family, other_end.local, other_end.remote) is None:  # about this end
        return None
    return not other_end.is_unclosed()


def _send_queue(descriptor: int) -> int:
    """Return how many bytes sent on a TCP connection are not acknowledged, tcp(7). Raises OSError and ValueError."""
    number = array("i", [0])
    fcntl.ioctl(descriptor, termios.TIOCOUTQ, number)
    return number[0]


def _ask_kernel(family: int, source: tuple[str, int], destination: tuple[str, int], extension: int = 0) -> bytes | None:
    """Return the kernel's inet_diag_msg on the socket with these names, None if there is none, or no answer."""
    question = _question(family, source, destination, extension)
    for _ in range(2):  # what keeps one socket from answering says nothing about the next one
        try:
            netlink = _netlink(os.getpid(), threading.get_ident()).socket
            netlink.send(question)
            reply = netlink.recv(4096)  # the kernel replies within the call that asks
        except OSError:
            _netlink.cache_clear()  # a late reply must not be taken for that of another question
            continue
        if len(reply) < _NETLINK_HEADER.size + _MESSAGE_BYTES or _NETLINK_HEADER.unpack_from(reply)[1] != _BY_FAMILY:
            return None  # the server closed its socket: it will not read any more
        return reply[_NETLINK_HEADER.size :]
    return None


@lru_cache(maxsize=128)
def _question(family: int, source: tuple[str, int], destination: tuple[str, int], extension: int) -> bytes:
    names = struct.pack("!HH", source[1], destination[1])
    for each in (source, destination):
        names += socket.inet_pton(family, each[0]).ljust(16, b"\0")
    # Any interface, and a cookie of ones: a socket of any age.
    names += struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    body = _DIAG_REQUEST.pack(family, socket.IPPROTO_TCP, extension, 0, 0xFFFFFFFF) + names
    return _NETLINK_HEADER.pack(_NETLINK_HEADER.size + len(body), _BY_FAMILY, _REQUEST, 1, 0) + body


def _tcp_info(message: bytes) -> bytes:
    """Return the tcp_info among the attributes of an inet_diag_msg, b'' if it has none."""
    offset = _MESSAGE_BYTES
    while offset + _ATTRIBUTE_HEADER.size <= len(message):
        length, kind = _ATTRIBUTE_HEADER.unpack_from(message, offset)
        if kind == _TCP_INFO_ATTRIBUTE:
            return message[offset + _ATTRIBUTE_HEADER.size : offset + length]
        offset += max(_ATTRIBUTE_HEADER.size, (length + 3) // 4 * 4)  # each begins at a multiple of four bytes
    return b""


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
