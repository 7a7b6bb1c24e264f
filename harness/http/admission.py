"""Whoever opens a connection asks here first: a target that is watched may have to prove itself anew before that.

Servers that were started here need no leave. guard.py gives it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

from wsgi_gauntlet.harness.http.address import Address

ADMISSION_RETRY_INTERVAL = 0.01
"""Seconds between two attempts of whoever may not connect yet."""


class AdmissionControl(Protocol):
    """Who watches a target."""

    def may_connect(self) -> bool:
        """Say whether a connection may be opened now, and count it."""

    async def wait_until_may_connect(self) -> None:
        """Wait until a connection may be opened. Raises TargetRefused where none may be any more."""

    def report_wrong_response(self) -> None:
        """Hear of a wrong answer."""

    @property
    def must_pause(self) -> bool:
        """Say whether a lane is to send nothing now, on open connections neither."""


def guard_of(address: Address) -> AdmissionControl | None:
    """Return who watches over `address`, None where nobody needs to."""
    found: AdmissionControl | None = getattr(address, "guard", None)
    return found


def may_connect(address: Address) -> bool:
    """Say whether a connection to `address` may be opened now; only a target that is watched may say no."""
    guard = guard_of(address)
    return guard is None or guard.may_connect()


async def wait_until_may_connect(address: Address) -> None:
    """Wait until a connection to `address` may be opened. Raises TargetRefused where none may be any more."""
    guard = guard_of(address)
    if guard is not None:
        await guard.wait_until_may_connect()


def wait_for_admission(address: Address) -> Generator[tuple[float, None], bool, None]:
    """Wait, as a script of a slow client does, until a connection to `address` may be opened."""
    while not may_connect(address):
        yield ADMISSION_RETRY_INTERVAL, None
