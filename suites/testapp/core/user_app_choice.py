"""Chooses between the reference app and an app of the user's own beside it, in one process.

The header X-Gauntlet-App sends a request to the user's app; every other request reaches the reference app, and neither
sees a path that differs from the one on the wire. `ask` has the user's app answer the client: the server gets what that
returns, unwrapped. `look` has it called here, as a server calls it, and tells the harness what it gave; the client gets
a short text.
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
"""The same as HEADER in harness/server/user_app.py, as a server names it in environ."""

OURS = (ASKED, "HTTP_X_GAUNTLET")
"""Variables of a request that the user's app does not see."""

LONGEST = 64 << 20
"""Bytes of an answer that are looked at."""

PATIENCE = 5.0
"""Seconds after which an answer is no longer looked at; it may have no end."""

TOLD = 200
"""Headers of an answer that the harness hears of."""


def with_user_app(reference: Callable[..., Any], app: Callable[..., Any]) -> Callable[..., Any]:
    """Return `reference` with `app` beside it, for requests that ask for it."""

    def answer(*positional: Any, **named: Any) -> Any:
        call = Call(positional, named)
        asked = call.environ.get(ASKED) if isinstance(call.environ, dict) else None
        if asked is None:
            return reference(*positional, **named)
        call.emit("own-asked", how=json_safe(str(asked))[:20])
        for name in OURS:
            call.environ.pop(name, None)
        if asked == "look":
            _look(call, app, dict(call.environ))
            return call.text("looked at\n")
        return _watched(call, app(call.environ, _told(call, call.start_response)))

    return answer


def _told(call: Call, start_response: Callable[..., Any]) -> Callable[..., Any]:
    """Return the server's start_response, which also reports what the app gave it."""

    def start(status: str, headers: Any, *rest: Any) -> Any:
        call.emit("own-started", **_head(status, headers))
        return start_response(status, headers, *rest)

    return start


def _head(status: Any, headers: Any) -> Dict[str, Any]:
    given = [[json_safe(str(name)), json_safe(str(value))[:1000]] for name, value in list(headers)[:TOLD]]
    return {"status": json_safe(str(status)), "headers": given}


def _watched(call: Call, body: Any) -> Any:
    """Return `body` as it is, its close() watched where that can be done without putting anything around it.

    A generator has no length and is no file wrapper: something around it changes nothing that a server goes by.
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
    """A generator whose steps are reported, and that is closed with it."""

    def __init__(self, token: str, generator: Any) -> None:
        super().__init__(token, generator)
        self._generator = generator

    def close(self) -> None:
        super().close()
        self._generator.close()


def _look(call: Call, app: Callable[..., Any], environ: Dict[str, Any]) -> None:
    """Call `app` as a server does, to its end, and report what it gave."""
    started: List[Dict[str, Any]] = []
    written: List[bytes] = []

    def start(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], None]:  # noqa: ARG001
        started[:] = [_head(status, headers)]
        return written.append

    environ["wsgi.input"] = io.BytesIO()
    environ["wsgi.file_wrapper"] = _pieces
    body: Any = None
    size, ended, digest = 0, True, hashlib.sha256()
    until = time.monotonic() + PATIENCE
    try:
        try:
            body = app(environ, start)
            for block in body:
                if not isinstance(block, bytes):
                    call.emit("own-raised", why="gives %s, where WSGI wants bytes" % type(block).__name__)
                    return
                size += len(block)
                digest.update(block)
                if size > LONGEST or time.monotonic() > until:
                    ended = False
                    break
        finally:
            if hasattr(body, "close"):
                body.close()
    except (Exception, SystemExit) as raised:
        lines = traceback.format_exc().strip().splitlines()[-3:]
        told = " | ".join(json_safe(line.strip())[:300] for line in lines)
        call.emit("own-raised", why="raises: " + told, **describe_exception(raised))
        return
    for block in written:
        size += len(block)
    same = digest.hexdigest() if not written else ""
    call.emit("own-looked", size=size, ended=ended, digest=same, **(started[0] if started else {}))


def _pieces(file: Any, block_size: Optional[int] = None) -> Iterator[bytes]:
    """Stand for the server's wsgi.file_wrapper, which may be nothing that Python can iterate over."""
    try:
        yield from iter(lambda: file.read(block_size or 8192), b"")
    finally:
        if hasattr(file, "close"):
            file.close()
