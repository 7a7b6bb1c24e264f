"""Clients that ask once, take their answer, and then keep the connection: a browser's tab that nobody looks at."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from wsgi_gauntlet.harness.http.parser import ResponseParser
from wsgi_gauntlet.harness.load.clients.behaviours import Connector, browser_head
from wsgi_gauntlet.harness.load.clients.slow_connection import Script, ServerDisconnected

RECEIVE_BYTES = 65536


def _ignore(_more: int) -> None:
    pass


@dataclass(frozen=True)
class IdleKeepAliveClient:
    """Asks for `target` on a connection to be kept alive, reads the whole answer, and says nothing more.

    A server that keeps no connection alive drops it at once, with the answer. `sits` is called with 1 for each that
    has its answer and stays, and with -1 when that one has gone.
    """

    target: str
    authority: str
    on_idle_change: Callable[[int], None] = _ignore

    def script(self, connect: Connector) -> Script:
        """Ask, and stay until the server has had enough."""
        connection = yield from connect()
        yield from connection.send(browser_head(self.target, self.authority))
        parser = ResponseParser()
        while not parser.done:
            parser.feed((yield from connection.read(RECEIVE_BYTES)))
        if parser.response().announces_close:
            raise ServerDisconnected("FIN", parser.response().status or 0)
        self.on_idle_change(1)
        try:
            yield from connection.idle(math.inf)
        finally:
            self.on_idle_change(-1)
