"""Clients that have gone before the server accepts their connection: it was busy for a moment, and they gave up.

The server is stopped (SIGSTOP), so that this does not depend on luck. The kernel connects the clients meanwhile, and
hands the server connections that are already reset. getpeername(), and every write, then fails (accept(2)).
"""

from __future__ import annotations

import contextlib
import signal
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from wsgi_gauntlet.harness.http.client_tls import client_hello
from wsgi_gauntlet.harness.http.http_connection import connect, create_stream_socket, send_all
from wsgi_gauntlet.harness.load.clients.behaviours import browser_head
from wsgi_gauntlet.harness.server.process import procfs

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

STOP_SECONDS = 1.0
"""Seconds in which all processes must have stopped, and in which a client must be connected."""

LINGER_ZERO = struct.pack("ii", 1, 0)
"""SO_LINGER with zero seconds: closing sends RST (socket(7))."""


async def disconnect_in_queue(running: ServerUnderTest, count: int) -> int:
    """Let `count` clients connect to the stopped server, send a whole request and reset; return how many did.

    Over TLS they send the first message of the handshake: nobody answers it. Raises Unsupported if the harness cannot
    see the processes of the server, OutOfResources if this machine has no resources left.
    """
    gone = 0
    async with stopped(running):
        with trio.move_on_after(STOP_SECONDS), contextlib.suppress(OSError):
            for _ in range(count):
                await _connect_and_reset(running)
                gone += 1
    return gone


@contextlib.asynccontextmanager
async def stopped(running: ServerUnderTest) -> AsyncIterator[None]:
    """Stop all processes of the server for the block."""
    pids = running.processes()
    try:
        for pid in pids:
            procfs.send_signal(pid, signal.SIGSTOP, running.processes)
        with trio.move_on_after(STOP_SECONDS):
            while len(procfs.stopped_pids(pids)) < len(pids):  # noqa: ASYNC110 - the kernel tells nobody
                await trio.sleep(0.005)
        yield
    finally:
        for pid in pids:
            procfs.send_signal(pid, signal.SIGCONT, running.processes)


async def _connect_and_reset(running: ServerUnderTest) -> None:
    address = running.address
    request = (
        client_hello(address)
        if address.tls
        else browser_head(f"{running.reference_app_path}/page?n=gone", address.authority)
    )
    plain = create_stream_socket(address)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
    with await connect(plain, replace(address, tls=False)) as sock:
        await send_all(sock, request)
