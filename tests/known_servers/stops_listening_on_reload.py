"""SIGHUP ends its worker at once, with all that is under way, and nobody listens for SECONDS before the next worker.

Its log says how long that really was. usage: python -m known_servers.stops_listening_on_reload HOST PORT SECONDS
MODULE:CALLABLE
"""

from __future__ import annotations

import os
import signal
import sys
import time

from .correct import Server, run


class StopsListeningOnReload(Server):
    stopped_at = 0.0

    def serve(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        while True:
            worker = os.fork()
            if not worker:
                super().serve()
            signal.sigwait({signal.SIGHUP})
            self.stopped_at = time.monotonic()
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
            time.sleep(float(self.arguments[0]))

    def listening(self) -> None:
        if self.stopped_at:
            print(f"away {time.monotonic() - self.stopped_at:.6f}", file=sys.stderr, flush=True)  # noqa: T201 - it is its log


if __name__ == "__main__":
    run(StopsListeningOnReload)
