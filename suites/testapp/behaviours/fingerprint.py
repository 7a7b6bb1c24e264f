"""What the app saw, as its response: requests of every size are checked without one event each."""

from __future__ import annotations

import hashlib
import json
import sys
from itertools import islice
from typing import Any, Iterable, Iterator

from ..core.call import BINARY, OK, TEXT, Call
from ..core.pattern import letters, pattern
from .input_stream import body_blocks

SHOWN_CHARACTERS = 100
"""Characters of a value that a fingerprint shows; a longer one becomes its length and the start of its SHA-256."""

JSON = ("Content-Type", "application/json")
NO_BODY_STATUSES = ("204", "304")


def short(value: str) -> str:
    """Return `value`, or if it is long its length and the start of its SHA-256."""
    if len(value) <= SHOWN_CHARACTERS:
        return value
    return f"{len(value)} characters, {hashlib.sha256(value.encode('latin-1', 'replace')).hexdigest()[:32]}"


def fingerprint(call: Call) -> Any:
    """Answer, as JSON, the method, path, query, version, headers and body of the request.

    X-Seen has a SHA-256 of it, for responses without a body. `read=no` leaves the body unread; `to=end` reads to the
    end; `read=once` reads it in one call. `status` and `cookie` set the status and a cookie. `framing=none` gives no
    length. `replace=yes` begins another response first and replaces it with exc_info.
    """
    environ, query = call.environ, call.query
    names = [name for name in environ if isinstance(name, str) and name.startswith("HTTP_")]
    body = "unread" if query.get("read") == "no" else _read(call)
    seen = {
        "method": str(environ.get("REQUEST_METHOD", "")),
        "path": short(call.path),
        "query": short(str(environ.get("QUERY_STRING") or "")),
        "version": str(environ.get("SERVER_PROTOCOL", "")),
        "type": short(str(environ.get("CONTENT_TYPE") or "")),
        "length": str(environ.get("CONTENT_LENGTH") or ""),
        "headers": {name: short(str(environ[name])) for name in sorted(names)},
        "body": body,
    }
    data = json.dumps(seen).encode("ascii")
    status = query.get("status", OK)
    visible = {key: value for key, value in seen.items() if key not in ("headers", "length")}
    headers = [JSON, ("X-Seen", hashlib.sha256(json.dumps(visible).encode("ascii")).hexdigest()[:32])]
    if "cookie" in query:
        headers.append(("Set-Cookie", query["cookie"]))
    if status.startswith(NO_BODY_STATUSES):
        call.start(status, headers[1:])
        return []
    if query.get("replace") == "yes":
        call.start("299 Replaced", [TEXT, ("X-Replaced", "yes")])
        try:
            raise ValueError("a planned error of the app")
        except ValueError:
            call.start_response(status, headers, sys.exc_info())
        return [data]
    if query.get("framing") == "none":
        call.start(status, headers)
        return _blocks([data[:10], data[10:]])
    call.start(status, [*headers, ("Content-Length", str(len(data)))])
    return [data]


def _read(call: Call) -> str:
    length, digest = 0, hashlib.sha256()
    blocks: Iterable[bytes] = body_blocks(call.environ, ends=call.query.get("to") == "end")
    if call.query.get("read") == "once":
        blocks = [call.environ["wsgi.input"].read(int(call.environ.get("CONTENT_LENGTH") or 0))]
    for block in blocks:
        length += len(block)
        digest.update(block)
    return f"{length} bytes, {digest.hexdigest()[:32]}" if length else ""


def _blocks(blocks: Any) -> Iterator[bytes]:
    yield from blocks


def input_lines(call: Call) -> Any:
    """Read `count` lines, and answer their lengths and a SHA-256. `how` is `readline`, `iterate` or `readlines`.

    readlines() reads to the end of the body.
    """
    stream = call.environ["wsgi.input"]
    how, count = call.query.get("how", "readline"), call.int_parameter("count", 0)
    if how == "readline":
        lines = [stream.readline() for _ in range(count)]
    else:
        lines = list(islice(stream, count)) if how == "iterate" else stream.readlines()
    data = json.dumps(
        {"lengths": [len(line) for line in lines], "sha256": hashlib.sha256(b"".join(lines)).hexdigest()}
    ).encode("ascii")
    call.start(OK, [JSON, ("Content-Length", str(len(data)))])
    return [data]


def sized_blocks(call: Call) -> Any:
    """Answer the pattern in blocks of the `sizes` in the query, or in `count` blocks of 1 to 3 bytes.

    `how` is `yield` (no length), `declared` (a Content-Length) or `write`.
    """
    query = call.query
    sizes = [int(size) for size in query["sizes"].split(",")] if "sizes" in query else None
    if sizes is None:
        sizes = [1 + number % 3 for number in range(call.int_parameter("count", 0))]
    how = query.get("how", "yield")
    write = call.start(OK, [BINARY, ("Content-Length", str(sum(sizes)))] if how == "declared" else [BINARY])
    if how != "write":
        return _sized(sizes)
    for block in _sized(sizes):
        write(block)
    return []


def _sized(sizes: list[int]) -> Iterator[bytes]:
    offset = 0
    for size in sizes:
        yield pattern(size, offset)
        offset += size


def sized_headers(call: Call) -> Any:
    """Answer with a header X-Sized and a cookie of `value` letters, or `count` headers X-Number-N and cookies."""
    headers = [TEXT]
    if "value" in call.query:
        value = letters(call.int_parameter("value", 0))
        headers += [("X-Sized", value), ("Set-Cookie", value)]
    for number in range(call.int_parameter("count", 0)):
        headers.append((f"X-Number-{number}", str(number)))
        headers.append(("Set-Cookie", f"number={number}"))
    call.start(OK, [*headers, ("Content-Length", "6")])
    return [b"sized\n"]
