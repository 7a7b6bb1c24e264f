"""Once AFTER pages have come, nobody gets an answer for SECONDS; then its log says how long it really was.

usage: python -m known_servers.stalls_once HOST PORT AFTER SECONDS MODULE:CALLABLE
"""

from __future__ import annotations

import sys
import threading
import time

from .correct import ClientConnection, Request, Server, run


class StallsOnce(Server):
    lock = threading.Lock()

    def answer(self, client: ClientConnection, request: Request) -> bool:
        after, seconds = int(self.arguments[0]), float(self.arguments[1])
        with self.lock:
            if request.number == after:
                began = time.perf_counter()
                time.sleep(seconds)
                print(f"stalled {time.perf_counter() - began:.6f}", file=sys.stderr, flush=True)  # noqa: T201 - its log
        return super().answer(client, request)


if __name__ == "__main__":
    run(StallsOnce)
