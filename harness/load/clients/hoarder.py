"""Clients that ask once, take their answer, and then keep the connection: a browser's tab that nobody looks at."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ...response import ResponseParser
from .personas import Dial, browser_head
from .slowlink import Dropped, Script

PIECE = 65536


def _nobody() -> None:
    pass


@dataclass(frozen=True)
class Hoarder:
    """Asks for `target` on a connection to be kept alive, reads the whole answer, and says nothing more.

    A server that keeps no connection alive drops it at once, with the answer. `answered` is called for each that is to
    be kept.
    """

    target: str
    authority: str
    answered: Callable[[], None] = _nobody

    def live(self, dial: Dial) -> Script:
        """Ask, and stay until the server has had enough."""
        link = yield from dial()
        yield from link.send(browser_head(self.target, self.authority))
        parser = ResponseParser()
        while not parser.done:
            parser.feed((yield from link.read(PIECE)))
        if parser.response().says_close:
            raise Dropped("FIN", parser.response().status or 0)
        self.answered()
        yield from link.idle(math.inf)
