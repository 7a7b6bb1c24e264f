"""Every K-th page is late by MILLISECONDS. Its log says by how much each of them really was, in seconds.

usage: python -m known_servers.delays_pages HOST PORT K MILLISECONDS MODULE:CALLABLE
"""

from __future__ import annotations

import sys
import time

from .correct import ClientConnection, Request, Server, run


class DelaysPages(Server):
    def answer(self, client: ClientConnection, request: Request) -> bool:
        every, milliseconds = map(int, self.arguments)
        if not request.number or request.number % every:
            return super().answer(client, request)
        began = time.perf_counter()
        time.sleep(milliseconds / 1000)
        kept = super().answer(client, request)
        print(f"delayed {time.perf_counter() - began:.6f}", file=sys.stderr, flush=True)  # noqa: T201 - it is its log
        return kept


if __name__ == "__main__":
    run(DelaysPages)
