"""Verbs that the http cases share: ask on one connection, then tell whether the request was refused or served.

Every case is judged on three things together: the answer, what the app saw, and what becomes of a second request on
the same connection.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn

import trio

from ...harness import expect
from ...harness.attempts.exchange import Exchange
from ...harness.expect import Violation
from ...harness.model import AppEvent
from ...harness.response import Ending, Response
from ...harness.wire import ConnectFailed, Wire

PATIENCE = 1.5
"""Seconds to wait for an answer or an end. A good server needs milliseconds: only a failing case waits so long.

Less than the 2 s after which gunicorn ends a connection that lies idle: that is no answer to what came on it."""

SURVIVAL = 3.0
"""Seconds in which a plain request on a new connection must be served after whatever a case did."""

REFUSED = range(400, 500)
"""The statuses that tell a client that its request was at fault."""

TO_END = "/read?to=end"
"""The app's reader for a body whose end the coding tells: without Content-Length it reads on until its input ends."""

UNDELIMITED = (400, 501)
"""What RFC 9112 asks for where the end of a body cannot be known (section 6.3) or its coding is unknown (6.1)."""


@dataclass(frozen=True)
class Seen:
    """What came of one request: its answer, a plain second request's answer on the same connection, and the app's side.

    `after` is None where no second request was to be tried; `went_on` says that the app was called for it. `calls`
    and `bodies` are the app's events `called` and `body`, those of the second request left out.
    """

    answer: Response
    after: Response | None
    ending: Ending
    calls: tuple[AppEvent, ...]
    bodies: tuple[AppEvent, ...]
    went_on: bool

    @property
    def closed(self) -> bool:
        """Whether the connection ended with the answer, and nothing more came on it."""
        ended = self.after is None or self.after.status is None
        return self.ending is not Ending.OPEN and ended and not self.went_on

    def describe(self) -> str:
        """Return answer and app's side in one sentence for people."""
        if not self.calls:
            return f"{self.answer.describe()}; the app was not called"
        # An event too large for its socket comes without its details.
        calls = ", ".join(f"{e.detail.get('method', '')} {e.detail.get('path', '')}"[:80] for e in self.calls)
        read = "".join(f", which read {e.detail['length']} bytes: {e.detail['data'][:80]!r}" for e in self.bodies[:2])
        return f"{self.answer.describe()}; the app was called: {calls}{read}"


def raw(x: Exchange, request_line: str, *fields: str, host: bool = True, body: bytes = b"") -> bytes:
    """Return a request of exactly these lines, with Host (unless `host` is false) and this attempt's token first."""
    lines = [request_line]
    if host:
        lines.append(f"Host: {x.server.address.authority}")
    lines += [f"X-Gauntlet: {x.token}", *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def post(
    x: Exchange,
    *fields: str,
    body: bytes = b"",
    target: str = "/read",
    version: str = "HTTP/1.1",
    method: str = "POST",
) -> bytes:
    """Return a POST of exactly these fields and body, to the app's reader; framing is left to `fields`."""
    return raw(x, f"{method} {x.target(target)} {version}", *fields, body=body)


def hidden(x: Exchange) -> bytes:
    """Return a whole request with a token of its own, for hiding in the body of another."""
    return x.request("/echo", token=f"{x.token}.hidden")


async def ask(
    x: Exchange,
    data: bytes,
    *,
    head: bool = False,
    fin: bool = False,
    again: bool = True,
    patience: float = PATIENCE,
) -> Seen:
    """Send `data` on a connection of its own, then (`again`) a plain request on the same, and see what comes of both.

    No second request is sent where the answer says that the connection closes; then its end is waited for.

    `head`: the answer is to a HEAD. `fin`: our sending side is closed behind the data, so no second request follows.
    `patience`: the seconds to wait for each answer.
    Raises Violation where the server does not serve a plain request on a new connection afterwards.
    """
    wire = await x.connect()
    await wire.send(data)
    if fin:
        await wire.half_close()
    answer = await wire.response(head=head, timeout=patience)
    after, ending = None, answer.ended
    if again and answer.complete:
        # What said that it closes gets no second request: a client must not send one (RFC 9112, section 9.6).
        if not fin and not answer.says_close:
            await wire.send(x.request("/echo", token=_next(x)))
        after = await wire.response(timeout=patience)
        ending = after.ended
    await wire.close()
    return await seen(x, answer, after, ending, patience=max(SURVIVAL, patience))


async def seen(
    x: Exchange,
    answer: Response,
    after: Response | None = None,
    ending: Ending = Ending.OPEN,
    *,
    patience: float = SURVIVAL,
) -> Seen:
    """Join what came on the wire with what the app saw, once nothing of it is still on its way.

    Connections are to be closed before. Raises Violation where the server does not serve a new one in `patience`
    seconds.
    """
    await survives(x, patience)
    ours = [e for e in x.events() if e.token != _next(x)]
    return Seen(
        answer,
        after,
        ending,
        tuple(e for e in ours if e.kind == "called"),
        tuple(e for e in ours if e.kind == "body"),
        any(e.token == _next(x) for e in x.events("called")),
    )


async def survives(x: Exchange, patience: float = SURVIVAL) -> None:
    """Expect the server to serve a plain request on a new connection, in `patience` seconds."""
    expected = "the server to serve a plain request on a new connection afterwards"
    good = False
    try:
        with trio.move_on_after(patience) as scope:
            good = await x.fence()
    except ConnectFailed as failed:
        raise Violation(expected, str(failed)) from None
    if scope.cancelled_caught:
        x.transcript.timed = True
        raise Violation(expected, f"no good answer to it within {patience:g} s")
    expect.that(good, expected, "another answer, or the connection's end in its place")


# ---------------------------------------------------------------------- what is expected of a Seen


def refused(told: Seen, statuses: Collection[int] = (400,), *, closes: bool = False) -> None:
    """Expect one of `statuses`, the app not called, and the connection in step after it, or with `closes` closed."""
    expected = f"{_listed(statuses)} and the app not called"
    expect.that(not told.calls and told.answer.status in statuses, expected, told.describe())
    if closes:
        closed(told)
    in_step(told)


def rejected_in_step(told: Seen) -> bool:
    """Say whether it was rejected in any way; then the connection must be in step, or closed."""
    if not was_rejected(told):
        return False
    in_step(told)
    return True


def was_refused(told: Seen, statuses: Collection[int] = REFUSED) -> bool:
    """Say whether it was refused with one of `statuses`; for requirements that leave the choice."""
    return not told.calls and told.answer.status in statuses


def was_rejected(told: Seen) -> bool:
    """Say whether it was refused in any way, a connection closed without a word included.

    For requirements that say "reject" and name no status.
    """
    dropped = told.answer.nothing and told.ending is not Ending.OPEN
    return not told.calls and (dropped or told.answer.status in REFUSED)


def served(told: Seen) -> dict[str, Any]:
    """Expect a 200 from one call of the app, and the connection in step after it; returns the call's environ."""
    one = len(told.calls) == 1
    expect.that(told.answer.status == 200 and told.answer.complete and one, "the request to be served", told.describe())
    in_step(told)
    environ: dict[str, Any] = told.calls[0].detail.get("environ", {})
    return environ


def served_body(told: Seen, body: bytes) -> None:
    """Expect the request to be served and the app to have read exactly `body`. 411 to a chunked one is allowed.

    RFC 9112, section 6.3: "A server MAY reject a request that contains a message body but not a Content-Length by
    responding with 411 (Length Required)."
    """
    if was_refused(told, (411,)):
        in_step(told)
        return
    served(told)
    got = [each.detail["data"].encode("latin-1") for each in told.bodies]
    expect.that(got == [body], f"the app to read {expect.show(body)}", told.describe())


def spoiled(told: Seen) -> None:
    """Expect a request whose body's framing is broken to fail: no 2xx, and the connection closed.

    A server that hands over bodies as they come has called the app by then, so the call itself is no fault. What its
    app could read is `unfinished`'s question.
    """
    status = told.answer.status
    taken = status is not None and status < 400
    expect.that(not taken, "an error answer, or none, to a body with broken framing", told.describe())
    expect.that(len(told.calls) <= 1, "one call of the app at most", told.describe())
    closed(told)


def unfinished(told: Seen) -> None:
    """Expect a body that was cut off not to be taken for a whole one, by the app neither."""
    spoiled(told)
    expect.that(not told.bodies, "the app never told that the body came to its end", told.describe())


def nothing_made_up(x: Exchange, sent: bytes) -> None:
    """Expect an app whose reading failed to have read nothing but the beginning of `sent`."""
    for part in x.events("part"):
        read = part.detail["data"].encode("latin-1")
        good = part.detail["length"] == len(read) and sent.startswith(read)
        found = f"{part.detail['length']} bytes, which begin {read[:80]!r}"
        expect.that(good, f"the app to read nothing but what was sent, {sent!r}", found)


def answered(told: Seen) -> None:
    """Expect an answer, or the connection's end in its place."""
    good = told.answer.status is not None or (told.answer.nothing and told.ending is not Ending.OPEN)
    expect.that(good, "an answer, or the connection closed", told.describe())


def closed(told: Seen) -> None:
    """Expect the connection to end with the answer, and a further request on it to get nothing."""
    if told.closed:
        return
    if told.after is None or told.after.nothing:
        got = f"{told.answer.describe()}; the connection stayed open for {PATIENCE:g} s"
    else:
        got = f"{told.answer.describe()}; then, on the same connection: {told.after.describe()}"
    expect.violated("the connection closed after the answer", got + " (app called)" * told.went_on)


def in_step(told: Seen) -> None:
    """Expect the second request on the connection to be served as itself, or the connection to be closed.

    Where the answer says that the connection closes, none was sent: then nothing more may come.
    """
    if told.after is None or (told.after.nothing and (told.ending is not Ending.OPEN or told.answer.says_close)):
        return
    good = told.after.status == 200 and told.after.body.endswith(b".next\n")
    expected = "the next request on the connection served, or the connection closed"
    if told.answer.says_close:
        expected = "nothing behind an answer that says that the connection closes"
    expect.that(good, expected, told.after.describe())


def never_hidden(told: Seen) -> None:
    """Expect the app never to have been called for the request hidden in a body, and the connection in step."""
    no_hidden_call(told)
    in_step(told)


def no_hidden_call(told: Seen) -> None:
    """Expect the app never to have been called for the request that was hidden in a body."""
    smuggled = [each for each in told.calls if each.token.endswith(".hidden")]
    expect.that(not smuggled, "bytes of a body never served as a request", told.describe())


def noted(what: str, actual: str) -> NoReturn:
    """Tell what the server does where nothing is required; for cases of level info and may."""
    raise Violation(f"nothing in particular: {what} is recorded", actual)


async def answers(wire: Wire, count: int) -> list[Response]:
    """Read up to `count` answers, as long as they come whole."""
    got: list[Response] = []
    while len(got) < count:
        answer = await wire.response(timeout=PATIENCE)
        if answer.nothing:
            break
        got.append(answer)
        if not answer.complete:
            break
    return got


def _next(x: Exchange) -> str:
    return f"{x.token}.next"


def _listed(statuses: Collection[int]) -> str:
    if isinstance(statuses, range):
        return f"a status from {statuses[0]} to {statuses[-1]}"
    return " or ".join(map(str, statuses))
