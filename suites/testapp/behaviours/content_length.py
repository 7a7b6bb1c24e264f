"""Bodies that differ from their Content-Length, and invalid values of Content-Length."""

from __future__ import annotations

from typing import Any

from ..core.call import OK, TEXT, Call

INVALID_LENGTHS = {"negative": "-5", "text": "five", "hexadecimal": "0x5", "list": "5, 9"}
"""Values of Content-Length that are no number, by their names in `odd_length`."""


def too_long(call: Call) -> Any:
    """Promise 5 bytes and return more: `what` is `list`, `blocks` (each one reported) or `write`."""
    write = call.start(OK, [TEXT, ("Content-Length", "5")])
    what = call.query.get("what", "list")
    if what == "write":
        write(b"hello")
        call.attempt("write", write, b"EXTRA")
        return []
    if what == "blocks":
        return call.blocks([b"hello"] + [b"EXTRA"] * 20)
    return [b"helloEXTRA"]


def too_short(call: Call) -> list[bytes]:
    """Promise 10 bytes and return 5."""
    call.start(OK, [TEXT, ("Content-Length", "10")])
    return [b"short"]


def two_lengths(call: Call) -> list[bytes]:
    """Answer 5 bytes with two headers Content-Length: 5 and 9, or twice 5 with `same=yes`."""
    second = "5" if call.query.get("same") == "yes" else "9"
    call.start(OK, [TEXT, ("Content-Length", "5"), ("Content-Length", second)])
    return [b"body\n"]


def odd_length(call: Call) -> list[bytes]:
    """Answer 5 bytes with a Content-Length that is no number; `what` is one of INVALID_LENGTHS."""
    call.start(OK, [TEXT, ("Content-Length", INVALID_LENGTHS[call.query["what"]])])
    return [b"body\n"]
