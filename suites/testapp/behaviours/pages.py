"""The pages for load. They report nothing to the harness, so they cost no more than any app."""

from __future__ import annotations

import hashlib
import time
from typing import Any, Iterator

from ..core.call import TEXT, Call
from .input_stream import body_blocks

DEFAULT_PAGE_BYTES = 2000
"""Bytes of a page unless the query says otherwise: a small HTML page."""

PAGE_BLOCK_BYTES = 65536
"""Bytes of one block of a page."""

MAX_PAGE_BYTES = 1 << 30
"""The largest page; a mistake in a scenario must not fill a disk or a network."""

ASSETS = {
    "style.css": ("text/css", 6000),
    "script.js": ("application/javascript", 6000),
    "first.svg": ("image/svg+xml", 6000),
    "second.svg": ("image/svg+xml", 6000),
    "photograph.jpg": ("image/jpeg", 200000),
}
"""The files below /static/ with media type and bytes, as in harness/server/static_files.py."""


def page(call: Call) -> Any:
    """Answer exactly `size` bytes that begin with `n` and a newline, after `wait` ms asleep and `work` ms of CPU."""
    size = min(max(call.int_parameter("size", DEFAULT_PAGE_BYTES), 0), MAX_PAGE_BYTES)
    _sleep_and_work(call.int_parameter("wait", 0) / 1000.0, call.int_parameter("work", 0) / 1000.0)
    start = (call.query.get("n", "") + "\n").encode("latin-1", "replace")[:size]
    call.start(headers=[("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(size))])
    if size <= PAGE_BLOCK_BYTES:
        return [start + _filler(size - len(start))]
    return page_blocks(start, size)


def static(call: Call) -> list[bytes]:
    """Answer the file of that name below /static/: the name on a line, then filler; 404 if there is none."""
    name = call.path[len("/static/") :]
    if name not in ASSETS:
        return call.text("no such file\n", "404 Not Found")
    media_type, size = ASSETS[name]
    start = (name + "\n").encode("ascii")
    call.start(headers=[("Content-Type", media_type), ("Content-Length", str(size))])
    return [start + _filler(size - len(start))]


def sink(call: Call) -> list[bytes]:
    """Read the whole body and answer `LENGTH SHA256HEX`; X-Gauntlet-Waited contains the seconds of reading."""
    length, digest, began = 0, hashlib.sha256(), time.perf_counter()
    for block in body_blocks(call.environ):
        length += len(block)
        digest.update(block)
    waited = f"{time.perf_counter() - began:.6f}"
    body = f"{length} {digest.hexdigest()}\n".encode("ascii")
    call.start(headers=[TEXT, ("Content-Length", str(len(body))), ("X-Gauntlet-Waited", waited)])
    return [body]


def _filler(size: int) -> bytes:
    line = b"wsgi-gauntlet wsgi-gauntlet wsgi-gauntlet wsgi-gauntlet wsgi-g\n"
    return (line * (size // len(line) + 1))[:size]


def page_blocks(start: bytes, size: int) -> Iterator[bytes]:
    """Yield a page of `size` bytes, more than a block, in blocks; it begins with `start`."""
    filler = _filler(PAGE_BLOCK_BYTES)
    yield start + filler[: PAGE_BLOCK_BYTES - len(start)]
    remaining = size - PAGE_BLOCK_BYTES
    while remaining > 0:
        yield filler[:remaining] if remaining < PAGE_BLOCK_BYTES else filler
        remaining -= PAGE_BLOCK_BYTES


def _sleep_and_work(wait: float, work: float) -> None:
    if wait > 0:
        time.sleep(wait)
    if work > 0:
        # The CPU time of this thread: a busy machine makes the response late, but the work stays the same.
        end = time.thread_time() + work
        while time.thread_time() < end:
            hashlib.sha256(b"work" * 256).digest()
