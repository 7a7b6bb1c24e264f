"""What a case is given: connections to the server, requests that reach the reference app, and what the app saw.

One Exchange serves one attempt at one case. It records everything into one transcript, so that the verdict's evidence
is complete without the case doing anything for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
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
    from wsgi_gauntlet.harness.server.instance import ServerInstance

RESPONSE_TIMEOUT_SECONDS = 5.0
"""Seconds to wait for what a good server does at once. Generous: only a failing case ever waits it out."""

EVENT_DRAIN_SECONDS = 0.5
"""Seconds for an event that must have been sent already to come out of its socket."""

APP_CALLED_EXPECTATION = "the app to be called for a request that is answered 200"
"""What a case that never got to its own question expected."""

Headers = Iterable[tuple[str, str]]


class Exchange:
    """One attempt at one case against one running server."""

    def __init__(
        self,
        server: ServerInstance,
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

    # ------------------------------------------------------------------ the wire

    async def connect(self, *, tls: bool = True) -> Connection:
        """Open a connection of its own to the server; it is closed when the attempt ends.

        What is sent on it goes out in the attempt's pattern. Without `tls` it does so in the clear, also where the
        server speaks https.
        """
        return await self._connect(self.transcript, self.segmentation, tls=tls)

    async def _connect(self, transcript: Transcript, segmentation: Segmentation, *, tls: bool = True) -> Connection:
        address = self.server.address
        connection = await Connection.open(replace(address, tls=address.tls and tls), transcript, segmentation)
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

        Content-Length is added where `body` is given and no header frames it already.
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
        """The page of the user's own app that is asked for, with --path."""
        return self.server.plan.page

    def target(self, path: str) -> str:
        """Return `path` below the mount that the server was set up with."""
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
        """Send one well-formed request on a connection of its own and return the answer, then close it."""
        connection = await self.connect()
        await connection.send(self.request(target, method=method, headers=headers, body=body, version=version))
        response = await connection.response(head=method == "HEAD")
        await connection.close()
        return response

    # ------------------------------------------------------------------ the app

    async def event(self, kind: str, *, timeout: float = RESPONSE_TIMEOUT_SECONDS, count: int = 1) -> AppEvent:
        """Wait for the app's `count`-th event of that kind in this attempt and return it.

        Raises trio.TooSlowError after `timeout` seconds: the case decides what that means.
        """
        try:
            with trio.fail_after(timeout) as patience:
                async with background_nursery() as nursery:
                    nursery.start_soon(self._shorten_timeout_on_exit, patience)
                    return await self.server.channel.wait(
                        self._mark, lambda e: e.kind == kind and self._belongs_to_attempt(e), count
                    )
        except trio.TooSlowError:
            self.transcript.time_sensitive = True
            raise
        raise AssertionError  # `beside` swallows nothing

    async def _shorten_timeout_on_exit(self, patience: trio.CancelScope) -> None:
        # What a server's processes have sent by their end is in the socket already.
        if await self.server.wait_for_end(patience.deadline - trio.current_time()):
            patience.deadline = min(patience.deadline, trio.current_time() + EVENT_DRAIN_SECONDS)

    def events(self, kind: str | None = None) -> list[AppEvent]:
        """Return what the app has reported in this attempt so far, in the order of its clock."""
        self._require_no_lost_events()
        return [
            e
            for e in self.server.channel.since(self._mark)
            if self._belongs_to_attempt(e) and kind in (None, e.kind) and e.detail.get("path") != "/sync"
        ]

    async def calls(self) -> list[AppEvent]:
        """Return the app's calls in this attempt, after a fence request made sure that none is still on its way.

        Connections that could hold a single-threaded server are to be closed first.
        """
        await self.send_sync_request()
        return self.events("called")

    async def app(self, target: str = "/echo", **request: Any) -> AppEvent:
        """Send one well-formed request and return the app's `called` event for it (detail: environ and the like).

        Raises Skipped where the server does not answer or refuses: other cases tell of that. Raises Violation where it
        answers 200 and has not called the app.
        """
        response = await self.get(target, **request)
        try:
            # The app tells before it answers: once an answer has begun there is nothing left to wait for.
            return await self.event(
                "called", timeout=RESPONSE_TIMEOUT_SECONDS if response.status is None else EVENT_DRAIN_SECONDS
            )
        except trio.TooSlowError:
            await self.fail_app_not_called(response)

    async def fail_app_not_called(self, response: Response) -> NoReturn:
        """End the case: `answer` came to a well-formed request for the app, and no word of a call.

        Raises Violation where the answer is 200: then the server gave it by itself. Skipped where it is another, and
        EventsLost where the app's word may have been lost.
        """
        await self.server.channel.read_pending()
        self._require_no_lost_events()
        if response.status == 200 and response.complete and await self.send_sync_request():
            raise Violation(
                APP_CALLED_EXPECTATION,
                f"{response.describe()}, and the app was not called; for the next request it was",
            )
        raise Skipped(f"the app was not called for a plain request; the answer was {response.describe()}")

    async def send_sync_request(self) -> bool:
        """Send a request of the harness's own and wait until the app has answered it; says whether it did.

        The app sends its events before it answers, so whatever it saw earlier has arrived by then. Raises EventsLost
        where it answered and its word of that did not arrive, Violation where the server answered in its place.
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
            return True
        self.transcript.time_sensitive = True
        return False

    async def _explain_missing_event(self, response: Response) -> NoReturn:
        """Say who gave `answer`, a 200 without the app's word: the server by itself, or an app that was not heard."""
        channel = self.server.channel
        mark, token = channel.mark(), secrets.token_hex(4)
        connection = await self._connect(self.transcript, Segmentation.WHOLE)
        await connection.send(self.request("/echo", headers=[("Connection", "close")], token=token))
        await connection.response()
        await connection.close()
        await channel.read_pending()
        app_reported = any(event.token == token for event in channel.since(mark))
        # A word that was lost before it shows as a gap in the numbering now.
        self._require_no_lost_events()
        if app_reported:
            how = "for the next request it was, and none of its words is missing"
            raise Violation(APP_CALLED_EXPECTATION, f"{response.describe()}, and the app was not called; {how}")
        if why := channel.failure_message(0):
            raise EventsLost(why)
        if response.body != f"gauntlet {self.token}\n".encode():
            raise Violation(
                APP_CALLED_EXPECTATION,
                f"{response.describe()}, which the app does not answer: {format_value(response.body)}",
            )
        raise EventsLost("the app answered but its word of that did not arrive; run the case again")

    async def alive(self) -> bool:
        """Say whether the server answers a plain request on a new connection, as it must after any abuse."""
        return await self.send_sync_request()

    def release(self, barrier: str) -> None:
        """Let the app go on past `barrier`, now or when it gets there (`hold=` in a target, see suites/apps)."""
        self.server.channel.release(f"{self.token}:{barrier}")

    # ------------------------------------------------------------------ the server

    async def log(self, needle: str, *, timeout: float = 2.0) -> bool:
        """Say whether `needle` comes up in the server's log of this attempt within `timeout` seconds."""
        with trio.move_on_after(timeout):
            while needle not in self.server.log_since(self._log_mark):
                await self.server.wait_for_log()
            return True
        self.transcript.time_sensitive = True
        return needle in self.server.log_since(self._log_mark)

    def log_text(self) -> str:
        """Return the server's log of this attempt."""
        return self.server.log_since(self._log_mark)

    def unsupported(self, why: str) -> None:
        """End the case: the server has no such thing, and need not."""
        raise Unsupported(why)

    def skip(self, dependency: str) -> None:
        """End the case: something that it depends on does not work here."""
        raise Skipped(dependency)

    async def close(self) -> None:
        """Close every connection of this attempt and let every barrier go."""
        self.server.channel.release_all(self.token)
        for connection in self._connections:
            await connection.close()

    def app_events(self) -> tuple[AppEvent, ...]:
        """Return what the app has reported in this attempt, fences left out, also where some of it was lost."""
        return tuple(
            e
            for e in self.server.channel.since(self._mark)
            if self._belongs_to_attempt(e) and e.detail.get("path") != "/sync"
        )

    def _belongs_to_attempt(self, event: AppEvent) -> bool:
        # An instance runs one case at a time, so an event without a token (a request too broken to carry one)
        # belongs to it; a token of another attempt is a late guest.
        return event.token in ("", self.token) or event.token.startswith(f"{self.token}.")

    def _require_no_lost_events(self) -> None:
        if flooded := self.server.channel.flooded:
            raise EventsLost(flooded)
        if lost_count := self.server.channel.lost_count(self._mark):
            raise EventsLost(
                f"{lost_count} of the app's events did not arrive; run the case again on a quieter machine"
            )


def query(**values: object) -> str:
    """Return a query string for the reference app, `?` included."""
    return "?" + "&".join(f"{name}={quote(str(value))}" for name, value in values.items())
