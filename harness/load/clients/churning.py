"""Clients that come once: each connects, asks for one page, reads it, and ends the connection, one way or the other."""

from __future__ import annotations

import enum
import errno
import os
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field

import trio

from ...address import Address
from ...errors import Unsupported
from ...histogram import Histogram
from ...model import Outcome
from ...response import Ending, ResponseParser
from ..judging.grading import health
from ..lanes.sources import Sources
from ..pacing import Pacer, schedule
from ..question import Question
from ..targets.leave import waiting
from .drive import Drive, Ride
from .link import ours
from .slowlink import Dropped, Script, SlowLink, Wait

TIMEOUT = 5.0
"""Seconds after which a client gives up."""

SIZE = 2000
"""Bytes of the page that it asks for."""

PIECE = 64 * 1024


class Farewell(enum.StrEnum):
    """How a client ends its connection once it has its answer."""

    ORDERLY = "in good order"
    RESET = "by RST"


@dataclass
class Churned:
    """What became of clients that came once. Times in seconds, histograms in nanoseconds.

    `seconds` is from the first intended moment to the last arrival. Every client is `ok`, `failed` (a wrong or broken
    answer), `refused` (no connection) or `given_up` after TIMEOUT; so they add up to `due`. `trouble` is the first
    answer that was wrong or broken, in words.
    """

    farewell: Farewell
    due: int = 0
    seconds: float = 0.0
    ok: int = 0
    failed: int = 0
    refused: int = 0
    given_up: int = 0
    trouble: str = ""
    connect: Histogram = field(default_factory=Histogram)
    answer: Histogram = field(default_factory=Histogram)
    lateness: list[float] = field(default_factory=list)

    @property
    def started(self) -> int:
        """How many came."""
        return len(self.lateness)

    @property
    def per_second(self) -> float:
        """Clients that came, per second."""
        return self.started / self.seconds if self.seconds else 0.0

    @property
    def lost(self) -> int:
        """How many got no right answer."""
        return self.failed + self.refused + self.given_up

    @property
    def unfit(self) -> str:
        """Say why the generator was not fit, '' where it was."""
        took = max(self.seconds, 1e-9)
        verdict = health(self.lateness, due=self.due, sent=self.started, elapsed=took, cpu_share=0.0, p50=None)
        return verdict.why if not verdict.valid else ""


class Churn:
    """Sends such clients to `address`. `drive` is run by somebody else; `question` is what they ask."""

    def __init__(self, address: Address, question: Question, drive: Drive) -> None:
        if address.tls:
            raise Unsupported("load over TLS is not measured")
        self._address = address
        self._question = question
        self._drive = drive
        self._sources = Sources(address)
        self._count = 0
        self._held = 0
        self._under_way: deque[tuple[float, Ride, Churned]] = deque()

    async def go(self, pacer: Pacer, seconds: float, farewell: Farewell) -> Churned:
        """Let clients come as `pacer` says for `seconds`, and return what became of all of them.

        That is TIMEOUT later at the latest. Raises OutOfResources where this machine has no port or descriptor left.
        """
        found = Churned(farewell)
        begin = trio.current_time()
        for due in schedule(pacer, seconds):
            if begin + due > trio.current_time():
                await trio.sleep_until(begin + due)
                self._give_up()
            found.due += 1
            self._come(found, begin + due)
        found.seconds = max(seconds, trio.current_time() - begin)
        until = trio.current_time() + TIMEOUT
        while self._under_way and trio.current_time() < until:
            await trio.sleep(0.01)
            self._give_up()
        self._give_up(everybody=True)
        return found

    def _come(self, found: Churned, due: float) -> None:
        found.lateness.append(trio.current_time() - due)
        ride = self._drive.start(self._visit(found))
        if ride.script is not None:
            self._under_way.append((trio.current_time(), ride, found))

    def _give_up(self, *, everybody: bool = False) -> None:
        """End those that wait for too long; they are under way in the order in which they came."""
        limit = trio.current_time() - TIMEOUT
        while self._under_way:
            came, ride, found = self._under_way[0]
            if ride.script is not None:
                if came > limit and not everybody:
                    return
                self._drive.stop(ride)
                found.given_up += 1
            self._under_way.popleft()

    def _visit(self, found: Churned) -> Script:
        began = time.perf_counter_ns()
        link = None
        try:
            yield from waiting(self._address)
            link = self._dialled()
            self._drive.watch(link)
            yield from link.connected()
            found.connect.record(time.perf_counter_ns() - began)
            trouble = yield from self._ask(link)
        except Dropped as dropped:
            found.failed += 1
            found.trouble = found.trouble or f"{dropped.how} before the request was out"
        except OSError:
            found.refused += 1
        else:
            if trouble:
                found.failed += 1
                found.trouble = found.trouble or trouble
            else:
                found.ok += 1
                found.answer.record(time.perf_counter_ns() - began)
        finally:
            if link is not None:
                self._held -= 1
                if found.farewell is Farewell.RESET:
                    link.reset()
                else:
                    link.close()

    def _ask(self, link: SlowLink) -> Generator[Wait, bool, str]:
        """Ask for a page and return what is wrong with its answer, '' for nothing."""
        self._count += 1
        nonce = f"churn-{self._count:x}"
        # It says nothing of closing: what ends the connection is to be the client's FIN or RST.
        yield from link.send(self._question.request(self._address, nonce, SIZE, keep=True))
        parser = ResponseParser()
        while not parser.done:
            try:
                parser.feed((yield from link.read(PIECE)))
            except Dropped as dropped:
                parser.eof(Ending.EOF if dropped.how == "FIN" else Ending.RESET)
        answer = parser.response()
        outcome = self._question.outcome(answer, nonce, SIZE)
        return "" if outcome is Outcome.OK else f"{outcome}: {answer.describe()}"

    def _dialled(self) -> SlowLink:
        sock, code = self._sources.connect(self._held)
        if code not in (0, errno.EINPROGRESS):
            sock.close()
            raise ours(OSError(code, os.strerror(code)))
        self._held += 1
        return SlowLink(sock)
