"""Uses of start_response()."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any, Iterator

from ..core.call import BINARY, OK, TEXT, Call
from ..core.event_channel import describe_exception

SERVER_ERROR = "500 Internal Server Error"

INVALID_ARGUMENTS: dict[str, tuple[Any, Any]] = {
    "status-not-str": (200, [TEXT]),
    "status-bytes": (b"200 OK", [TEXT]),
    "status-control": ("200 OK\x07", [TEXT]),
    "status-without-number": ("fine", [TEXT]),
    "status-line-break": ("200 OK\r\nX-Injected: yes", [TEXT]),
    "name-not-str": (OK, [TEXT, (b"X-Name", "value")]),
    "name-with-colon": (OK, [TEXT, ("X-Name:", "value")]),
    "name-with-space": (OK, [TEXT, ("X Name", "value")]),
    "name-empty": (OK, [TEXT, ("", "value")]),
    "value-not-str": (OK, [TEXT, ("X-Name", 5)]),
    "value-line-break": (OK, [TEXT, ("X-Name", "value\r\nX-Injected: yes")]),
    "value-control": (OK, [TEXT, ("X-Name", "val\x07ue")]),
    "header-not-pair": (OK, [TEXT, ("X-Name",)]),
    "headers-not-list": (OK, (TEXT,)),
    "connection": (OK, [TEXT, ("Connection", "keep-alive")]),
    "keep-alive": (OK, [TEXT, ("Keep-Alive", "timeout=5")]),
    "transfer-encoding": (OK, [TEXT, ("Transfer-Encoding", "chunked")]),
    "trailers": (OK, [TEXT, ("Trailers", "X-Later")]),
    "proxy-authenticate": (OK, [TEXT, ("Proxy-Authenticate", "Basic")]),
    "upgrade": (OK, [TEXT, ("Upgrade", "gauntlet")]),
}
"""Arguments that a server should reject, by their names in `start_wrongly`."""

INJECTED_VALUES = {
    "crlf": "value\r\nX-Injected: yes",
    "lf": "value\nX-Injected: yes",
    "cr": "value\rX-Injected: yes",
    "nul": "value\0X-Injected: yes",
}
"""Header values that add a second header, or end the value early, if the server sends them unchecked."""


class PlannedError(Exception):
    """Raised on purpose, by a behaviour."""


def start(call: Call) -> list[bytes]:
    """Call start_response with two positional arguments, or with None as a third (`third=none`)."""
    arguments: list[Any] = [OK, [TEXT, ("Content-Length", "6")]]
    if call.query.get("third") == "none":
        arguments.append(None)
    _, raised = call.attempt("start_response", call.start_response, *arguments)
    return [] if raised else [b"plain\n"]


def start_wrongly(call: Call) -> list[bytes]:
    """Call start_response with the wrong arguments that `what` names; if that raises, answer 500 correctly."""
    status, headers = INVALID_ARGUMENTS[call.query["what"]]
    try:
        call.start_response(status, headers if type(headers) is tuple else list(headers))
    except Exception as raised:
        call.emit("raised", where="start_response", **describe_exception(raised))
        call.start_response(SERVER_ERROR, [TEXT], sys.exc_info())
        return [b"refused\n"]
    call.emit("returned", where="start_response")
    return [b"taken\n"]


def inject(call: Call) -> list[bytes]:
    """Answer with line breaks or NUL in a header's value, like an app that copies user input into it.

    `what` is one of INJECTED_VALUES; `status` and `name` put the line break into the reason or into a header's name.
    """
    what = call.query["what"]
    status = f"{OK}\r\nX-Injected: yes" if what == "status" else OK
    name = "X-Test: value\r\nX-Injected" if what == "name" else "X-Test"
    call.start(status, [TEXT, (name, INJECTED_VALUES.get(what, "yes")), ("Content-Length", "5")])
    return [b"body\n"]


def bare(call: Call) -> list[bytes]:
    """Answer with no header but Content-Type and Content-Length."""
    call.start(OK, [TEXT, ("Content-Length", "5")])
    return [b"bare\n"]


def odd_case(call: Call) -> list[bytes]:
    """Answer with headers that servers add themselves, in unusual case."""
    call.start(
        OK,
        [
            ("cONTENT-tYPE", "text/plain"),
            ("CONTENT-LENGTH", "4"),
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("sERVER", "gauntlet-app"),
        ],
    )
    return [b"odd\n"]


def start_and_hold(call: Call) -> list[bytes]:
    """Call start_response, wait at the barrier `started`, then return the body."""
    call.start(OK, [TEXT, ("Content-Length", "5")])
    call.hold("started")
    return [b"late\n"]


def empty_then_replace(call: Call) -> Iterator[bytes]:
    """Yield b'', wait at the barrier `empty`, then change status and headers by exc_info and yield the body."""
    call.start(OK, [TEXT, ("X-First", "yes")])
    yield b""
    call.hold("empty")
    yield from _replacement_body(call)


def empty_body(call: Call) -> Any:
    """Answer with headers and an iterable that yields nothing: `what` is `list`, `generator` or `blank` (one b'')."""
    call.start("200 OK", [TEXT, ("X-Marker", "kept")])
    what = call.query.get("what")
    if what == "generator":
        return iter(())
    return [b""] if what == "blank" else []


def start_in_handler(call: Call) -> list[bytes]:
    """Fail before start_response, then call it in the handler with exc_info."""
    try:
        raise PlannedError("raised before start_response")
    except PlannedError:
        call.attempt("start_response", call.start_response, "503 Caught In Time", [TEXT], sys.exc_info())
    return [b"caught\n"]


def replace(call: Call) -> list[bytes]:
    """Start a 200 with its length, fail, and start a 500 of another length by exc_info."""
    call.start(OK, [BINARY, ("X-First", "yes"), ("Content-Length", "3")])
    return list(_replacement_body(call))


def replace_too_late(call: Call) -> Iterator[bytes]:
    """Yield a first block, then call start_response with exc_info after the headers were sent; report the result."""
    call.start(OK, [TEXT])
    yield b"first\n"
    _call_again_with_exc_info(call)
    yield b"second\n"


def replace_after_write(call: Call) -> list[bytes]:
    """write() a first block, wait at the barrier `written`, then do the same as `replace_too_late`."""
    call.start(OK, [TEXT])(b"first\n")
    call.hold("written")
    _call_again_with_exc_info(call)
    return [b"second\n"]


def _call_again_with_exc_info(call: Call) -> None:
    try:
        raise PlannedError("raised after the first block")
    except PlannedError as planned:
        own = planned.__traceback__
        try:
            call.start_response(SERVER_ERROR, [TEXT], sys.exc_info())
        except BaseException as raised:
            frames = []
            trace = raised.__traceback__
            while trace is not None:
                frames.append(trace)
                trace = trace.tb_next
            call.emit(
                "raised",
                where="start_response",
                same=raised is planned,
                traceback=own in frames,
                **describe_exception(raised),
            )
            raise
        call.emit("returned", where="start_response")


def start_twice(call: Call) -> list[bytes]:
    """Call start_response a second time without exc_info and report the result."""
    call.start(OK, [TEXT, ("X-Call", "first")])
    call.attempt("second", call.start_response, "299 Second", [TEXT, ("X-Call", "second")])
    return [b"twice\n"]


def start_again(call: Call) -> list[bytes]:
    """Call start_response with a value that is no text, then correctly, but without exc_info; report both."""
    _, raised = call.attempt("first", call.start_response, OK, [TEXT, ("X-Name", 5)])
    if raised is not None:
        call.attempt("second", call.start_response, OK, [TEXT])
    return [b"again\n"]


def latin1(call: Call) -> list[bytes]:
    """Answer with a header whose value is the UTF-8 of `\u20ac`, read as latin-1, behind the latin-1 of `\xe9`."""
    call.start(OK, [TEXT, ("X-Name", "caf\xe9 \xe2\x82\xac"), ("Content-Length", "5")])
    return [b"body\n"]


def start_late(call: Call) -> Iterator[bytes]:
    """A generator: start_response is called by the first next() only."""
    call.emit("first-next")
    call.start("203 Late", [TEXT, ("X-Late", "yes"), ("Content-Length", "5")])
    yield b"late\n"


def drop_exc_info(call: Call) -> list[bytes]:
    """Call start_response with exc_info and report, as `reference`, whether something keeps the exception alive."""
    call.start(OK, [TEXT])
    kept = _call_with_exc_info(call)
    gc.collect()
    call.emit("reference", kept=kept() is not None)
    return [b"dropped\n"]


def play_dumb(call: Call) -> list[bytes]:
    """Answer with an unusual status, reason, repeated headers and their order."""
    call.start(
        "299 Gauntlet Run",
        [
            ("X-Order", "one"),
            ("Content-Type", 'text/x-gauntlet; charset=utf-8; note="a, b"'),
            ("Set-Cookie", "a=1; Path=/"),
            ("X-Order", "two"),
            ("Set-Cookie", "b=2; Expires=Wed, 09 Jun 2027 10:18:14 GMT"),
            ("X-Order", "three"),
            ("Content-Length", "5"),
        ],
    )
    return [b"dumb\n"]


def _call_with_exc_info(call: Call) -> weakref.ReferenceType[PlannedError]:
    try:
        raise PlannedError("given to start_response")
    except PlannedError as planned:
        call.start_response(SERVER_ERROR, [TEXT], sys.exc_info())
        return weakref.ref(planned)


def _replacement_body(call: Call) -> Iterator[bytes]:
    try:
        raise PlannedError("raised before anything was sent")
    except PlannedError:
        call.start_response("503 Changed Mind", [TEXT, ("X-Second", "yes")], sys.exc_info())
        yield b"replaced\n"
