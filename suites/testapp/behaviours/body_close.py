"""Bodies with close(), and errors that may prevent its call."""

from __future__ import annotations

from typing import Any, Iterator

from ..core.call import OK, TEXT, Call
from ..core.event_channel import ReportedBody, emit
from .failures import SECRET
from .start_response import PlannedError


def closing(call: Call) -> Any:
    """Return a body with close() that reports every step; `status` is 200 by default."""
    call.start(call.query.get("status", OK), [TEXT])
    return call.blocks([b"one\n", b"two\n"])


def closing_held(call: Call) -> Any:
    """Return a body with close() and a length. It waits at the barrier `last` after its only block."""
    call.start(OK, [TEXT, ("Content-Length", "4")])

    def blocks() -> Iterator[bytes]:
        yield b"one\n"
        call.hold("last")

    return call.blocks(blocks())


def closing_after_error(call: Call) -> Any:
    """Return a body with close() whose second block raises."""
    call.start()

    def blocks() -> Iterator[bytes]:
        yield b"one\n"
        raise PlannedError("raised while the body was iterated")

    return call.blocks(blocks())


def closing_after_start_error(call: Call) -> Any:
    """Return a body with close() whose first next() makes start_response raise: a second call without exc_info."""

    def blocks() -> Iterator[bytes]:
        call.start()
        call.start()
        call.emit("returned", where="second")
        yield b"one\n"

    return call.blocks(blocks())


def closing_unstarted(call: Call) -> Any:
    """Return a body with close() and never call start_response."""
    return call.blocks([b"a body without a status\n"])


def closing_without_iteration(call: Call) -> Any:
    """Return a body with close() whose `__iter__` raises."""
    call.start()
    return _BodyWithFailingIter(call.token)


def closing_badly(call: Call) -> Any:
    """Return a body whose close() raises, after a body of known length (`length=yes`) or of unknown length."""
    call.start(OK, [TEXT, ("Content-Length", "8")] if call.query.get("length") == "yes" else [TEXT])
    return _BodyWithFailingClose(call.token, [b"one\n", b"two\n"])


class _BodyWithFailingIter:
    def __init__(self, token: str) -> None:
        self._token = token

    def __iter__(self) -> Iterator[bytes]:
        emit("raised", self._token, {"where": "iter"})
        raise PlannedError("raised by __iter__ of the body")

    def close(self) -> None:
        """Report the call."""
        emit("closed", self._token, {})


class _BodyWithFailingClose(ReportedBody):
    def close(self) -> None:
        """Report the call, and raise."""
        super().close()
        raise PlannedError(f"in close() of the body: {SECRET} {self._token}")
