"""The server's side of connections that are pipes: it calls the server's own request handler without a socket.

An adapter puts the text of this file beside the script that it starts. So the file stands alone: the standard library,
Python 3.8 or newer. The handler runs in the server's process. It gets a `PipeConnection`, which reads and writes like a
socket and has no address, options, time-out or descriptor.
"""

from __future__ import annotations

import array
import io
import os
import socket
import threading
from collections.abc import Callable
from typing import BinaryIO

BACKLOG = 128
"""Connections that may wait for a handler that serves one at a time."""


class PipeConnection:
    """The part of a socket's interface that request handlers use, on two pipes."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._closed = False

    def makefile(self, mode: str = "r", buffering: int = -1, **_: object) -> BinaryIO:
        """Return a file that reads ('rb') or writes ('wb') the connection, as `socket.makefile` does."""
        raw = _RawPipe(self, "r" in mode)
        if buffering == 0:
            return raw  # type: ignore[return-value]
        size = buffering if buffering > 0 else io.DEFAULT_BUFFER_SIZE
        return io.BufferedReader(raw, size) if "r" in mode else io.BufferedWriter(raw, size)  # type: ignore[type-var]

    def recv(self, size: int, _flags: int = 0) -> bytes:
        """Return the received data, at most `size` bytes; b'' after the client ended its side."""
        return os.read(self._reading, size)

    def recv_into(self, buffer: bytearray | memoryview, size: int = 0, _flags: int = 0) -> int:
        """Put the result of `recv` into `buffer` and return its length."""
        view = memoryview(buffer).cast("B")
        data = os.read(self._reading, min(size, len(view)) or len(view))
        view[: len(data)] = data
        return len(data)

    def send(self, data: bytes | memoryview, _flags: int = 0) -> int:
        """Send a part of `data` and return its length in bytes. Raises BrokenPipeError if the client has gone."""
        return os.write(self._writing, data)

    def sendall(self, data: bytes | memoryview, _flags: int = 0) -> None:
        """Send all of `data`, however slowly the client reads it."""
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[os.write(self._writing, rest) :]

    def settimeout(self, seconds: float | None) -> None:
        """Do nothing: reads and writes have no time-out here."""

    def setsockopt(self, *_: object) -> None:
        """Do nothing: there is no socket that could have options."""

    def close(self) -> None:
        """Close both directions. A second call does nothing."""
        if not self._closed:
            self._closed = True
            # An old reference to this object must not reach the descriptors of a later connection.
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

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # Buffer is of Python 3.12
        return self._connection.recv_into(buffer)

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]  # likewise
        return self._connection.send(data)


def serve(
    pipe_socket: str,
    handle: Callable[[PipeConnection], None],
    threaded: bool = False,
    kind: Callable[[int, int], PipeConnection] = PipeConnection,
) -> None:
    """Call `handle` with each connection that comes through `pipe_socket`, then close it; never return.

    Connections are served one at a time, or with `threaded` each in its own thread. An error of `handle` ends the
    process, as an error that a server does not catch. `kind` makes a connection from its two descriptors.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(pipe_socket)
        listener.listen(BACKLOG)
        while True:
            handover, _ = listener.accept()
            with handover:
                ends = _receive_descriptors(handover)
            if len(ends) != 2:
                continue  # the client went before it had sent them
            connection = kind(*ends)
            if threaded:
                threading.Thread(target=_serve_one, args=(handle, connection), daemon=True).start()
            else:
                _serve_one(handle, connection)


def _serve_one(handle: Callable[[PipeConnection], None], connection: PipeConnection) -> None:
    try:
        handle(connection)
    finally:
        connection.close()


def _receive_descriptors(handover: socket.socket) -> list[int]:
    ends = array.array("i")
    # PyPy lacks the flag; without it a process that the app starts at this moment would inherit the descriptors.
    flag = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
    _, ancillary, _, _ = handover.recvmsg(1, socket.CMSG_SPACE(2 * ends.itemsize), flag)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            ends.frombytes(data[: len(data) - len(data) % ends.itemsize])
    for each in ends:
        os.set_inheritable(each, False)
    return list(ends)
