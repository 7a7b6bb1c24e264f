"""Send the bytes of one connection to a running server, and observe its reaction.

Silence is no time-out: the server is silent if it sent nothing while none of its threads ran for a while. A server that
got no processor is not mistaken for a silent one. The client never half-closes the connection: many servers then drop
a response that they have not sent yet. It sends a following request instead, if a response came:

    input -> responses, until one is whole or the server is silent -> next request -> responses, until the end
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.errors import EventsLost
from wsgi_gauntlet.harness.fuzz.observation import (
    NEXT_REQUEST,
    Observation,
    is_head_request,
    observation,
    parse_responses,
)
from wsgi_gauntlet.harness.http.connection import Connection, Transcript
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response
from wsgi_gauntlet.harness.server.process.activity import any_runs
from wsgi_gauntlet.harness.server.process.procfs import exists
from wsgi_gauntlet.harness.server.server_under_test import ObservedServer

SAMPLE_SECONDS = 0.01
"""Seconds between two looks at the threads of the server."""

END_SECONDS = 0.2
"""Seconds in which the harness learns how a server ended after its process has gone."""

PROCESS_ENDED = "one of its processes"
"""The end of a server that starts another process in place of the one that ended."""


@dataclass(frozen=True)
class Patience:
    """How long silence lasts. `idle_seconds`: no thread of the server ran for so long. `most_seconds` bounds the wait
    for a server that never stops working. `settle_seconds`: the same as `idle_seconds` after the end of the
    connection, when only app events can follow."""

    idle_seconds: float = 0.06
    most_seconds: float = 3.0
    settle_seconds: float = 0.0


QUICK = Patience()
"""For the first look at an input. Some servers look for new bytes every 10 ms."""

PATIENT = Patience(idle_seconds=0.5, most_seconds=5.0, settle_seconds=0.05)
"""For the confirmation of a difference. It is less than the time-outs of all known servers."""


async def probe(server: ObservedServer, data: bytes, patience: Patience = QUICK) -> Observation:
    """Send `data` on a new connection to `server` and return its reaction. Only one probe may use a server at a time.

    A server that ended is in the result, and the caller must restart it. Raises ConnectFailed if it takes no
    connection, EventsLost if app events are missing.
    """
    server.channel.begin_attempt()
    connection = await Connection.open(server.address, Transcript())
    try:
        return await observe(server, connection, data, patience)
    finally:
        await connection.close()


async def observe(
    server: ObservedServer, connection: Connection, data: bytes, patience: Patience = QUICK
) -> Observation:
    """Send `data` on the open `connection`, close it and return the reaction, as `probe` does."""
    channel = server.channel
    mark = channel.mark()
    pids = server.visible_processes()
    reader = _Reader(server, connection, data, patience)
    await reader.run()
    await connection.close()
    busy = not await reader.wait_until_idle(reader.settle_seconds)
    await channel.read_pending()
    channel.require_read()
    if lost := channel.lost_count(mark):
        raise EventsLost(f"{lost} of the app's events did not arrive; run it again on a quieter machine")
    return observation(
        channel.since(mark),
        reader.responses,
        reader.state,
        waited=reader.waited,
        ended=await _end_of(server, pids),
        busy=busy,
    )


async def _end_of(server: ObservedServer, pids: Iterable[int]) -> str:
    """Return how the server, or one of its processes `pids`, ended; '' if all of them still run."""
    if not server.ended and all(map(exists, pids)):
        return ""
    return await server.wait_for_end(END_SECONDS) or PROCESS_ENDED


class _Reader:
    """Read the responses on one connection, and send the next request at the right moment."""

    def __init__(self, server: ObservedServer, connection: Connection, data: bytes, patience: Patience) -> None:
        self._server = server
        self._connection = connection
        self._data = data
        self._patience = patience
        self._received = b""
        self._next_sent = self._announced_close = False
        self.waited = False
        self.state = ConnectionState.OPEN

    @property
    def responses(self) -> list[Response]:
        """The responses so far."""
        return parse_responses(self._received, head=is_head_request(self._data), ended=self.state)

    @property
    def settle_seconds(self) -> float:
        """How long the server must be idle after the end of the connection."""
        # If the connection was open, the server learns only now that no more bytes come, and may call the app.
        if self.state is ConnectionState.OPEN:
            return max(self._patience.settle_seconds, SAMPLE_SECONDS)
        return self._patience.settle_seconds

    async def run(self) -> None:
        """Send everything, and read until the end of the connection or silence."""
        await self._connection.send(self._data)
        while True:
            piece = await self._receive()
            if piece:
                self._received += piece
                await self._after_response()
            elif piece is None and self._received and not self._next_sent and not self._announced_close:
                await self._send_next()
            else:
                self.waited = piece is None and not self._received
                self.state = ConnectionState.OPEN if piece is None else ConnectionState.EOF
                return

    async def _after_response(self) -> None:
        last = self.responses[-1]
        if not last.complete or self._next_sent:
            return
        # A client must not send a request after a response that says close (RFC 9112, section 9.6).
        self._announced_close = last.announces_close
        if not self._announced_close:
            await self._send_next()

    async def _send_next(self) -> None:
        self._next_sent = True
        await self._connection.send(NEXT_REQUEST)

    async def _receive(self) -> bytes | None:
        """Return new bytes, b'' at the end of the connection, None if the server is silent."""
        deadline = time.monotonic() + self._patience.most_seconds
        idle = 0.0
        while idle < self._patience.idle_seconds and time.monotonic() < deadline:
            with trio.move_on_after(SAMPLE_SECONDS) as scope:
                return await self._connection.receive_some(SAMPLE_SECONDS * 10)
            assert scope.cancelled_caught
            idle = 0.0 if self._server_runs() else idle + SAMPLE_SECONDS
        return None

    async def wait_until_idle(self, seconds: float) -> bool:
        """Wait until no thread of the server has run for `seconds`; return whether that happened in time."""
        deadline = time.monotonic() + self._patience.most_seconds
        idle = -SAMPLE_SECONDS
        while idle < seconds:
            if self._server.ended:
                return True
            if time.monotonic() > deadline:
                return False
            if self._server_runs():
                idle = -SAMPLE_SECONDS
            else:
                idle += SAMPLE_SECONDS
                if idle >= seconds:
                    return True
            await trio.sleep(SAMPLE_SECONDS if idle > -SAMPLE_SECONDS else SAMPLE_SECONDS / 5)
        return True

    def _server_runs(self) -> bool:
        # The list is read each time: a server may start a process for the request.
        return any_runs(self._server.visible_processes())
