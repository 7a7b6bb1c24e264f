"""Clients that ask once, take their answer, and then keep the connection: a browser's tab that nobody looks at."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ...response import ResponseParser
from .personas import Dial, browser_head
from .slowlink import Dropped, Script

PIECE = 65536


def _nobody(_more: int) -> None:
    pass


@dataclass(frozen=True)
class Hoarder:
    """Asks for `target` on a connection to be kept alive, reads the whole answer, and says nothing more.

    A server that keeps no connection alive drops it at once, with the answer. `sits` is called with 1 for each that
    has its answer and stays, and with -1 when that one has gone.
    """

    target: str
    authority: str
    sits: Callable[[int], None] = _nobody

    def live(self, dial: Dial) -> Script:
        """Ask, and stay until the server has had enough."""
        link = yield from dial()
        yield from link.send(browser_head(self.target, self.authority))
        parser = ResponseParser()
        while not parser.done:
            parser.feed((yield from link.read(PIECE)))
        if parser.response().says_close:
            raise Dropped("FIN", parser.response().status or 0)
        self.sits(1)
        try:
            yield from link.idle(math.inf)
        finally:
            self.sits(-1)
