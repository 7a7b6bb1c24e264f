"""Counted responses of this process: how many have begun, and how many the server has closed."""

from __future__ import annotations

import gc
import os
import threading
from typing import Any, Iterator

from ..core.call import Call
from .pages import page


class ResponseCounts:
    """The number of responses in this process, and how many of them are closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.opened = 0
        self.closed = 0

    def open(self) -> None:
        """Count one more."""
        with self._lock:
            self.opened += 1

    def close(self) -> None:
        """Count one more that is closed."""
        with self._lock:
            self.closed += 1


RESPONSE_COUNTS = ResponseCounts()


class CountedBody:
    """The body of one response. Only the first call of its close() is counted."""

    def __init__(self, blocks: Any) -> None:
        self._blocks = iter(blocks)
        self._open = True
        RESPONSE_COUNTS.open()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._blocks)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Count this response as closed."""
        if self._open:
            self._open = False
            RESPONSE_COUNTS.close()


def counted_page(call: Call) -> CountedBody:
    """Answer as /page, with a counted body."""
    return CountedBody(page(call))


def open_answers(call: Call) -> list[bytes]:
    """Answer `PID OPENED CLOSED`, the counts of this process. `wait` as for /page; `collect=1` collects garbage."""
    if call.int_parameter("collect", 0):
        gc.collect()
    page_wait = call.int_parameter("wait", 0) / 1000.0
    if page_wait > 0:
        threading.Event().wait(page_wait)
    return call.text(f"{os.getpid()} {RESPONSE_COUNTS.opened} {RESPONSE_COUNTS.closed}\n")
