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

from ..errors import EventsLost, Skipped, Unsupported
from ..expect import Violation, show
from ..model import AppEvent
from ..response import Response
from ..tasks import beside
from ..wire import Transcript, Wire
from .patterns import Pattern

if TYPE_CHECKING:
    from ..launch import Running

PATIENCE = 5.0
"""Seconds to wait for what a good server does at once. Generous: only a failing case ever waits it out."""

SETTLED = 0.5
"""Seconds for an event that must have been sent already to come out of its socket."""

CALLED = "the app to be called for a request that is answered 200"
"""What a case that never got to its own question expected."""

Headers = Iterable[tuple[str, str]]


class Exchange:
    """One attempt at one case against one running server."""

    def __init__(self, server: Running, token: str, transcript: Transcript, pattern: Pattern = Pattern.WHOLE) -> None:
        self.server = server
        self.token = token
        self.transcript = transcript
        self.pattern = pattern
        self._mark = server.channel.begin()
        self._log_mark = server.log_mark()
        self._wires: list[Wire] = []

    # ------------------------------------------------------------------ the wire

    async def connect(self, *, tls: bool = True) -> Wire:
        """Open a connection of its own to the server; it is closed when the attempt ends.

        What is sent on it goes out in the attempt's pattern. Without `tls` it does so in the clear, also where the
        server speaks https.
        """
        return await self._connect(self.transcript, self.pattern, tls=tls)

    async def _connect(self, transcript: Transcript, pattern: Pattern, *, tls: bool = True) -> Wire:
        address = self.server.address
        wire = await Wire.open(replace(address, tls=address.tls and tls), transcript, pattern)
        self._wires.append(wire)
        return wire

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
        given = list(headers)
        names = {name.lower() for name, _ in given}
        lines = [f"{method} {self.target(target)} {version}"]
        if "host" not in names:
            lines.append(f"Host: {self.server.address.authority}")
        lines.append(f"X-Gauntlet: {self.token if token is None else token}")
        lines += [f"{name}: {value}" for name, value in given]
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
        wire = await self.connect()
        await wire.send(self.request(target, method=method, headers=headers, body=body, version=version))
        answer = await wire.response(head=method == "HEAD")
        await wire.close()
        return answer

    # ------------------------------------------------------------------ the app

    async def event(self, kind: str, *, timeout: float = PATIENCE, count: int = 1) -> AppEvent:
        """Wait for the app's `count`-th event of that kind in this attempt and return it.

        Raises trio.TooSlowError after `timeout` seconds: the case decides what that means.
        """
        try:
            with trio.fail_after(timeout) as patience:
                async with beside() as nursery:
                    nursery.start_soon(self._give_up_with_the_server, patience)
                    return await self.server.channel.wait(self._mark, lambda e: e.kind == kind and self._ours(e), count)
        except trio.TooSlowError:
            self.transcript.timed = True
            raise
        raise AssertionError  # `beside` swallows nothing

    async def _give_up_with_the_server(self, patience: trio.CancelScope) -> None:
        # What a server's processes have sent by their end is in the socket already.
        if await self.server.end_within(patience.deadline - trio.current_time()):
            patience.deadline = min(patience.deadline, trio.current_time() + SETTLED)

    def events(self, kind: str | None = None) -> list[AppEvent]:
        """Return what the app has reported in this attempt so far, in the order of its clock."""
        self._refuse_loss()
        return [
            e
            for e in self.server.channel.since(self._mark)
            if self._ours(e) and kind in (None, e.kind) and e.detail.get("path") != "/fence"
        ]

    async def calls(self) -> list[AppEvent]:
        """Return the app's calls in this attempt, after a fence request made sure that none is still on its way.

        Connections that could hold a single-threaded server are to be closed first.
        """
        await self.fence()
        return self.events("called")

    async def app(self, target: str = "/echo", **request: Any) -> AppEvent:
        """Send one well-formed request and return the app's `called` event for it (detail: environ and the like).

        Raises Skipped where the server does not answer or refuses: other cases tell of that. Raises Violation where it
        answers 200 and has not called the app.
        """
        answer = await self.get(target, **request)
        try:
            # The app tells before it answers: once an answer has begun there is nothing left to wait for.
            return await self.event("called", timeout=PATIENCE if answer.status is None else SETTLED)
        except trio.TooSlowError:
            await self.not_called(answer)

    async def not_called(self, answer: Response) -> NoReturn:
        """End the case: `answer` came to a well-formed request for the app, and no word of a call.

        Raises Violation where the answer is 200: then the server gave it by itself. Skipped where it is another, and
        EventsLost where the app's word may have been lost.
        """
        await self.server.channel.settle()
        self._refuse_loss()
        if answer.status == 200 and answer.complete and await self.fence():
            raise Violation(CALLED, f"{answer.describe()}, and the app was not called; for the next request it was")
        raise Skipped(f"the app was not called for a plain request; the answer was {answer.describe()}")

    async def fence(self) -> bool:
        """Send a request of the harness's own and wait until the app has answered it; says whether it did.

        The app sends its events before it answers, so whatever it saw earlier has arrived by then. Raises EventsLost
        where it answered and its word of that did not arrive, Violation where the server answered in its place.
        """
        mark = self.server.channel.mark()
        with trio.move_on_after(PATIENCE):
            wire = await self._connect(self.transcript, Pattern.WHOLE)
            await wire.send(self.request("/fence", headers=[("Connection", "close")]))
            answer = await wire.response()
            await wire.close()
            await self.server.channel.settle()
            self._refuse_loss()
            if answer.status != 200:
                return False
            if not any(self._ours(e) for e in self.server.channel.since(mark)):
                await self._unheard(answer)
            return True
        self.transcript.timed = True
        return False

    async def _unheard(self, answer: Response) -> NoReturn:
        """Say who gave `answer`, a 200 without the app's word: the server by itself, or an app that was not heard."""
        channel = self.server.channel
        mark, token = channel.mark(), secrets.token_hex(4)
        wire = await self._connect(self.transcript, Pattern.WHOLE)
        await wire.send(self.request("/echo", headers=[("Connection", "close")], token=token))
        await wire.response()
        await wire.close()
        await channel.settle()
        heard = any(event.token == token for event in channel.since(mark))
        # A word that was lost before it shows as a gap in the numbering now.
        self._refuse_loss()
        if heard:
            how = "for the next request it was, and none of its words is missing"
            raise Violation(CALLED, f"{answer.describe()}, and the app was not called; {how}")
        if why := channel.broken(0):
            raise EventsLost(why)
        if answer.body != f"gauntlet {self.token}\n".encode():
            raise Violation(CALLED, f"{answer.describe()}, which the app does not answer: {show(answer.body)}")
        raise EventsLost("the app answered but its word of that did not arrive; run the case again")

    async def alive(self) -> bool:
        """Say whether the server answers a plain request on a new connection, as it must after any abuse."""
        return await self.fence()

    def release(self, barrier: str) -> None:
        """Let the app go on past `barrier`, now or when it gets there (`hold=` in a target, see suites/apps)."""
        self.server.channel.release(f"{self.token}:{barrier}")

    # ------------------------------------------------------------------ the server

    async def log(self, needle: str, *, timeout: float = 2.0) -> bool:
        """Say whether `needle` comes up in the server's log of this attempt within `timeout` seconds."""
        with trio.move_on_after(timeout):
            while needle not in self.server.log_since(self._log_mark):
                await self.server.log_grew()
            return True
        self.transcript.timed = True
        return needle in self.server.log_since(self._log_mark)

    def log_so_far(self) -> str:
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
        for wire in self._wires:
            await wire.close()

    def app_events(self) -> tuple[AppEvent, ...]:
        """Return what the app has reported in this attempt, fences left out, also where some of it was lost."""
        return tuple(
            e for e in self.server.channel.since(self._mark) if self._ours(e) and e.detail.get("path") != "/fence"
        )

    def _ours(self, event: AppEvent) -> bool:
        # An instance runs one case at a time, so an event without a token (a request too broken to carry one)
        # belongs to it; a token of another attempt is a late guest.
        return event.token in ("", self.token) or event.token.startswith(f"{self.token}.")

    def _refuse_loss(self) -> None:
        if flooded := self.server.channel.flooded:
            raise EventsLost(flooded)
        if lost := self.server.channel.lost(self._mark):
            raise EventsLost(f"{lost} of the app's events did not arrive; run the case again on a quieter machine")


def query(**values: object) -> str:
    """Return a query string for the reference app, `?` included."""
    return "?" + "&".join(f"{name}={quote(str(value))}" for name, value in values.items())
