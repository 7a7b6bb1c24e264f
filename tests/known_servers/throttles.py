"""A server that is throttled: BEFORE answers at a time for the first PAGES, AFTER from then on, of MILLISECONDS each.

Its log says when that began.

usage: python -m known_servers.throttles HOST PORT PAGES BEFORE AFTER MILLISECONDS MODULE:CALLABLE
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable
from typing import Any

from .correct import ClientConnection, Request, run
from .fixed_service_time import FixedServiceTime


class Throttles(FixedServiceTime):
    def __init__(self, host: str, port: int, application: Callable[..., Any], arguments: list[str]) -> None:
        pages, before, after, milliseconds = arguments
        super().__init__(host, port, application, [before, milliseconds])
        self.pages, self.after = int(pages), int(after)

    def answer(self, client: ClientConnection, request: Request) -> bool:
        with self.lock:
            if request.number == self.pages + 1:
                print("throttled", file=sys.stderr, flush=True)  # noqa: T201 - it is its log
            if request.number > self.pages:
                while len(self.slot_free_times) > self.after:
                    heapq.heappop(self.slot_free_times)
        return super().answer(client, request)


if __name__ == "__main__":
    run(Throttles)
