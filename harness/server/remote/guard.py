"""Keeps watch over a target while it is loaded: it proves itself again and again, and without that nobody connects.

    right proof                        connections may be opened
    another socket listens there       none is opened until the proof is right again
    a wrong proof                      the load ends at once
    no proof for MAX_SUSPENSION s      the load ends, unless the same socket still listens: that server is only busy

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

from wsgi_gauntlet.harness.errors import TargetRefused, leaf_exceptions
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.admission import ADMISSION_RETRY_INTERVAL
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.server.remote.listeners import listeners
from wsgi_gauntlet.harness.server.remote.proof import NoResponse, Unreachable, VerifiedAddress, check_proof, send_get

CHALLENGE_INTERVAL = 0.1
"""Seconds between a right proof and the next question."""

CHALLENGE_RETRY_INTERVAL = 0.03
"""Seconds until the next question where there was no proof."""

MIN_CHALLENGE_INTERVAL = 0.01
"""Seconds until the next question, whatever happens."""

PROOF_FRESH_SECONDS = 0.02
"""Seconds for which a right proof answers a suspicion, too."""

MAX_SUSPENSION = 0.7
"""Seconds that a doubt may last before the load ends."""

LISTENER_CACHE_SECONDS = 0.002
"""Seconds for which a look at who listens is good: it takes 50 µs, and there may be thousands of connections."""

LISTENER_POLL_INTERVAL = 0.05
"""Seconds between looks when nobody connects."""

CONNECTIONS_PER_PROOF = 24
"""Connections that one proof is good for where nobody sees who listens."""

MAX_PAUSE = 0.2
"""Seconds that a lane waits for a proof after a wrong answer."""


class Guard:
    """Watches the target at `address`, which proved itself just now. `shares` guards watch it side by side.

    Whoever connects to its `address` asks it for leave. `lost` is why it may be loaded no more, None as long as it may.
    """

    def __init__(self, address: VerifiedAddress, mount: str, token: str, shares: int = 1) -> None:
        self.revoked: TargetRefused | None = None
        self.mount = mount
        self.token = token
        self._plain = replace(address, guard=None)
        self.address = replace(address, guard=self)
        self._listeners = listeners(address)
        self._looked_at = time.monotonic()
        self._max_credit = max(1, CONNECTIONS_PER_PROOF // shares)
        self._credit = self._max_credit
        self._suspended_since: float | None = None
        self._reason = "it did not prove itself"
        self._held_until = self._suspected = -math.inf
        self._proved_at = self._challenged_at = time.monotonic()
        self._challenge_now = trio.Event()
        self._attempt: trio.CancelScope | None = None

    # ------------------------------------------------------------------ for those who load

    def may_connect(self) -> bool:
        """Say whether a connection may be opened now, and count it."""
        if self.revoked is not None or self._suspended_since is not None:
            return False
        if self._listeners:
            return self._same_listeners()
        if self._credit * 2 <= self._max_credit:
            self._challenge_now.set()
        if not self._credit:
            return False
        self._credit -= 1
        return True

    async def wait_until_may_connect(self) -> None:
        """Wait until a connection may be opened. Raises TargetRefused where none may be any more."""
        while not self.may_connect():
            if self.revoked is not None:
                raise self.revoked
            await trio.sleep(ADMISSION_RETRY_INTERVAL)

    def report_wrong_response(self) -> None:
        """Hear of a wrong answer: ask for a proof at once, and hold back what a lane would send until it is there."""
        now = time.monotonic()
        if now - self._proved_at > PROOF_FRESH_SECONDS and now > self._held_until:
            self._suspected, self._held_until = now, now + MAX_PAUSE
            self._challenge_now.set()

    @property
    def must_pause(self) -> bool:
        """Say whether a lane is to send nothing now, on open connections neither."""
        return self.revoked is not None or time.monotonic() < self._held_until

    # ------------------------------------------------------------------ the watch

    async def watch(self) -> None:
        """Watch until the target is lost, and set `lost`. Run it in a task beside the load."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look)
            while self.revoked is None:
                await self._challenge()
                if self._suspended_since is not None and time.monotonic() - self._suspended_since > MAX_SUSPENSION:
                    self._revoke(self._reason)
                if self.revoked is not None:
                    break
                await trio.sleep(MIN_CHALLENGE_INTERVAL)
                calm = self._suspended_since is None and self._proved_at >= self._challenged_at
                with trio.move_on_after(CHALLENGE_INTERVAL if calm else CHALLENGE_RETRY_INTERVAL):
                    await self._challenge_now.wait()
                self._challenge_now = trio.Event()
            nursery.cancel_scope.cancel()

    async def _look(self) -> None:
        while True:
            await trio.sleep(LISTENER_POLL_INTERVAL)
            if self._listeners:
                self._same_listeners()
            if self._suspended_since is not None and time.monotonic() - self._suspended_since > MAX_SUSPENSION:
                self._revoke(self._reason)

    def _same_listeners(self) -> bool:
        now = time.monotonic()
        if now - self._looked_at > LISTENER_CACHE_SECONDS:
            self._looked_at = now
            seen = listeners(self._plain)
            if not seen:
                self._suspend("nothing listens there any more")
            elif not seen <= self._listeners:
                # Fewer are no stranger's: a server that shares its port among processes may lose some of these.
                self._suspend("another socket listens there than the one that proved itself")
        return self._suspended_since is None

    def _suspend(self, reason: str) -> None:
        self._reason = reason
        if self._suspended_since is None:
            self._suspended_since = time.monotonic()
            # A question from before says nothing of who is there now.
            if self._attempt is not None:
                self._attempt.cancel()
            self._challenge_now.set()

    def _revoke(self, why: str) -> None:
        if self.revoked is None:
            self.revoked = TargetRefused(f"it no longer proves itself, so the load was ended: {why}")
        if self._attempt is not None:
            self._attempt.cancel()

    async def _challenge(self) -> None:
        challenge = secrets.token_hex(32)
        before = listeners(self._plain)
        self._challenged_at = time.monotonic()
        try:
            with trio.CancelScope() as self._attempt:
                response = await send_get(self._plain, f"{self.mount}/proof?c={challenge}")
            if self._attempt.cancelled_caught:
                return
            if not _busy(response):
                check_proof(response, challenge, self.token)
        except NoResponse:
            return
        except Unreachable as unreachable:
            self._no_proof(str(unreachable), before)
            return
        except TargetRefused as wrong:
            if response.complete or response.status is None:
                self._revoke(str(wrong))
            else:
                # Cut off in the middle: a server that ends a busy worker does so too.
                self._no_proof(str(wrong), before)
            return
        finally:
            self._attempt = None
            if self._challenged_at > self._suspected:
                self._held_until = -math.inf
        if _busy(response):
            self._no_proof(f"it answers {response.describe()}", before)
        elif before == listeners(self._plain):
            self._listeners = before
            self._credit = self._max_credit
            self._suspended_since = None
            self._proved_at = time.monotonic()

    def _no_proof(self, reason: str, before: frozenset[str]) -> None:
        """Take it that there was no proof and no wrong one; a server that is only busy does so too."""
        if not self._listeners or before != self._listeners:
            self._suspend(reason)


WatchCredentials = tuple[str, str, int]
"""What another process of this run needs to watch a target: its mount, the token, and how many watch it."""


def watch_credentials(address: Address, processes: int) -> WatchCredentials | None:
    """Return what each of `processes` needs to watch the target at `address`, None where nobody watches."""
    guard = getattr(address, "guard", None)
    return (guard.mount, guard.token, processes) if isinstance(guard, Guard) else None


@asynccontextmanager
async def guarded_in_process(address: Address, watch_credentials: WatchCredentials | None) -> AsyncIterator[Address]:
    """Watch the target at `address` for the block, in a process of which it was `told`. Raises as `watched` does."""
    if watch_credentials is None or not isinstance(address, VerifiedAddress):
        yield address
        return
    async with guarded(Guard(address, *watch_credentials)) as watching:
        yield watching


@asynccontextmanager
async def guarded(guard: Guard) -> AsyncIterator[VerifiedAddress]:
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
        if guard.revoked is None:
            leaves = list(leaf_exceptions(group))
            raise (leaves[0] if len(leaves) == 1 else group) from None
    if guard.revoked is not None:
        raise guard.revoked


def _busy(response: Response) -> bool:
    """Say whether it is what a server says or does that has too much to do, or a proxy that counts requests."""
    return response.is_empty or (
        response.status is not None and (response.status >= 500 or response.status in (408, 429))
    )
