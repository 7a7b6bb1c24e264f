"""Permission to open a connection: a watched target may first have to prove itself again (remote/guard.py).

Servers that the harness started need no permission.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from wsgi_gauntlet.harness.http.address import Address

ADMISSION_RETRY_INTERVAL = 0.01
"""Seconds between two attempts to get permission."""


class AdmissionControl(Protocol):
    """The watcher of a target."""

    def may_connect(self) -> bool:
        """Return whether a connection may be opened now, and count it."""

    async def wait_until_may_connect(self) -> None:
        """Wait until a connection may be opened. Raises TargetRefused if the target may not be loaded any more."""

    def report_wrong_response(self) -> None:
        """Record that a client got a wrong response."""

    @property
    def must_pause(self) -> bool:
        """Whether clients must send nothing now, not even on open connections."""


def guard_of(address: Address) -> AdmissionControl | None:
    """Return the watcher of `address`, None if nobody watches it."""
    found: AdmissionControl | None = getattr(address, "guard", None)
    return found


def may_connect(address: Address) -> bool:
    """Return whether a connection to `address` may be opened now; always true for servers that the harness started."""
    guard = guard_of(address)
    return guard is None or guard.may_connect()


async def wait_until_may_connect(address: Address) -> None:
    """Wait until a connection to `address` may be opened. Raises TargetRefused if the target may not be loaded."""
    guard = guard_of(address)
    if guard is not None:
        await guard.wait_until_may_connect()


def wait_for_admission(address: Address) -> Generator[tuple[float, None], bool, None]:
    """Wait, in the generator of a slow client, until a connection to `address` may be opened."""
    while not may_connect(address):
        yield ADMISSION_RETRY_INTERVAL, None
