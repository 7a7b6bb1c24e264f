"""Each page waits 50 ms, as for a database or a service of somebody else, and uses no CPU time.

By Little's law N requests at a time give N / 0.05 s pages a second. So threads or greenlets win, until the CPU time
that the server needs for a request is the limit.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .response import respond

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def create_app(milliseconds: float = 50, sleep: Callable[[float], object] | None = None) -> WSGIApplication:
    """Return an app whose pages wait for `milliseconds`.

    `sleep` waits for seconds. Without it, `time.sleep` of the moment is used: gevent may have replaced it.
    """

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        (sleep or time.sleep)(milliseconds / 1000)
        return respond(start_response, f"waited {milliseconds:g} ms\n")

    return app


app = create_app()
