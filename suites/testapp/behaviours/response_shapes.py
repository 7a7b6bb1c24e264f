"""The same response in different shapes: lists, generators, write() and files, with and without a body for HEAD."""

from __future__ import annotations

import tempfile
from typing import Any, Callable, Iterator

from ..core.call import BINARY, OK, Call

BLOCKS = (b"one\n", b"two\n", b"three\n")
"""The body of the response to a GET."""

SMALL_FILE_BYTES = 1 << 18
"""256 KiB: more than a client's receive buffer takes at first, and less than a server's send buffer."""


def shaped(call: Call) -> Any:
    """Return BLOCKS in the shape `what`, one of `_SHAPES`, with `status`; `length=yes` adds Content-Length.

    A shape `empty-...` is for HEAD: many frameworks leave out the body themselves. For other methods it is a generator
    of BLOCKS.
    """
    what = call.query["what"]
    wrapper = call.environ.get("wsgi.file_wrapper")
    if what.endswith("file") and wrapper is None:
        call.emit("absent")
        return call.text("no wsgi.file_wrapper\n")
    if what.startswith("empty-") and call.environ["REQUEST_METHOD"] != "HEAD":
        what = "generator"
    headers = [BINARY]
    if call.query.get("length") == "yes":
        headers.append(("Content-Length", str(len(b"".join(BLOCKS)))))
    return _SHAPES[what](call.start(call.query.get("status", OK), headers), wrapper)


def held_file(call: Call) -> Any:
    """Wait at the barrier `answer`, then return 256 KiB with their length; the request's body stays unread."""
    call.hold("answer")
    call.start(call.query.get("status", OK), [BINARY, ("Content-Length", str(SMALL_FILE_BYTES))])
    return call.blocks([bytes(SMALL_FILE_BYTES)])


def _file_of(content: bytes) -> Any:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the server closes it
    file.write(content)
    file.seek(0)
    return file


def _write(write: Callable[[bytes], Any], *blocks: bytes) -> Any:
    for block in blocks:
        write(block)
    return []


def _generator_of(*blocks: bytes) -> Iterator[bytes]:
    yield from blocks


_SHAPES: dict[str, Callable[[Callable[[bytes], Any], Any], Any]] = {
    "list": lambda _write_callable, _wrapper: [b"".join(BLOCKS)],
    "blocks": lambda _write_callable, _wrapper: list(BLOCKS),
    "generator": lambda _write_callable, _wrapper: _generator_of(*BLOCKS),
    "written": lambda write, _wrapper: _write(write, *BLOCKS),
    "file": lambda _write_callable, wrapper: wrapper(_file_of(b"".join(BLOCKS))),
    "empty-list": lambda _write_callable, _wrapper: [],
    "empty-tuple": lambda _write_callable, _wrapper: (),
    "empty-generator": lambda _write_callable, _wrapper: _generator_of(),
    "empty-block": lambda _write_callable, _wrapper: [b""],
    "empty-blocks": lambda _write_callable, _wrapper: _generator_of(b"", b""),
    "empty-written": lambda write, _wrapper: _write(write, b""),
    "empty-file": lambda _write_callable, wrapper: wrapper(_file_of(b"")),
}
