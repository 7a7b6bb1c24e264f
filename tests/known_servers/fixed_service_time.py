"""So many answers at a time, each of which takes exactly MILLISECONDS: capacity is SLOTS / MILLISECONDS.

With EVERY only each EVERY-th page takes a slot and that time; all others are answered at once.

The slots are times and no threads: an answer is due when its slot says, in the order in which requests came. So a
thread that wakes up late on a busy machine makes one answer late and takes nothing from the capacity.

usage: python -m known_servers.fixed_service_time HOST PORT SLOTS MILLISECONDS [EVERY] MODULE:CALLABLE
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from typing import Any

from .correct import ClientConnection, Request, Server, run


class FixedServiceTime(Server):
    def __init__(self, host: str, port: int, application: Callable[..., Any], arguments: list[str]) -> None:
        super().__init__(host, port, application, arguments)
        slots, milliseconds, self.every = map(int, [*arguments, "1"][:3])
        self.service_seconds = milliseconds / 1000
        self.slot_free_times = [0.0] * slots
        self.lock = threading.Lock()

    def answer(self, client: ClientConnection, request: Request) -> bool:
        if request.number and request.number % self.every == 0:
            now = time.perf_counter()
            with self.lock:
                done = max(now, heapq.heappop(self.slot_free_times)) + self.service_seconds
                heapq.heappush(self.slot_free_times, done)
            time.sleep(max(0.0, done - time.perf_counter()))
        return super().answer(client, request)


if __name__ == "__main__":
    run(FixedServiceTime)
