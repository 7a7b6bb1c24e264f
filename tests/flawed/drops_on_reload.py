"""SIGHUP ends its worker at once, with all that is under way, and nobody listens for SECONDS before the next worker.

usage: python -m flawed.drops_on_reload HOST PORT SECONDS MODULE:CALLABLE
"""

from __future__ import annotations

import os
import signal
import time

from .sound import Server, run


class DropsOnReload(Server):
    def serve(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        while True:
            worker = os.fork()
            if not worker:
                super().serve()
            signal.sigwait({signal.SIGHUP})
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
            time.sleep(float(self.arguments[0]))


if __name__ == "__main__":
    run(DropsOnReload)
