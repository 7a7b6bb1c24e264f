"""The choice between the test app and the user app beside it, in one process.

A request with the header X-Gauntlet-App reaches the user app, every other one the test app. Both see the path that the
client sent. With `ask` the user app answers the client, and the server gets its result unwrapped. With `look` this
module calls it, as a server does, and reports its response to the harness; the client gets a short text.
"""

from __future__ import annotations

import hashlib
import io
import time
import traceback
from types import GeneratorType
from typing import Any, Callable, Dict, Iterator, List, Optional

from .call import Call
from .event_channel import ReportedBody, describe_exception, json_safe

ASKED = "HTTP_X_GAUNTLET_APP"
"""USER_APP_HEADER of harness/server/user_app.py, as its name in environ."""

HARNESS_VARIABLES = (ASKED, "HTTP_X_GAUNTLET")
"""Variables of a request that the user app does not get."""

RETURNED_APP = (
    "returns a %s and no response: it looks like a function that makes the app; name it with the parentheses, as "
    "shop:create_app()"
)
"""The fault of an app that is a factory whose parameters look like those of an app."""

MAX_BODY_BYTES = 64 << 20
"""Bytes of a body that are read."""

BODY_TIMEOUT_SECONDS = 5.0
"""Seconds after which a body is not read any more; it may have no end."""

MAX_REPORTED_HEADERS = 200
"""Headers of a response that are reported."""


def with_user_app(reference: Callable[..., Any], app: Callable[..., Any]) -> Callable[..., Any]:
    """Return `reference` with `app` beside it, for requests that name it."""

    def answer(*positional: Any, **named: Any) -> Any:
        call = Call(positional, named)
        asked = call.environ.get(ASKED) if isinstance(call.environ, dict) else None
        if asked is None:
            return reference(*positional, **named)
        call.emit("own-asked", how=json_safe(str(asked))[:20])
        for name in HARNESS_VARIABLES:
            call.environ.pop(name, None)
        if asked == "look":
            _look(call, app, dict(call.environ))
            return call.text("looked at\n")
        return _watched(call, app(call.environ, _reporting_start(call, call.start_response)))

    return answer


def _reporting_start(call: Call, start_response: Callable[..., Any]) -> Callable[..., Any]:
    """Return a start_response that reports its arguments and calls the server's."""

    def start(status: str, headers: Any, *rest: Any) -> Any:
        call.emit("own-started", **_head(status, headers))
        return start_response(status, headers, *rest)

    return start


def _head(status: Any, headers: Any) -> Dict[str, Any]:
    given = [
        [json_safe(str(name)), json_safe(str(value))[:1000]] for name, value in list(headers)[:MAX_REPORTED_HEADERS]
    ]
    return {"status": json_safe(str(status)), "headers": given}


def _watched(call: Call, body: Any) -> Any:
    """Return `body` itself, with a reported close() if that is possible without wrapping it.

    A generator may be wrapped: it has no length and is no file wrapper, so a server sees no difference.
    """
    if isinstance(body, GeneratorType):
        call.emit("own-answered", watched=True)
        return _Closing(call.token, body)
    close = getattr(body, "close", None)
    if close is None:
        call.emit("own-answered", watched=False)
        return body

    def closed() -> Any:
        call.emit("closed")
        return close()

    try:
        body.close = closed
        watched = body.close is closed
    except Exception:
        watched = False  # it has slots, or is a built-in
    call.emit("own-answered", watched=watched)
    return body


class _Closing(ReportedBody):
    """A body that reports each step of a generator, and closes it."""

    def __init__(self, token: str, generator: Any) -> None:
        super().__init__(token, generator)
        self._generator = generator

    def close(self) -> None:
        super().close()
        self._generator.close()


def _look(call: Call, app: Callable[..., Any], environ: Dict[str, Any]) -> None:
    """Call `app` as a server does, read its body, and report the response."""
    started: List[Dict[str, Any]] = []
    written: List[bytes] = []

    def start(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], None]:  # noqa: ARG001
        started[:] = [_head(status, headers)]
        return written.append

    environ["wsgi.input"] = io.BytesIO()
    environ["wsgi.file_wrapper"] = _pieces
    body: Any = None
    size, ended, digest = 0, True, hashlib.sha256()
    until = time.monotonic() + BODY_TIMEOUT_SECONDS
    try:
        try:
            body = app(environ, start)
            if callable(body) and not started and not hasattr(body, "__iter__"):
                call.emit("own-raised", why=RETURNED_APP % type(body).__name__)
                return
            for block in body:
                if not isinstance(block, bytes):
                    call.emit("own-raised", why="gives %s instead of bytes" % type(block).__name__)
                    return
                size += len(block)
                digest.update(block)
                if size > MAX_BODY_BYTES or time.monotonic() > until:
                    ended = False
                    break
        finally:
            if hasattr(body, "close"):
                body.close()
    except (Exception, SystemExit) as raised:
        lines = traceback.format_exc().strip().splitlines()[-3:]
        text = " | ".join(json_safe(line.strip())[:300] for line in lines)
        call.emit("own-raised", why="raises: " + text, **describe_exception(raised))
        return
    for block in written:
        size += len(block)
    same = digest.hexdigest() if not written else ""
    call.emit("own-looked", size=size, ended=ended, digest=same, **(started[0] if started else {}))


def _pieces(file: Any, block_size: Optional[int] = None) -> Iterator[bytes]:
    """Replace the server's wsgi.file_wrapper, which Python may not be able to iterate over."""
    try:
        yield from iter(lambda: file.read(block_size or 8192), b"")
    finally:
        if hasattr(file, "close"):
            file.close()
