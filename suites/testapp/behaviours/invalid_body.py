"""Bodies that are not bytes: blocks and return values of other types."""

from __future__ import annotations

from array import array
from typing import Any, Callable, Iterator

from ..core.call import BINARY, OK, TEXT, Call

GAUNTLET = b"gauntlet"
"""The content of every bytes-like object."""

INVALID_BLOCKS: dict[str, Callable[[], Any]] = {
    "str": lambda: "text",
    "empty-str": lambda: "",
    "int": lambda: 5,
    "zero": lambda: 0,
    "true": lambda: True,
    "float": lambda: 1.5,
    "none": lambda: None,
    "list": lambda: [b"inner"],
    "bytearray": lambda: bytearray(GAUNTLET),
    "memoryview": lambda: memoryview(GAUNTLET),
    "wide-memoryview": lambda: memoryview(array("H", GAUNTLET)),
}
"""Values that are no blocks. The wide memoryview has 4 items of 2 bytes."""


class _AsyncIterable:
    """An object that only `async for` can iterate."""

    def __aiter__(self) -> _AsyncIterable:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


async def _coroutine() -> list[bytes]:
    return [b"awaited\n"]


async def _async_generator() -> Any:
    yield b"awaited\n"


INVALID_RESULTS: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "int": lambda: 5,
    "zero": lambda: 0,
    "false": lambda: False,
    "float": lambda: 1.5,
    "object": object,
    "function": lambda: lambda: [b"called\n"],
    "coroutine": _coroutine,
    "async-iterable": _AsyncIterable,
    "async-generator": _async_generator,
    "str": lambda: "text",
    "dict": lambda: {"text": b"value"},
    "bytes": lambda: GAUNTLET,
}
"""Return values that are no iterables of bytes."""


def invalid_block(call: Call) -> Any:
    """Yield the invalid block `what`: alone (`at=first`) or between two others (`at=later`).

    `length=yes` adds the Content-Length of the two others. `reported=yes` returns a body that reports its steps.
    """
    block = INVALID_BLOCKS[call.query["what"]]()
    later = call.query.get("at") == "later"
    headers = [BINARY, ("Content-Length", "12")] if call.query.get("length") == "yes" else [BINARY]
    call.start(OK, headers)
    blocks = [b"first\n", block, b"third\n"] if later else [block]
    if call.query.get("reported") == "yes":
        return call.blocks(blocks)
    return _generator(blocks) if later else blocks


def invalid_written(call: Call) -> list[bytes]:
    """write() the invalid block `what` after a valid one, and report the result."""
    write: Any = call.start(OK, [BINARY])
    write(b"first\n")
    call.attempt("write", write, INVALID_BLOCKS[call.query["what"]]())
    return []


def invalid_result(call: Call) -> Any:
    """Return the invalid result `what`, after a call of start_response."""
    call.start(OK, [TEXT])
    return INVALID_RESULTS[call.query["what"]]()


def _generator(blocks: list[Any]) -> Iterator[Any]:
    yield from blocks
