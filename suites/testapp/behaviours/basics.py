"""Behaviours for every case: a plain response, the sync request, and the nonce that proves the instance."""

from __future__ import annotations

import os
from typing import Any, Iterator

from ..core.call import TEXT, Call

NO_STORE = ("Cache-Control", "no-store")
"""For responses that prove something about the server at this moment: a caching proxy must not send them itself."""


def echo(call: Call) -> list[bytes]:
    """Answer `gauntlet <token>`. With `hold=NAME`, wait at that barrier first. The request's body stays unread."""
    if "hold" in call.query:
        call.hold(call.query["hold"])
    return call.text(f"gauntlet {call.token}\n")


def sync(call: Call) -> list[bytes]:
    """Answer as /echo. The separate name marks the harness's own requests."""
    return call.text(f"gauntlet {call.token}\n", extra=[NO_STORE])


def nonce(call: Call) -> list[bytes]:
    """Answer the nonce of this instance, which other programs do not know, and the id of the process."""
    value = os.environ.get("WSGI_GAUNTLET_NONCE", "")
    return call.text(value, extra=[("X-Gauntlet-Nonce", value), ("X-Gauntlet-Pid", str(os.getpid())), NO_STORE])


def mine(call: Call) -> list[bytes]:
    """Answer the parameter `n`, in the body and as X-Mine. It is not reported: hundreds of them come at once."""
    own = call.query.get("n", "")
    return call.text(own, extra=[("X-Mine", own)])


def respond(call: Call) -> Any:
    """Answer with the `status`, `body` (default `gauntlet <token>`), `type` and `framing` in the query.

    `framing` is `length` (the default), `none` (a generator without Content-Length), or `empty` (no body at all, no
    length). Any parameter `h-NAME=VALUE` becomes a header. The characters of `body` are sent as latin-1.
    """
    query = call.query
    data = query.get("body", f"gauntlet {call.token}\n").encode("latin-1", "backslashreplace")
    headers = [("Content-Type", query.get("type", TEXT[1]))]
    headers += [(name[2:], value) for name, value in query.items() if name.startswith("h-")]
    status, framing = query.get("status", "200 OK"), query.get("framing", "length")
    if framing == "length":
        headers.append(("Content-Length", str(len(data))))
    call.start(status, headers)
    if framing == "none":
        return _single_block(data)
    return [] if framing == "empty" else [data]


def _single_block(data: bytes) -> Iterator[bytes]:
    yield data
