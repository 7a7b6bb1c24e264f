"""Cross-talk: of every K pages two, asked for over different connections, are sent to each other's.

The K-th page waits for the next one, and both answers change places; its log counts the pages that were sent wrongly.

usage: python -m flawed.swaps HOST PORT K MODULE:CALLABLE
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from .sound import Client, Request, Server, run

NOBODY_ELSE = 0.05
"""Seconds that a page waits for another one."""


class Held:
    """A page that waits for the one that it is exchanged for."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.exchanged = threading.Event()


class Swaps(Server):
    def __init__(self, host: str, port: int, application: Callable[..., Any], arguments: list[str]) -> None:
        super().__init__(host, port, application, arguments)
        self.lock = threading.Lock()
        self.held: Held | None = None
        self.swapped = 0

    def answer(self, client: Client, request: Request) -> bool:
        head, body = self.call(request)
        client.send(self.exchange(head + body, request.number) if request.number else head + body)
        return request.keep

    def exchange(self, answer: bytes, number: int) -> bytes:
        with self.lock:
            if (other := self.held) is not None:
                self.held = None
                answer, other.answer = other.answer, answer
                self.swapped += 2
                print(f"swapped {self.swapped}", file=sys.stderr, flush=True)  # noqa: T201 - its log
                other.exchanged.set()
                return answer
            if number % int(self.arguments[0]):
                return answer
            self.held = mine = Held(answer)
        mine.exchanged.wait(NOBODY_ELSE)
        with self.lock:
            if self.held is mine:
                self.held = None
            return mine.answer


if __name__ == "__main__":
    run(Swaps)
