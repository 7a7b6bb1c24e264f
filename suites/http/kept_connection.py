"""A client that sends many requests one after the other, on one connection as long as the server keeps it."""

from __future__ import annotations

import json
from typing import Any

from wsgi_gauntlet.harness.conformance.assertions import Violation, format_value
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.connection import Connection
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response

RESPONSE_TIMEOUT_SECONDS = 3.0
"""Seconds without a byte after which a response is given up. A good server needs milliseconds."""

CONTINUE_TIMEOUT_SECONDS = 1.0
"""Seconds in which a 100 must come."""


class KeptConnection:
    """One connection after the other: a new one if the server closed the last one.

    `got_continue` says whether the server sent 100 (Continue) for the last request, `requests_before` how many requests
    its connection had carried before it.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._connection: Connection | None = None
        self.requests_before = 0
        self.got_continue = False

    async def ask(self, request: bytes, *, head: bool = False, body: bytes | None = None) -> Response:
        """Send `request` and return its response; `head` says that it is a HEAD.

        `body` is sent after the server's 100 (Continue). A server may close a kept connection at any time: a request
        without any response is sent again on a new connection.
        """
        kept = self._connection is not None
        response = await self._ask_once(request, body, head=head)
        if kept and response.is_empty and response.ended is not ConnectionState.OPEN:
            response = await self._ask_once(request, body, head=head)
        return response

    async def _ask_once(self, request: bytes, body: bytes | None, *, head: bool) -> Response:
        if self._connection is None:
            self._connection, self.requests_before = await self._exchange.connect(), -1
        self.requests_before += 1
        connection = self._connection
        await connection.send(request)
        if body is not None:
            beginning = await connection.receive_until(b"\r\n\r\n", timeout=CONTINUE_TIMEOUT_SECONDS)
            self.got_continue = beginning.startswith(b"HTTP/1.1 100")
            if beginning and not self.got_continue:
                await self.close()
                return Response(raw=beginning)
            await connection.send(body)
        response = await connection.response(head=head, timeout=RESPONSE_TIMEOUT_SECONDS)
        if not response.complete or response.announces_close:
            await self.close()
        return response

    async def close(self) -> None:
        """Close the connection. The next request opens a new one."""
        if self._connection is not None:
            await self._connection.close()
        self._connection = None


def fingerprint_of(response: Response) -> dict[str, Any]:
    """Return what the behaviour /fingerprint saw. Raises Violation if the response is not the app's."""
    try:
        found = json.loads(response.body) if response.complete else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Violation("the app's response", f"{response.describe()}: {format_value(response.body)}")
    return found
