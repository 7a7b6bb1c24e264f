"""A connection made of two pipes, to a server whose handler is called without a socket (see socketless.py).

The pipes are anonymous. Their far ends are handed over a Unix socket that carries nothing else: its listener is the
door. What was handed over and not yet taken is closed by the kernel when the server ends, so a connection that nobody
takes comes to its end like any other.
"""

from __future__ import annotations

import os
import socket
from array import array

import trio

PipeStream = trio.StapledStream[trio.lowlevel.FdStream, trio.lowlevel.FdStream]


async def connect(pipe_socket: str) -> PipeStream:
    """Return a connection through `door`. Raises OSError: where nobody listens, or no descriptor is left."""
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
