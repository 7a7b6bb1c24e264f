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

PipedStream = trio.StapledStream[trio.lowlevel.FdStream, trio.lowlevel.FdStream]


async def connect(door: str) -> PipedStream:
    """Return a connection through `door`. Raises OSError: where nobody listens, or no descriptor is left."""
    ours: list[int] = []
    theirs: list[int] = []
    try:
        for outward in (True, False):
            reading, writing = os.pipe2(os.O_CLOEXEC)
            ours.append(writing if outward else reading)
            theirs.append(reading if outward else writing)
        with trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door_keeper:
            await door_keeper.connect(door)
            await door_keeper.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", theirs))])
    except BaseException:
        for each in ours:
            os.close(each)
        raise
    finally:
        for each in theirs:
            os.close(each)
    return trio.StapledStream(*map(trio.lowlevel.FdStream, ours))
