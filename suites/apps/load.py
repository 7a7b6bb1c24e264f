"""What load is made with. Tells the harness nothing by itself, so that it costs what an app costs."""

from __future__ import annotations

import hashlib
import time
from typing import Any, Iterator

from .call import TEXT, Call
from .reading import pieces

DEFAULT_SIZE = 2000
"""Bytes of a page unless the query says otherwise: a small HTML answer."""

BLOCK = 65536
"""Bytes of one block of a page."""

LARGEST_PAGE = 1 << 30
"""Bytes that a page is cut to; a slip in a scenario must not fill a disk or a network."""

ASSETS = {
    "style.css": ("text/css", 6000),
    "script.js": ("application/javascript", 6000),
    "first.svg": ("image/svg+xml", 6000),
    "second.svg": ("image/svg+xml", 6000),
    "photograph.jpg": ("image/jpeg", 200000),
}
"""The files below /static/ with media type and bytes, as in harness/assets.py."""


def page(call: Call) -> Any:
    """Answer exactly `size` bytes that begin with `n` and a newline, after `wait` ms asleep and `work` ms of CPU."""
    size = min(max(call.number("size", DEFAULT_SIZE), 0), LARGEST_PAGE)
    _spend(call.number("wait", 0) / 1000.0, call.number("work", 0) / 1000.0)
    start = (call.query.get("n", "") + "\n").encode("latin-1", "replace")[:size]
    call.start(headers=[("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(size))])
    if size <= BLOCK:
        return [start + _filler(size - len(start))]
    return page_blocks(start, size)


def static(call: Call) -> list[bytes]:
    """Answer the file of that name below /static/: the name on a line, then filler; 404 where there is none."""
    name = call.path[len("/static/") :]
    if name not in ASSETS:
        return call.text("no such file\n", "404 Not Found")
    media_type, size = ASSETS[name]
    start = (name + "\n").encode("ascii")
    call.start(headers=[("Content-Type", media_type), ("Content-Length", str(size))])
    return [start + _filler(size - len(start))]


def sink(call: Call) -> list[bytes]:
    """Read the whole body and answer `LENGTH SHA256HEX`; X-Gauntlet-Waited has the seconds that reading it took."""
    length, digest, began = 0, hashlib.sha256(), time.perf_counter()
    for piece in pieces(call.environ):
        length += len(piece)
        digest.update(piece)
    waited = f"{time.perf_counter() - began:.6f}"
    body = f"{length} {digest.hexdigest()}\n".encode("ascii")
    call.start(headers=[TEXT, ("Content-Length", str(len(body))), ("X-Gauntlet-Waited", waited)])
    return [body]


def _filler(size: int) -> bytes:
    line = b"wsgi-gauntlet wsgi-gauntlet wsgi-gauntlet wsgi-gauntlet wsgi-g\n"
    return (line * (size // len(line) + 1))[:size]


def page_blocks(start: bytes, size: int) -> Iterator[bytes]:
    """Yield the page of `size` bytes, which are more than a block, that begins with `start`, a block at a time."""
    filler = _filler(BLOCK)
    yield start + filler[: BLOCK - len(start)]
    left = size - BLOCK
    while left > 0:
        yield filler[:left] if left < BLOCK else filler
        left -= BLOCK


def _spend(wait: float, work: float) -> None:
    if wait > 0:
        time.sleep(wait)
    if work > 0:
        # CPU time of this thread, so that a busy machine makes the answer late but the work no less.
        end = time.thread_time() + work
        while time.thread_time() < end:
            hashlib.sha256(b"work" * 256).digest()
