"""Exceptions that are no Exception: an app that ends its process, thread or greenlet, at any point of a response."""

from __future__ import annotations

from typing import Any, Iterator

from ..core.call import BINARY, OK, Call
from ..core.event_channel import ReportedBody


class PlannedExit(BaseException):
    """Raised on purpose. greenlet.GreenletExit and gevent.Timeout have the same base class."""


EXITS: dict[str, type[BaseException]] = {
    "system-exit": SystemExit,
    "keyboard-interrupt": KeyboardInterrupt,
    "generator-exit": GeneratorExit,
    "base-exception": PlannedExit,
}


def exits(call: Call) -> Any:
    """Raise the exception `how`, one of EXITS, at the point `when`.

    `call`: after start_response. `first`: in place of the first block. `middle`: after two blocks of 13 bytes in total.
    `close`: in close(), after both blocks. `length=N` adds Content-Length.
    """
    exit_type = EXITS[call.query["how"]]
    when = call.query["when"]
    length = [("Content-Length", call.query["length"])] if "length" in call.query else []
    call.start(OK, [BINARY, *length])
    if when == "call":
        raise exit_type(call.token)
    if when == "close":
        return _ExitingBody(call.token, [b"first\n", b"second\n"], exit_type)
    return _exiting_blocks(call.token, exit_type, count=0 if when == "first" else 2)


def _exiting_blocks(token: str, exit_type: type[BaseException], count: int) -> Iterator[bytes]:
    yield from (b"first\n", b"second\n")[:count]
    raise exit_type(token)


class _ExitingBody(ReportedBody):
    def __init__(self, token: str, blocks: list[bytes], exit_type: type[BaseException]) -> None:
        super().__init__(token, blocks)
        self._exit = exit_type(token)

    def close(self) -> None:
        """Report the call, and raise."""
        super().close()
        raise self._exit
