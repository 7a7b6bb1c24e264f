"""Has a server's own request handler serve connections that are no sockets: the server's end of piped.py.

An adapter puts this file's text beside the script that it starts, so it stands alone: the standard library, Python 3.8
or newer. The handler runs in the server's process and is given a `PipeConnection`, which can be read and written like a
socket and has no address, no options, no time-out and no descriptor.
"""

from __future__ import annotations

import array
import io
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

BACKLOG = 128
"""Connections that wait for a handler that takes one after the other."""


class PipeConnection:
    """Bytes to read and a place to write to, with as much of a socket's interface as handlers use."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._closed = False

    def makefile(self, mode: str = "r", buffering: int = -1, **_: Any) -> BinaryIO:
        """Return a file that reads ('rb') or writes ('wb') the connection, as `socket.makefile` does."""
        raw = _RawPipe(self, "r" in mode)
        if buffering == 0:
            return raw  # type: ignore[return-value]
        size = buffering if buffering > 0 else io.DEFAULT_BUFFER_SIZE
        return io.BufferedReader(raw, size) if "r" in mode else io.BufferedWriter(raw, size)

    def recv(self, size: int, _flags: int = 0) -> bytes:
        """Return what there is, at most `size` bytes; b'' once the client has ended its side."""
        return os.read(self._reading, size)

    def recv_into(self, buffer: Any, size: int = 0, _flags: int = 0) -> int:
        """Put what `recv` returns into `buffer` and return its length."""
        view = memoryview(buffer).cast("B")
        data = os.read(self._reading, min(size, len(view)) or len(view))
        view[: len(data)] = data
        return len(data)

    def send(self, data: Any, _flags: int = 0) -> int:
        """Send some of `data` and return how many bytes. Raises BrokenPipeError where the client has gone."""
        return os.write(self._writing, data)

    def sendall(self, data: Any, _flags: int = 0) -> None:
        """Send all of `data`, waiting for a client that takes it slowly."""
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[os.write(self._writing, rest) :]

    def settimeout(self, seconds: float | None) -> None:
        """Do nothing: reads and writes here wait for as long as it takes."""

    def setsockopt(self, *_: Any) -> None:
        """Do nothing: there is no socket that could have options."""

    def close(self) -> None:
        """End both directions; again is harmless."""
        if not self._closed:
            self._closed = True
            # Whoever still holds this object must not reach the descriptors of a later connection.
            self._reading, self._writing, ends = -1, -1, (self._reading, self._writing)
            for each in ends:
                os.close(each)


class _RawPipe(io.RawIOBase):
    def __init__(self, connection: PipeConnection, readable: bool) -> None:
        self._connection = connection
        self._readable = readable

    def readable(self) -> bool:
        return self._readable

    def writable(self) -> bool:
        return not self._readable

    def readinto(self, buffer: Any) -> int:
        return self._connection.recv_into(buffer)

    def write(self, data: Any) -> int:
        return self._connection.send(data)


def serve(
    pipe_socket: str,
    handle: Callable[[Any], None],
    threaded: bool = False,
    kind: Callable[[int, int], Any] = PipeConnection,
) -> None:
    """Call `handle` with each connection that comes through `door` and close it after that; never returns.

    One after the other, or with `threaded` each in a thread of its own. What `handle` raises ends the process, as an
    error does that a server lets through. `kind` makes the connection from the descriptors to read and to write.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(pipe_socket)
        listener.listen(BACKLOG)
        while True:
            handover, _ = listener.accept()
            with handover:
                ends = _receive_descriptors(handover)
            if len(ends) != 2:
                continue  # the client went before it had handed them over
            connection = kind(*ends)
            if threaded:
                threading.Thread(target=_serve_one, args=(handle, connection), daemon=True).start()
            else:
                _serve_one(handle, connection)


def _serve_one(handle: Callable[[Any], None], connection: Any) -> None:
    try:
        handle(connection)
    finally:
        connection.close()


def _receive_descriptors(handover: socket.socket) -> list[int]:
    ends = array.array("i")
    # PyPy does not know the flag; without it there is a moment in which a process started by the app would have them.
    flag = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
    _, ancillary, _, _ = handover.recvmsg(1, socket.CMSG_SPACE(2 * ends.itemsize), flag)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            ends.frombytes(data[: len(data) - len(data) % ends.itemsize])
    for each in ends:
        os.set_inheritable(each, False)
    return list(ends)
