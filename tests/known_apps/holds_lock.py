"""One page at a time in all threads and all processes, 20 ms each, as for apps that write to one sqlite file.

So every server gives at most 50 pages a second. Workers, threads and a proxy gain nothing.
"""

from __future__ import annotations

import fcntl
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .response import respond

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def create_app(
    milliseconds: float = 20, sleep: Callable[[float], object] | None = None, file: str = __file__
) -> WSGIApplication:
    """Return an app that holds a lock for `milliseconds` for each page. All processes lock the same `file`.

    `sleep` waits for seconds. Without it, `time.sleep` of the moment is used: gevent may have replaced it.
    """
    # Greenlets share a thread. The lock of the file would block the greenlet that holds it, so only one at a time asks.
    of_process = threading.Lock()

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with of_process, Path(file).open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)  # closing the file releases it
            (sleep or time.sleep)(milliseconds / 1000)
        return respond(start_response, f"locked for {milliseconds:g} ms\n")

    return app


app = create_app()
