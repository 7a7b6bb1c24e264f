"""Keeps watch over a target while it is loaded: it proves itself again and again, and without that nobody connects.

    right proof                        connections may be opened
    another socket listens there       none is opened until the proof is right again
    a wrong proof                      the load ends at once
    no proof for DOUBT seconds         the load ends, unless the same socket still listens: that server is only busy

A server that takes the place of another breaks the connections of that one. So new connections are what is held back,
and whoever opens one asks here first. What listens is seen on this machine alone; of a server on another one each proof
is good for a few connections.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import trio

from ...address import Address
from ...errors import TargetRefused
from ...response import Response
from .leave import WAIT
from .listeners import listeners
from .proof import Proven, Silent, Unreachable, asked, require_proof

EVERY = 0.1
"""Seconds between a right proof and the next question."""

SOONER = 0.03
"""Seconds until the next question where there was no proof."""

SOONEST = 0.01
"""Seconds until the next question, whatever happens."""

FRESH = 0.02
"""Seconds for which a right proof answers a suspicion, too."""

DOUBT = 0.7
"""Seconds that a doubt may last before the load ends."""

LOOK = 0.002
"""Seconds for which a look at who listens is good: it takes 50 µs, and there may be thousands of connections."""

LOOK_ALWAYS = 0.05
"""Seconds between looks when nobody connects."""

CREDIT = 24
"""Connections that one proof is good for where nobody sees who listens."""

HEARD_WITHIN = 0.2
"""Seconds that a lane waits for a proof after a wrong answer."""


class Guard:
    """Watches the target at `address`, which proved itself just now. `shares` guards watch it side by side.

    Whoever connects to its `address` asks it for leave. `lost` is why it may be loaded no more, None as long as it may.
    """

    def __init__(self, address: Proven, mount: str, token: str, shares: int = 1) -> None:
        self.lost: TargetRefused | None = None
        self.mount = mount
        self.token = token
        self._plain = replace(address, guard=None)
        self.address = replace(address, guard=self)
        self._listeners = listeners(address)
        self._looked = time.monotonic()
        self._most = max(1, CREDIT // shares)
        self._credit = self._most
        self._doubted: float | None = None
        self._said = "it did not prove itself"
        self._held_until = self._suspected = -math.inf
        self._proved = self._asked_at = time.monotonic()
        self._again = trio.Event()
        self._attempt: trio.CancelScope | None = None

    # ------------------------------------------------------------------ for those who load

    def admits(self) -> bool:
        """Say whether a connection may be opened now, and count it."""
        if self.lost is not None or self._doubted is not None:
            return False
        if self._listeners:
            return self._same_listeners()
        if self._credit * 2 <= self._most:
            self._again.set()
        if not self._credit:
            return False
        self._credit -= 1
        return True

    async def admitted(self) -> None:
        """Wait until a connection may be opened. Raises TargetRefused where none may be any more."""
        while not self.admits():
            if self.lost is not None:
                raise self.lost
            await trio.sleep(WAIT)

    def suspect(self) -> None:
        """Hear of a wrong answer: ask for a proof at once, and hold back what a lane would send until it is there."""
        now = time.monotonic()
        if now - self._proved > FRESH and now > self._held_until:
            self._suspected, self._held_until = now, now + HEARD_WITHIN
            self._again.set()

    @property
    def holds(self) -> bool:
        """Say whether a lane is to send nothing now, on open connections neither."""
        return self.lost is not None or time.monotonic() < self._held_until

    # ------------------------------------------------------------------ the watch

    async def watch(self) -> None:
        """Watch until the target is lost, and set `lost`. Run it in a task beside the load."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look)
            while self.lost is None:
                await self._prove()
                if self._doubted is not None and time.monotonic() - self._doubted > DOUBT:
                    self._lose(self._said)
                if self.lost is not None:
                    break
                await trio.sleep(SOONEST)
                calm = self._doubted is None and self._proved >= self._asked_at
                with trio.move_on_after(EVERY if calm else SOONER):
                    await self._again.wait()
                self._again = trio.Event()
            nursery.cancel_scope.cancel()

    async def _look(self) -> None:
        while True:
            await trio.sleep(LOOK_ALWAYS)
            if self._listeners:
                self._same_listeners()
            if self._doubted is not None and time.monotonic() - self._doubted > DOUBT:
                self._lose(self._said)

    def _same_listeners(self) -> bool:
        now = time.monotonic()
        if now - self._looked > LOOK:
            self._looked = now
            seen = listeners(self._plain)
            if not seen:
                self._doubt("nothing listens there any more")
            elif not seen <= self._listeners:
                # Fewer are no stranger's: a server that shares its port among processes may lose some of these.
                self._doubt("another socket listens there than the one that proved itself")
        return self._doubted is None

    def _doubt(self, said: str) -> None:
        self._said = said
        if self._doubted is None:
            self._doubted = time.monotonic()
            # A question from before says nothing of who is there now.
            if self._attempt is not None:
                self._attempt.cancel()
            self._again.set()

    def _lose(self, why: str) -> None:
        if self.lost is None:
            self.lost = TargetRefused(f"it no longer proves itself, so the load was ended: {why}")
        if self._attempt is not None:
            self._attempt.cancel()

    async def _prove(self) -> None:
        challenge = secrets.token_hex(32)
        before = listeners(self._plain)
        self._asked_at = time.monotonic()
        try:
            with trio.CancelScope() as self._attempt:
                answer = await asked(self._plain, f"{self.mount}/proof?c={challenge}")
            if self._attempt.cancelled_caught:
                return
            if not _busy(answer):
                require_proof(answer, challenge, self.token)
        except Silent:
            return
        except Unreachable as unreachable:
            self._unproved(str(unreachable), before)
            return
        except TargetRefused as wrong:
            if answer.complete or answer.status is None:
                self._lose(str(wrong))
            else:
                # Cut off in the middle: a server that ends a busy worker does so too.
                self._unproved(str(wrong), before)
            return
        finally:
            self._attempt = None
            if self._asked_at > self._suspected:
                self._held_until = -math.inf
        if _busy(answer):
            self._unproved(f"it answers {answer.describe()}", before)
        elif before == listeners(self._plain):
            self._listeners = before
            self._credit = self._most
            self._doubted = None
            self._proved = time.monotonic()

    def _unproved(self, said: str, before: frozenset[str]) -> None:
        """Take it that there was no proof and no wrong one; a server that is only busy does so too."""
        if not self._listeners or before != self._listeners:
            self._doubt(said)


Told = tuple[str, str, int]
"""What another process of this run needs to watch a target: its mount, the token, and how many watch it."""


def told(address: Address, processes: int) -> Told | None:
    """Return what each of `processes` needs to watch the target at `address`, None where nobody watches."""
    guard = getattr(address, "guard", None)
    return (guard.mount, guard.token, processes) if isinstance(guard, Guard) else None


@asynccontextmanager
async def watched_again(address: Address, told: Told | None) -> AsyncIterator[Address]:
    """Watch the target at `address` for the block, in a process of which it was `told`. Raises as `watched` does."""
    if told is None or not isinstance(address, Proven):
        yield address
        return
    async with watched(Guard(address, *told)) as watching:
        yield watching


@asynccontextmanager
async def watched(guard: Guard) -> AsyncIterator[Proven]:
    """Watch a target for the block, which is cancelled where it stands when the target is lost.

    It is given the address that asks for leave.

    Raises TargetRefused then. What else the block raises comes out as it is.
    """
    try:
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                await guard.watch()
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            try:
                yield guard.address
            finally:
                nursery.cancel_scope.cancel()
    except ExceptionGroup as group:
        if guard.lost is None:
            found: Exception = group
            while isinstance(found, ExceptionGroup) and len(found.exceptions) == 1:
                found = found.exceptions[0]
            raise found from None
    if guard.lost is not None:
        raise guard.lost


def _busy(answer: Response) -> bool:
    """Say whether it is what a server says or does that has too much to do, or a proxy that counts requests."""
    return answer.nothing or (answer.status is not None and (answer.status >= 500 or answer.status in (408, 429)))
