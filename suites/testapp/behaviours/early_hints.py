"""Uses of wsgi.early_hints, if the server has it."""

from __future__ import annotations

from typing import Any, Iterator

from ..core.call import OK, TEXT, Call

LINK = ("Link", "</style.css>; rel=preload; as=style")

INJECTED_HINTS = {
    "value-crlf": ("Link", "</a>\r\nX-Injected: yes"),
    "value-lf": ("Link", "</a>\nX-Injected: yes"),
    "value-head": ("Link", "</a>\r\n\r\nHTTP/1.1 200 OK\r\nX-Injected: yes\r\nContent-Length: 0\r\n\r\n"),
    "name-crlf": ("Link: </a>\r\nX-Injected", "yes"),
}
"""Fields that add a field or a response if the server sends them unchecked."""


def early_hints(call: Call) -> Any:
    """Send one early hint (`what=one`), two (`two`), one of INJECTED_HINTS, or one after the first block (`late`)."""
    send = call.environ.get("wsgi.early_hints")
    if send is None:
        call.emit("absent")
        return call.text("no wsgi.early_hints\n")
    what = call.query["what"]
    if what == "late":
        call.start(OK, [TEXT, ("Content-Length", "16")])
        return _late(call, send)
    for _ in range(2 if what == "two" else 1):
        call.attempt("hint", send, [INJECTED_HINTS.get(what, LINK)])
    return call.text(f"gauntlet {call.token}\n")


def _late(call: Call, send: Any) -> Iterator[bytes]:
    yield b"block 1\n"
    call.attempt("hint", send, [LINK])
    yield b"block 2\n"
