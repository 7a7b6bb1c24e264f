"""Bodies that the app returns, also with a wrong Content-Length."""

from __future__ import annotations

import io
from typing import Any, Iterable, Iterator

from ..core.call import BINARY, OK, TEXT, Call
from ..core.event_channel import emit

EVERY_BYTE = bytes(range(256)) + b"\r\n-\n-\r-\n\r-\r\r\n\n"
"""All byte values, and line ends in every order that a wrong conversion would change."""

ENDLESS_BLOCK = b"gauntlet" * 4096
ENDLESS_BLOCKS = 2048
"""32 KiB in each block and 64 MiB in total: more than all buffers between an app and a client that has gone."""

BLOCKS_BEFORE_HOLD = 8
"""Blocks before the barrier of /endless: proxies collect some 64 KiB before they pass the first bytes on."""


LARGE_BLOCK = bytes(range(256)) * 16384
"""4 MiB: more than a socket takes at once."""


class _SizedIterable:
    """An iterable of blocks with a length, which is no list."""

    def __init__(self, blocks: list[bytes]) -> None:
        self._blocks = blocks

    def __len__(self) -> int:
        return len(self._blocks)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._blocks)


class _Iterator:
    """An iterator written as a class."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)

    def __iter__(self) -> _Iterator:
        return self

    def __next__(self) -> bytes:
        return next(self._blocks)


class _Iterable:
    """An object with `__iter__` and nothing else."""

    def __init__(self, blocks: list[bytes]) -> None:
        self._blocks = blocks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._blocks)


class _AttributeRecorder:
    """An iterable that reports each attribute looked up on it, as `attribute`."""

    def __init__(self, token: str, blocks: list[bytes]) -> None:
        self.token = token
        self.blocks = iter(blocks)

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__(self, "__dict__")
        if name not in own:
            emit("attribute", own.get("token", ""), {"name": name})
        return object.__getattribute__(self, name)

    def __iter__(self) -> _AttributeRecorder:
        return self

    def __next__(self) -> bytes:
        block: bytes = next(object.__getattribute__(self, "blocks"))
        return block

    def close(self) -> None:
        """Report the call."""
        emit("closed", object.__getattribute__(self, "token"), {})


def every_byte(call: Call) -> list[bytes]:
    """Answer all byte values and mixed line ends with their length; `how=write` uses write()."""
    write = call.start(OK, [BINARY, ("Content-Length", str(len(EVERY_BYTE)))])
    if call.query.get("how") != "write":
        return [EVERY_BYTE]
    write(EVERY_BYTE)
    return []


def large_block(call: Call) -> list[bytes]:
    """Answer one block of 4 MiB without Content-Length."""
    call.start(OK, [BINARY])
    return [LARGE_BLOCK]


def stream(call: Call) -> Any:
    """Yield a block, wait at the barrier `second`, yield another; `declared=yes` adds Content-Length."""
    call.start(OK, [TEXT, ("Content-Length", "16")] if call.query.get("declared") == "yes" else [TEXT])

    def blocks() -> Iterator[bytes]:
        yield b"block 1\n"
        call.hold("second")
        yield b"block 2\n"

    return call.blocks(blocks())


def watched(call: Call) -> _AttributeRecorder:
    """Return an iterable that reports the attributes that the server looks up."""
    call.start()
    return _AttributeRecorder(call.token, [b"one\n", b"two\n"])


def sized(call: Call) -> Any:
    """Return blocks with a length: `what` is `list-1`, `list-2`, `tuple-1`, `tuple-2`, `object-1`, `object-2`."""
    call.start()
    kind, _, count = call.query["what"].partition("-")
    blocks = [b"one\n", b"two\n"][: int(count)]
    kinds: dict[str, Any] = {"list": list, "tuple": tuple, "object": _SizedIterable}
    return kinds[kind](blocks)


def written_then_list(call: Call) -> list[bytes]:
    """write() one block and return a list of length 1, whose block is not the whole body."""
    write = call.start()
    write(b"written\n")
    return [b"returned\n"]


def empty_blocks(call: Call) -> Iterator[bytes]:
    """Yield b'' before, between and after blocks that are not empty."""
    call.start()
    yield b""
    yield b"one\n"
    yield b""
    yield b""
    yield b"two\n"
    yield b""


def write_and_hold(call: Call) -> list[bytes]:
    """write() a block, wait at the barrier `written`, return another."""
    write = call.start()
    write(b"written\n")
    call.hold("written")
    return [b"returned\n"]


def write_empty(call: Call) -> list[bytes]:
    """write() b'' before, between and after blocks that are not empty."""
    write = call.start()
    for block in (b"", b"one\n", b"", b"two\n", b""):
        write(block)
    return []


def write_then_stream(call: Call) -> Any:
    """write() a block; then yield one, wait at the barrier `second`, yield another."""
    write = call.start()
    write(b"written\n")

    def blocks() -> Iterator[bytes]:
        yield b"block 1\n"
        call.hold("second")
        yield b"block 2\n"

    return call.blocks(blocks())


def write_in_order(call: Call) -> list[bytes]:
    """write() two blocks and return a third, or nothing with `then=nothing`."""
    write = call.start()
    write(b"one\n")
    write(b"two\n")
    return [] if call.query.get("then") == "nothing" else [b"three\n"]


def write_returned(call: Call) -> list[bytes]:
    """Report whether start_response returns a callable, and use it."""
    result, _ = call.attempt("start_response", call.start_response, OK, [TEXT])
    call.attempt("write", result, b"written\n")
    return []


def str_block(call: Call) -> list[Any]:
    """Return text instead of bytes."""
    call.start()
    return ["text, not bytes\n"]


def str_written(call: Call) -> list[bytes]:
    """write() text instead of bytes, and report the result."""
    write: Any = call.start()
    call.attempt("write", write, "text, not bytes\n")
    return []


def kinds(call: Call) -> Any:
    """Return the same two blocks as the kind of iterable that `what` names."""
    call.start()
    blocks = [b"one\n", b"two\n"]
    made: dict[str, Any] = {
        "list": lambda: blocks,
        "tuple": lambda: tuple(blocks),
        "generator": lambda: (block for block in blocks),
        "iterator-class": lambda: _Iterator(blocks),
        "iterable-object": lambda: _Iterable(blocks),
        "file-like": lambda: io.BytesIO(b"".join(blocks)),
    }
    return made[call.query["what"]]()


def endless(call: Call) -> Any:
    """Return far more than a connection buffers, from a body with close(). Only its end is reported.

    With `hold=NAME`, wait at that barrier before the block that makes it more than a response's first buffers.
    """
    call.start(OK, [BINARY])
    return _Endless(call)


class _Endless:
    def __init__(self, call: Call) -> None:
        self._call = call
        self._blocks_given = 0

    def __iter__(self) -> _Endless:
        return self

    def __next__(self) -> bytes:
        if self._blocks_given >= ENDLESS_BLOCKS:
            raise StopIteration
        if self._blocks_given == BLOCKS_BEFORE_HOLD and "hold" in self._call.query:
            self._call.hold(self._call.query["hold"])
        self._blocks_given += 1
        return ENDLESS_BLOCK

    def close(self) -> None:
        """Report the call and the number of blocks that were given."""
        emit("closed", self._call.token, {"blocks": self._blocks_given, "all": ENDLESS_BLOCKS})


def unknown_length(call: Call) -> Iterator[bytes]:
    """Yield two blocks without Content-Length."""
    call.start()
    yield b"one\n"
    yield b"two\n"


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
