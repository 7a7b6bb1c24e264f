"""The tools of a case: connections to the server, requests that reach the test app, and the app events.

One Exchange serves one attempt of one case. It records everything in one transcript, so the evidence is complete
without any work of the case.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

import trio

from wsgi_gauntlet.harness.conformance.assertions import Violation, format_value
from wsgi_gauntlet.harness.errors import EventsLost, Skipped, Unsupported
from wsgi_gauntlet.harness.http.connection import Connection, Transcript
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.server.background_tasks import background_nursery

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ObservedServer

RESPONSE_TIMEOUT_SECONDS = 5.0
"""Seconds to wait for a response. A good server responds at once; only a failing case waits until the end."""

EVENT_DRAIN_SECONDS = 0.5
"""Seconds in which an event that was sent already must arrive."""

APP_CALLED_EXPECTATION = "the app to be called for a request that is answered 200"
"""The expectation of a case whose request did not reach the app."""

Headers = Iterable[tuple[str, str]]


CLOSE_TIMEOUT_SECONDS = 1.0
"""Seconds in which the connections of an attempt must close, also when the attempt was cancelled."""


class Exchange:
    """One attempt of one case on one running server."""

    def __init__(
        self,
        server: ObservedServer,
        token: str,
        transcript: Transcript,
        segmentation: Segmentation = Segmentation.WHOLE,
    ) -> None:
        self.server = server
        self.token = token
        self.transcript = transcript
        self.segmentation = segmentation
        self._mark = server.channel.begin_attempt()
        self._log_mark = server.log_position()
        self._connections: list[Connection] = []
        self._changes = len(server.history)
        self._sent_at_response = -1
        server.channel.while_waiting = self._finish_closed_connections

    # ------------------------------------------------------------------ the wire

    async def connect(self, *, tls: bool = True, source: str = "") -> Connection:
        """Open a new connection to the server; it is closed when the attempt ends.

        The requests on it are cut as the attempt's segmentation says. `tls=False` sends plain text also to a server
        that uses TLS. `source` is an address of this machine to connect from.
        """
        return await self._connect(self.transcript, self.segmentation, tls=tls, source=source)

    async def _connect(
        self, transcript: Transcript, segmentation: Segmentation, *, tls: bool = True, source: str = ""
    ) -> Connection:
        address = self.server.address
        if address.tls and not tls:
            address = replace(address, tls=False)
        connection = await Connection.open(address, transcript, segmentation, source=source)
        self._connections.append(connection)
        return connection

    def request(
        self,
        target: str = "/echo",
        *,
        method: str = "GET",
        headers: Headers = (),
        body: bytes | None = None,
        version: str = "HTTP/1.1",
        token: str | None = None,
    ) -> bytes:
        """Return a well-formed request for `target` (below the mount) as bytes, with Host and this attempt's token.

        Content-Length is added if there is a `body` and no header frames it.
        """
        header_list = list(headers)
        names = {name.lower() for name, _ in header_list}
        lines = [f"{method} {self.target(target)} {version}"]
        if "host" not in names:
            lines.append(f"Host: {self.server.address.authority}")
        lines.append(f"X-Gauntlet: {self.token if token is None else token}")
        lines += [f"{name}: {value}" for name, value in header_list]
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")

    @property
    def page(self) -> str:
        """The page of the user app that the case requests (`--app-path`)."""
        return self.server.plan.page

    def target(self, path: str) -> str:
        """Return `path` below the mount of the server."""
        return f"{self.server.settings.mount}{path}"

    async def get(
        self,
        target: str = "/echo",
        *,
        method: str = "GET",
        headers: Headers = (),
        body: bytes | None = None,
        version: str = "HTTP/1.1",
    ) -> Response:
        """Send one well-formed request on a new connection, return the response and close the connection."""
        connection = await self.connect()
        await connection.send(self.request(target, method=method, headers=headers, body=body, version=version))
        response = await connection.response(head=method == "HEAD")
        await connection.close()
        return response

    # ------------------------------------------------------------------ the app

    async def event(self, kind: str, *, timeout: float = RESPONSE_TIMEOUT_SECONDS, count: int = 1) -> AppEvent:
        """Wait for the app's `count`-th event of that kind in this attempt and return it.

        Raises trio.TooSlowError after `timeout` seconds; the case decides whether that blames the server.
        """

        def matches(event: AppEvent) -> bool:
            return event.kind == kind and self._belongs_to_attempt(event)

        if arrived := self.server.channel.arrived_event(self._mark, matches, count):
            await trio.lowlevel.checkpoint()
            return arrived
        try:
            with trio.fail_after(timeout) as scope:
                async with background_nursery() as nursery:
                    nursery.start_soon(self._shorten_timeout_on_exit, scope)
                    return await self.server.channel.wait(self._mark, matches, count)
        except trio.TooSlowError:
            self.transcript.time_sensitive = True
            # The events of a target may not have been read to the end.
            await self.server.channel.read_pending()
            self.server.channel.require_read()
            found = list(filter(matches, self.server.channel.since(self._mark)))
            if len(found) >= count:
                return found[count - 1]
            raise
        raise AssertionError  # background_nursery suppresses no error

    async def _shorten_timeout_on_exit(self, scope: trio.CancelScope) -> None:
        # After the server has ended, its last events are in the socket already.
        if await self.server.wait_for_end(scope.deadline - trio.current_time()):
            scope.deadline = min(scope.deadline, trio.current_time() + EVENT_DRAIN_SECONDS)

    def events(self, kind: str | None = None) -> list[AppEvent]:
        """Return the app events of this attempt so far, ordered by time."""
        found = self.server.channel.since(self._mark)
        self._require_no_lost_events()
        return [
            e
            for e in found
            if self._belongs_to_attempt(e) and kind in (None, e.kind) and e.detail.get("path") != "/sync"
        ]

    async def calls(self) -> list[AppEvent]:
        """Return the app's calls in this attempt, after a sync request: no event is on its way then.

        Close connections that may block a single-threaded server first.
        """
        await self.send_sync_request()
        return self.events("called")

    async def app(self, target: str = "/echo", **request: Any) -> AppEvent:
        """Send one well-formed request and return the app's `called` event for it (detail: environ and the like).

        Raises Skipped if the server does not respond or rejects the request: other cases report that. Raises Violation
        if it responds with 200 without a call of the app.
        """
        response = await self.get(target, **request)
        try:
            # The app sends its event before its response: after a response there is nothing left to wait for.
            return await self.event(
                "called", timeout=RESPONSE_TIMEOUT_SECONDS if response.status is None else EVENT_DRAIN_SECONDS
            )
        except trio.TooSlowError:
            await self.fail_app_not_called(response)

    async def fail_app_not_called(self, response: Response) -> NoReturn:
        """End the case: a well-formed request got `response`, and the app reported no call.

        Raises Violation if the response is 200: the server made it without the app. Raises Skipped for other responses,
        and EventsLost if the app event may have been lost.
        """
        await self.server.channel.read_pending()
        self._require_no_lost_events()
        if response.status == 200 and response.complete and await self.send_sync_request():
            raise Violation(
                APP_CALLED_EXPECTATION,
                f"{response.describe()}, and the app was not called; for the next request it was",
            )
        raise Skipped(f"the app was not called for a plain request; the response was {response.describe()}")

    async def send_sync_request(self) -> bool:
        """Send a request of the harness and wait for the app's response; say whether it came.

        The app sends its events before its response, so all earlier events have arrived by then. Raises EventsLost if
        the app responded and its event did not arrive, Violation if the server responded without the app.
        """
        mark = self.server.channel.mark()
        with trio.move_on_after(RESPONSE_TIMEOUT_SECONDS):
            connection = await self._connect(self.transcript, Segmentation.WHOLE)
            await connection.send(self.request("/sync", headers=[("Connection", "close")]))
            response = await connection.response()
            await connection.close()
            await self.server.channel.read_pending()
            self._require_no_lost_events()
            if response.status != 200:
                return False
            if not any(self._belongs_to_attempt(e) for e in self.server.channel.since(mark)):
                await self._explain_missing_event(response)
            idle = all(each.closed for each in self._connections) and not self.server.channel.any_waits
            self._sent_at_response = self.transcript.send_count if idle else -1
            return True
        self.transcript.time_sensitive = True
        return False

    async def _explain_missing_event(self, response: Response) -> NoReturn:
        """Find out who made `response`, a 200 without an app event: the server, or an app whose events were lost."""
        channel = self.server.channel
        mark, token = channel.mark(), secrets.token_hex(4)
        connection = await self._connect(self.transcript, Segmentation.WHOLE)
        await connection.send(self.request("/echo", headers=[("Connection", "close")], token=token))
        await connection.response()
        await connection.close()
        await channel.read_pending()
        app_reported = any(event.token == token for event in channel.since(mark))
        # An earlier event that was lost is a gap in the sequence numbers now.
        self._require_no_lost_events()
        if app_reported:
            how = "for the next request it was, and none of its events is missing"
            raise Violation(APP_CALLED_EXPECTATION, f"{response.describe()}, and the app was not called; {how}")
        if why := channel.failure_message(0):
            raise EventsLost(why)
        if response.body != f"gauntlet {self.token}\n".encode():
            raise Violation(
                APP_CALLED_EXPECTATION,
                f"{response.describe()}, with a body that the app does not send: {format_value(response.body)}",
            )
        raise EventsLost("the app responded but its event did not arrive; run the case again")

    async def alive(self) -> bool:
        """Say whether the server responds to a plain request on a new connection, as it must after any request."""
        return await self.send_sync_request()

    @property
    def responded_last(self) -> bool:
        """Whether the last that happened was a response to a plain request, when nothing else was left to be done."""
        return self._sent_at_response == self.transcript.send_count and self._changes == len(self.server.history)

    def release(self, barrier: str) -> None:
        """Let the app go on past `barrier`, now or when it arrives there (`hold=` in a target, see suites/testapp)."""
        self.server.channel.release(f"{self.token}:{barrier}")

    # ------------------------------------------------------------------ the server

    async def log(self, needle: str, *, timeout: float = 2.0) -> bool:
        """Say whether `needle` appears in the server's log of this attempt within `timeout` seconds."""
        self._require_log()
        with trio.move_on_after(timeout):
            while needle not in self.server.log_since(self._log_mark):
                await self.server.wait_for_log()
            return True
        self.transcript.time_sensitive = True
        return needle in self.server.log_since(self._log_mark)

    def log_text(self) -> str:
        """Return the server's log of this attempt. Raises Unsupported if nobody can read it."""
        self._require_log()
        return self.server.log_since(self._log_mark)

    def _require_log(self) -> None:
        if not self.server.log_visible:
            raise Unsupported("somebody else started this server, and the harness cannot read its log")

    def unsupported(self, why: str) -> None:
        """End the case: the server has no such feature and needs none."""
        raise Unsupported(why)

    def skip(self, dependency: str) -> None:
        """End the case: `dependency` does not work on this server."""
        raise Skipped(dependency)

    async def close(self) -> None:
        """Close all connections of this attempt and release all barriers."""
        self.server.channel.release_all(self.token)
        for connection in self._connections:
            await connection.close()

    def _finish_closed_connections(self) -> None:
        for connection in self._connections:
            connection.finish_if_server_closed()

    def app_events(self) -> tuple[AppEvent, ...]:
        """Return the app events of this attempt without sync requests, also if some events were lost."""
        return tuple(
            e
            for e in self.server.channel.since(self._mark)
            if self._belongs_to_attempt(e) and e.detail.get("path") != "/sync"
        )

    def _belongs_to_attempt(self, event: AppEvent) -> bool:
        # An instance runs one case at a time, so an event without a token (the request was too broken for one) belongs
        # to this attempt. An event with the token of another attempt is late.
        return event.token in ("", self.token) or event.token.startswith(f"{self.token}.")

    def _require_no_lost_events(self) -> None:
        self.server.channel.require_read()
        if flooded := self.server.channel.flooded:
            raise EventsLost(flooded)
        if lost_count := self.server.channel.lost_count(self._mark):
            raise EventsLost(
                f"{lost_count} of the app's events did not arrive; run the case again on a quieter machine"
            )


@asynccontextmanager
async def open_exchange(
    server: ObservedServer, transcript: Transcript | None = None, segmentation: Segmentation = Segmentation.WHOLE
) -> AsyncIterator[Exchange]:
    """Begin an attempt on `server`, and close its connections at the end of the block."""
    exchange = Exchange(server, secrets.token_hex(4), transcript or Transcript(), segmentation)
    server.responded_last = False
    try:
        yield exchange
    finally:
        server.responded_last = exchange.responded_last
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_TIMEOUT_SECONDS):
            await exchange.close()


def query(**values: object) -> str:
    """Return a query string for the test app, with the `?`."""
    return "?" + "&".join(f"{name}={quote(str(value))}" for name, value in values.items())
