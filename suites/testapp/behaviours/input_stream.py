"""Uses of wsgi.input."""

from __future__ import annotations

import hashlib
from typing import Any, Iterator

from ..core.call import Call
from ..core.event_channel import describe_exception

READ_BYTES = 65536
"""Bytes that one read asks for."""

MAX_INPUT_BYTES = 1 << 26
"""Bytes after which a body of unknown length is given up: an input without end must not block a server for ever."""

MAX_REPORTED_INPUT_BYTES = 4096
"""Bytes of the input that an event contains; its length and SHA-256 describe the rest."""


def read(call: Call) -> list[bytes]:
    """Read the whole body, as far as the app can know its end, and report it as `body`.

    `to=end`: the server knows its end, whatever environ says. If reading fails, `part` reports the bytes before that.
    """
    length, digest, head = 0, hashlib.sha256(), b""
    try:
        for block in body_blocks(call.environ, ends=call.query.get("to") == "end"):
            length += len(block)
            digest.update(block)
            head += block[: MAX_REPORTED_INPUT_BYTES - len(head)]
    except Exception:
        call.emit("part", length=length, data=head.decode("latin-1"))
        raise
    call.emit("body", length=length, sha256=digest.hexdigest(), data=head.decode("latin-1"))
    return call.text(f"gauntlet {call.token}\n")


def reads(call: Call) -> list[bytes]:
    """Do what `do` lists, separated by commas, with wsgi.input, and report each step as `read`.

    Steps: `read`, `read:N`, `readline`, `readline:N`, `readlines`, `readlines:N`, `next` (of one iterator), `iter` (all
    of a new one), `until:N` (read on until N bytes or the end), `rest` (so with what Content-Length leaves), `loop:N`
    (read(N) until the end), `hold:NAME`.
    If a step raises, the exception is reported and the next step follows.
    """
    stream = call.environ["wsgi.input"]
    # A number instead of a str must fail only the cases about it, and not every case with a body.
    declared = str(call.environ.get("CONTENT_LENGTH") or "")
    remaining = int(declared) if declared.isdigit() else 0
    iterator = None
    for step in call.query.get("do", "read").split(","):
        if step.startswith("hold:"):
            call.hold(step[5:])
            continue
        if step == "next" and iterator is None:
            iterator = iter(stream)
        try:
            result = _run_step(stream, iterator, f"until:{remaining}" if step == "rest" else step)
        except Exception as raised:
            call.emit("read", step=step, raised=describe_exception(raised))
            continue
        details = _describe_result(result)
        remaining = max(0, remaining - details.get("length", 0))
        call.emit("read", step=step, **details)
    return call.text(f"gauntlet {call.token}\n")


def input_methods(call: Call) -> list[bytes]:
    """Report, as `methods`, which of the four methods wsgi.input has."""
    stream = call.environ["wsgi.input"]
    names = ("read", "readline", "readlines", "__iter__")
    call.emit("methods", present=[name for name in names if callable(getattr(stream, name, None))])
    return call.text(f"gauntlet {call.token}\n")


def body_blocks(environ: Any, *, ends: bool = False) -> Iterator[bytes]:
    """Yield the body up to its end, which Content-Length gives. With `ends` the stream itself has an end."""
    stream = environ["wsgi.input"]
    declared = str(environ.get("CONTENT_LENGTH") or "")
    remaining = (
        int(declared) if declared.isdigit() else MAX_INPUT_BYTES if ends or environ.get("wsgi.input_terminated") else 0
    )
    while remaining > 0:
        block = stream.read(min(remaining, READ_BYTES))
        if not block:
            return
        remaining -= len(block)
        yield block


def _run_step(stream: Any, iterator: Any, step: str) -> Any:
    name, _, size = step.partition(":")
    if name == "iter":
        return list(stream)
    if name == "next":
        return next(iterator, b"")
    if name == "until":
        blocks, left = [], int(size)
        while left > 0:
            # Not all at once: a client declares the size, and PyPy reserves as much memory as a read asks for.
            block = stream.read(min(left, READ_BYTES))
            if not block:
                break
            blocks.append(block)
            left -= len(block)
        return b"".join(blocks)
    if name == "loop":
        # The limit is far above the reads that a case needs; a stream without end is reported.
        parts = []
        for _ in range(100000):
            block = stream.read(int(size))
            if not block:
                break
            parts.append(block)
        return b"".join(parts)
    method = getattr(stream, name)
    return method(int(size)) if size else method()


def _describe_result(result: Any) -> dict[str, Any]:
    parts = result if isinstance(result, list) else [result]
    detail: dict[str, Any] = {"type": type(result).__name__, "types": sorted({type(part).__name__ for part in parts})}
    if all(isinstance(part, bytes) for part in parts):
        data = b"".join(parts)
        detail.update(
            length=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            data=data[:MAX_REPORTED_INPUT_BYTES].decode("latin-1"),
        )
        if isinstance(result, list):
            detail["lines"] = [part[:200].decode("latin-1") for part in parts[:50]]
    else:
        detail["repr"] = ascii(result)[:500]
    return detail
