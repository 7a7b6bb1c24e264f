"""Clients that vanish, by RST, in the middle of what they began: a closed laptop, a tunnel, a proxy that gave up."""

from __future__ import annotations

import enum
import itertools
from collections import Counter
from collections.abc import Sequence

from ...errors import BadConfiguration
from .personas import Dial, browser_head
from .slowlink import Dropped, Script, SlowLink, pause

DECLARED = 8000
"""Bytes of body that a client declares; it sends half of them."""

MOMENT = 0.02
"""Seconds between what a client sent last and its end: the server has begun to read it, or it waits for its turn."""

WINDOW = 16 * 1024
"""Bytes of receive buffer: the server is still sending when the client has read half of a page that is a few times as
long as what the kernel takes on its side."""

PIECE = 64 * 1024


class Place(enum.StrEnum):
    """Where in its request or its answer a client vanishes."""

    HEAD = "head"
    BODY = "body"
    ANSWER = "answer"


class Vanishing:
    """Vanishes in each of `places` by turns, `interval` seconds after the last time, and so on.

    One of these stands for all clients of a crowd: `gone` counts them all, `met` the answers whose body had begun to
    arrive, and after `most` of them in all nobody vanishes any more.
    """

    def __init__(
        self,
        mount: str,
        authority: str,
        places: Sequence[Place],
        *,
        interval: float,
        size: int,
        most: int | None = None,
    ) -> None:
        if not places:
            raise BadConfiguration("clients that vanish need a place to do it: head, body or answer")
        self.gone: Counter[Place] = Counter()
        self.met = 0
        self._mount, self._authority = mount, authority
        self._places = itertools.cycle(places)
        self._interval = interval
        self._size = size
        self._most = most
        self._begun = 0

    def live(self, dial: Dial) -> Script:
        """Begin something and vanish, again and again."""
        while self._most is None or self._begun < self._most:
            place = next(self._places)
            self._begun += 1
            whole = False
            try:
                link = yield from dial(WINDOW if place is Place.ANSWER else None)
                yield from self._begin(link, place)
                link.reset()
                self.gone[place] += 1
                whole = True
            finally:
                # One whom the server dropped did not vanish: somebody else, or the same one later, is to do it.
                self._begun -= not whole
            yield from pause(self._interval)
        yield from pause(float("inf"))

    def _begin(self, link: SlowLink, place: Place) -> Script:
        if place is Place.HEAD:
            head = browser_head(f"{self._mount}/page?n=gone", self._authority)
            yield from link.send(head[: len(head) // 2])
            yield from link.silence(MOMENT)
        elif place is Place.BODY:
            length = f"Content-Length: {DECLARED}\r\n"
            head = browser_head(f"{self._mount}/sink", self._authority, "POST", length)
            yield from link.send(head + bytes(DECLARED // 2))
            yield from link.silence(MOMENT)
        else:
            target = f"{self._mount}/counted-page?n=gone&size={self._size}"
            yield from link.send(browser_head(target, self._authority))
            yield from self._read_half(link)

    def _read_half(self, link: SlowLink) -> Script:
        beginning = b""
        while b"\r\n\r\n" not in beginning:
            beginning += yield from link.read(PIECE)
        if beginning.split(b" ", 2)[1:2] != [b"200"]:
            raise Dropped("FIN")
        read = len(beginning.partition(b"\r\n\r\n")[2])
        met = False
        while read < self._size // 2:
            if read and not met:
                met = True
                self.met += 1
            read += len((yield from link.read(PIECE)))
        self.met += not met
