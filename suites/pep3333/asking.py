"""What the cases of this suite share: sending a request to a behaviour, and waiting for the app's word on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from ...harness.adapter import Protocol
from ...harness.attempts.exchange import Exchange, query
from ...harness.expect import Violation, that, violated
from ...harness.model import AppEvent
from ...harness.response import Response
from ...harness.wire import Wire

HANG = 1.0
"""Seconds after which what a good server does at once is taken to hang. Only a failing attempt waits them out, and a
failing case is tried again."""

SECOND_LOOK = 0.3
"""Seconds for an answer on which no verdict hangs: to describe it, or because none need come."""

GLANCE = 0.05
"""Seconds in which bytes that a server has already sent reach us; waited for where none are to come."""

WRITES = ["pep3333/start-response/returns-write"]
"""What a case needs whose app uses write(). Where a server has none, the case named here alone says so."""

BEHIND_TLS = "TLS ends at the proxy in front, which speaks plain HTTP to the server that calls the app"
"""Why a case is skipped in which the server was to know of TLS; see `knows_of_tls`."""


async def first(x: Exchange, holds: Callable[[AppEvent], object], expected: str, *, timeout: float = HANG) -> AppEvent:
    """Return the app's first event of this attempt of which `holds` is true.

    Where none comes, a Violation says `expected`; an event lost on its way to us raises EventsLost instead, because
    the server is not to blame for it.
    """
    mark = x.server.channel.mark()
    with trio.move_on_after(timeout):
        while True:
            for event in x.events():
                if holds(event):
                    return event
            await x.server.channel.wait(mark, lambda _event: True)
            mark = x.server.channel.mark()
    x.events()
    x.transcript.timed = True
    raise Violation(expected, f"no word of it from the app within {timeout:g} s")


async def told(x: Exchange, kind: str, expected: str, *, timeout: float = HANG) -> AppEvent:
    """Return the app's first event of that kind; see `first`."""
    return await first(x, lambda event: event.kind == kind, expected, timeout=timeout)


async def outcome(x: Exchange, where: str) -> AppEvent:
    """Return what became of the step `where` in the app: its event `returned` or `raised`."""
    return await first(
        x,
        lambda event: event.kind in ("returned", "raised") and event.detail.get("where") == where,
        f"the app to get through its step {where!r}",
    )


async def held(x: Exchange, barrier: str) -> None:
    """Wait until the app waits at that barrier."""
    await first(
        x,
        lambda event: event.kind == "holding" and event.detail["barrier"] == barrier,
        f"the app to get to the point {barrier!r}",
    )


async def reading(x: Exchange, do: str, body: bytes, *, more: bytes = b"") -> list[dict[str, Any]]:
    """POST `body` to the app, which does `do` with wsgi.input, and return what each step read.

    The connection stays open meanwhile, and `more` is on it right behind the body. A step that has not returned
    after `HANG` seconds, or that raised, is a Violation.
    """
    wire = await x.connect()
    await wire.send(x.request("/reads" + query(do=do), method="POST", body=body) + more)
    return await results(x, do, wire)


async def results(x: Exchange, do: str, wire: Wire) -> list[dict[str, Any]]:
    """Return what each step of `do` read, as the app tells it; see `reading`."""
    found: list[dict[str, Any]] = []
    for number, step in enumerate(do.split(","), 1):
        try:
            found.append((await x.event("read", timeout=HANG, count=number)).detail)
        except trio.TooSlowError:
            if not x.events("called"):
                answer = await wire.response(timeout=HANG)
                await x.not_called(answer)
            violated(f"{python(step)} to return", f"it had not returned after {HANG:g} s, the connection being open")
        if raised := found[-1].get("raised"):
            violated(f"{python(step)} to return", f"{raised['type']}: {raised['text']}")
    return found


async def sent(x: Exchange, target: str) -> Wire:
    """Send a GET for `target` on a connection of its own and return that, the answer unread."""
    wire = await x.connect()
    await wire.send(x.request(target))
    return wire


async def asked(x: Exchange, target: str, *, timeout: float = HANG) -> Response:
    """Send a GET for `target` and return what comes in `timeout` seconds, be it nothing.

    By default that is the time that an app takes to break.
    """
    wire = await sent(x, target)
    answer = await wire.response(timeout=timeout)
    await wire.close()
    return answer


def python(step: str) -> str:
    """Return a step of the behaviour /reads as the Python that it stands for."""
    name, _, size = step.partition(":")
    whole = {
        "iter": "list(wsgi.input)",
        "next": "next(iter(wsgi.input))",
        "until": f"reading {size} bytes",
        "rest": "reading the rest",
    }
    return whole.get(name, f"wsgi.input.{name}({size})")


def data(result: dict[str, Any]) -> bytes:
    """Return the bytes that a step read; anything else is a Violation."""
    that("data" in result, "bytes", result.get("repr"))
    return str(result["data"]).encode("latin-1")


def served(answer: Response, body: bytes | None = None, status: int = 200) -> None:
    """Expect a whole answer with that status, and that body where one is given."""
    that(answer.status == status and answer.complete, f"a complete {status} answer", answer.describe())
    if body is not None:
        that(answer.body == body, f"the body {body!r}", answer.body)


def not_success(answer: Response, why: str) -> None:
    """Expect an error status, or an answer that is broken off or never begins; not a whole 2xx, nor what is no "
    "answer."""
    success = answer.status is not None and 200 <= answer.status < 300 and answer.complete
    garbage = answer.status is None and not answer.nothing
    that(not (success or garbage), f"an error status or a broken-off answer, because {why}", answer.describe())


def direct(x: Exchange) -> None:
    """Go on only where no proxy stands between: what it does with requests and blocks is not bound by PEP 3333."""
    if x.server.plan.upstream is not None:
        x.skip("the proxy in front does this by its own rules; the server behind it has a row of its own")


def knows_of_tls(x: Exchange) -> bool:
    """Say whether the server that calls the app can know of the client's TLS.

    It cannot behind a proxy that speaks plain HTTP to it: a header that says so is between the two of them, and the
    PEP has no word on it. Over the uwsgi protocol the proxy hands the variables themselves on.
    """
    plan = x.server.plan
    if plan.upstream is None or plan.upstream.settings.tls:
        return True
    protocol, _ = plan.adapter.protocol_for(plan.variant, plan.upstream.adapter)
    return protocol is Protocol.UWSGI
