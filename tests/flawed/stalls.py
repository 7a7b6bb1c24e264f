"""Once AFTER pages have come, nobody gets an answer for SECONDS; then its log says how long it really was.

usage: python -m flawed.stalls HOST PORT AFTER SECONDS MODULE:CALLABLE
"""

from __future__ import annotations

import sys
import threading
import time

from .sound import Client, Request, Server, run


class Stalls(Server):
    turn = threading.Lock()

    def answer(self, client: Client, request: Request) -> bool:
        after, seconds = int(self.arguments[0]), float(self.arguments[1])
        with self.turn:
            if request.number == after:
                began = time.perf_counter()
                time.sleep(seconds)
                print(f"stalled {time.perf_counter() - began:.6f}", file=sys.stderr, flush=True)  # noqa: T201 - its log
        return super().answer(client, request)


if __name__ == "__main__":
    run(Stalls)
