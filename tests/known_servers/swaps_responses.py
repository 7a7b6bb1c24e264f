"""Cross-talk: of every K pages two, asked for over different connections, are sent to each other's.

The K-th page waits for the next one, and both answers change places; its log counts the pages that were sent wrongly.

usage: python -m known_servers.swaps_responses HOST PORT K MODULE:CALLABLE
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from .correct import ClientConnection, Request, Server, run

SWAP_TIMEOUT_SECONDS = 0.05
"""Seconds that a page waits for another one."""


class PendingPage:
    """A page that waits for the one that it is exchanged for."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.exchanged = threading.Event()


class SwapsResponses(Server):
    def __init__(self, host: str, port: int, application: Callable[..., Any], arguments: list[str]) -> None:
        super().__init__(host, port, application, arguments)
        self.lock = threading.Lock()
        self.pending: PendingPage | None = None
        self.swapped = 0

    def answer(self, client: ClientConnection, request: Request) -> bool:
        head, body = self.call_app(request)
        client.send(self.exchange(head + body, request.number) if request.number else head + body)
        return request.keep

    def exchange(self, answer: bytes, number: int) -> bytes:
        with self.lock:
            if (other := self.pending) is not None:
                self.pending = None
                answer, other.answer = other.answer, answer
                self.swapped += 2
                print(f"swapped {self.swapped}", file=sys.stderr, flush=True)  # noqa: T201 - its log
                other.exchanged.set()
                return answer
            if number % int(self.arguments[0]):
                return answer
            self.pending = own_page = PendingPage(answer)
        own_page.exchanged.wait(SWAP_TIMEOUT_SECONDS)
        with self.lock:
            if self.pending is own_page:
                self.pending = None
            return own_page.answer


if __name__ == "__main__":
    run(SwapsResponses)
