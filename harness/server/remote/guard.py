"""A watcher of a target under load: the target must prove itself repeatedly, and without a proof nobody may connect.

    valid proof                        connections may be opened
    another socket listens there       none may be opened until the next valid proof
    invalid proof                      the load ends at once
    no proof for MAX_SUSPENSION s      the load ends, unless the same socket still listens: that server is only busy

A server that replaces another one breaks its connections. So the guard controls new connections: every client asks here
first. Only sockets on this machine are visible; a proof of a server on another machine is good for a few connections.
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
"""Seconds from a valid proof to the next challenge."""

CHALLENGE_RETRY_INTERVAL = 0.03
"""Seconds to the next challenge if there was no proof."""

MIN_CHALLENGE_INTERVAL = 0.01
"""Seconds to the next challenge in any case."""

PROOF_FRESH_SECONDS = 0.02
"""For this many seconds after a valid proof, a suspicion is ignored."""

MAX_SUSPENSION = 0.7
"""Seconds without proof after which the load ends."""

LISTENER_CACHE_SECONDS = 0.002
"""Seconds for which a check of the listeners is good: it takes 50 µs, and there may be thousands of connections."""

LISTENER_POLL_INTERVAL = 0.05
"""Seconds between checks while nobody connects."""

CONNECTIONS_PER_PROOF = 24
"""Connections that one proof is good for if the listeners are not visible."""

MAX_PAUSE = 0.2
"""Seconds that a generator process waits for a proof after a wrong response."""


class Guard:
    """Watches the target at `address`, which has just proved itself. `shares` guards watch it at the same time.

    Clients that connect to `self.address` ask this guard. `revoked` says why the target may not be loaded any more.
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

    # ------------------------------------------------------------------ for the clients

    def may_connect(self) -> bool:
        """Return whether a connection may be opened now, and count it."""
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
        """Wait until a connection may be opened. Raises TargetRefused if the target may not be loaded any more."""
        while not self.may_connect():
            if self.revoked is not None:
                raise self.revoked
            await trio.sleep(ADMISSION_RETRY_INTERVAL)

    def report_wrong_response(self) -> None:
        """Challenge the target at once, and pause the clients until it has proved itself."""
        now = time.monotonic()
        if now - self._proved_at > PROOF_FRESH_SECONDS and now > self._held_until:
            self._suspected, self._held_until = now, now + MAX_PAUSE
            self._challenge_now.set()

    @property
    def must_pause(self) -> bool:
        """Whether clients must send nothing now, not even on open connections."""
        return self.revoked is not None or time.monotonic() < self._held_until

    # ------------------------------------------------------------------ the watch

    async def watch(self) -> None:
        """Watch the target until `revoked` is set. Run this in a task beside the load."""
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
                # Fewer sockets are normal: a server that shares its port among processes may lose some of them.
                self._suspend("another socket listens there than the one that proved itself")
        return self._suspended_since is None

    def _suspend(self, reason: str) -> None:
        self._reason = reason
        if self._suspended_since is None:
            self._suspended_since = time.monotonic()
            # A challenge that was sent earlier does not show who listens now.
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
                # The response was cut off: a server that ends a busy worker does that too.
                self._no_proof(str(wrong), before)
            return
        finally:
            self._attempt = None
            if self._challenged_at > self._suspected:
                self._held_until = -math.inf
        if _busy(response):
            self._no_proof(f"its response is {response.describe()}", before)
        elif before == listeners(self._plain):
            self._listeners = before
            self._credit = self._max_credit
            self._suspended_since = None
            self._proved_at = time.monotonic()

    def _no_proof(self, reason: str, before: frozenset[str]) -> None:
        """Record that there was neither a valid nor an invalid proof; a busy server does that too."""
        if not self._listeners or before != self._listeners:
            self._suspend(reason)


WatchCredentials = tuple[str, str, int]
"""The mount, the token and the number of watching processes. Another process needs them to watch a target."""


def watch_credentials(address: Address, processes: int) -> WatchCredentials | None:
    """Return the credentials for `processes` processes that watch the target at `address`, None if nobody watches."""
    guard = getattr(address, "guard", None)
    return (guard.mount, guard.token, processes) if isinstance(guard, Guard) else None


async def verify_in_process(address: Address, watch_credentials: WatchCredentials | None) -> None:
    """Let the target at `address` prove itself to this process, before any load. Raises TargetRefused.

    Its process may be on another machine than the one that the target proved itself to.
    """
    if watch_credentials is not None and isinstance(address, VerifiedAddress):
        mount, token, _ = watch_credentials
        challenge = secrets.token_hex(32)
        check_proof(await send_get(address, f"{mount}/proof?c={challenge}"), challenge, token)


@asynccontextmanager
async def guarded_in_process(address: Address, watch_credentials: WatchCredentials | None) -> AsyncIterator[Address]:
    """Watch the target at `address` for the block, in another process of the run. Raises the errors of `guarded`."""
    if watch_credentials is None or not isinstance(address, VerifiedAddress):
        yield address
        return
    async with guarded(Guard(address, *watch_credentials)) as watching:
        yield watching


@asynccontextmanager
async def guarded(guard: Guard) -> AsyncIterator[VerifiedAddress]:
    """Watch a target for the block, which gets the address to connect to and is cancelled if the guard revokes it.

    Raises TargetRefused then. Other errors of the block are raised as they are.
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
    """Return whether the response is that of a busy server, or of a proxy that limits requests."""
    return response.is_empty or (
        response.status is not None and (response.status >= 500 or response.status in (408, 429))
    )
