"""A worker that is no longer there for its users: asleep in the app, spinning in it, or killed.

The users go on meanwhile; who answers them is asked again and again, so that a replacement shows as soon as it serves.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from ..adapter import Launch
from ..address import NOMINAL_PORT, Address
from ..errors import Unsupported
from ..launching import processes
from ..model import Phase
from .clients.link import Link
from .course import Course
from .looking.roll_call import RollCall

if TYPE_CHECKING:
    from ..launching.plan import Plan

FIRST = 5.0
"""Seconds in which a server that has just answered names one of its processes."""


LEFT_BUSY = 2.0
"""Times the length of a phase in which requests that keep a worker busy are to have come to their end after it: what
spins has to share its core."""


@dataclass(frozen=True)
class Loss:
    """What came of one trouble.

    `after` is the seconds until a process answered that was not there before, None where none did; `newcomers` says
    whether there is one at all. `gone` says that the server had ended, `unhurt` that the trouble never came about.
    """

    phase: Phase
    after: float | None
    newcomers: bool = False
    gone: bool = False
    unhurt: bool = False

    @property
    def lost(self) -> int:
        """Requests that were not rightly answered within the phase and a second more."""
        return round(self.phase.scheduled * (1 - self.phase.goodput))


async def occupied(c: Course, roll: RollCall, name: str, query: str, clients: int, seconds: float) -> Loss:
    """Let `clients` ask for a page with `query`, which keeps whoever answers it busy, and look on for `seconds`."""
    known, began = set(c.running.processes()), time.monotonic()
    async with trio.open_nursery() as nursery:
        for number in range(clients):
            nursery.start_soon(_keep_busy, c, f"/page?n=busy-{number}&{query}")
        phase = await c.phase(name, seconds)
        found = _loss(c, roll, phase, known, began)
        # Whoever is still busy would be so in what comes next.
        nursery.cancel_scope.deadline = trio.current_time() + LEFT_BUSY * seconds
    return found


async def killed(c: Course, roll: RollCall, name: str, seconds: float) -> Loss:
    """Send SIGKILL to one process that answers, never to any but the server's own, and look on for `seconds`."""
    known, began = set(c.running.processes()), time.monotonic()
    await _heard(roll, began)
    hit = any(processes.kill(each.pid, c.running.processes) for each in roll.heard[-1:])
    began = time.monotonic()
    phase = await c.phase(name, seconds)
    return replace(_loss(c, roll, phase, known, began), unhurt=not hit)


@asynccontextmanager
async def called(c: Course) -> AsyncIterator[RollCall]:
    """Ask who answers for as long as the block lasts."""
    async with trio.open_nursery() as nursery:
        roll = RollCall(c.running)
        nursery.start_soon(roll.run)
        yield roll
        nursery.cancel_scope.cancel()


def impatient(plan: Plan, timeout: int) -> Plan:
    """Return `plan` with a time-out of `timeout` seconds for the server that runs the app, where it has that option.

    One that its user has set stays.
    """
    if plan.upstream is not None:
        return replace(plan, upstream=impatient(plan.upstream, timeout))
    if plan.settings.timeout is not None:
        return plan
    settings = replace(plan.settings, timeout=float(timeout))
    launch = Launch(
        python=plan.python,
        executable=plan.found.executable,
        address=Address(port=NOMINAL_PORT),
        app=plan.app,
        folder=Path(),
        settings=settings,
        variant=plan.variant,
    )
    try:
        plan.adapter.command(launch)
    except Unsupported:
        return plan
    return replace(plan, settings=settings)


def _loss(c: Course, roll: RollCall, phase: Phase, known: Collection[int], began: float) -> Loss:
    came = roll.came(known, began)
    newcomers = any(pid not in known for pid in c.running.processes())
    return Loss(phase, None if came is None else came - began, newcomers, gone=not c.running.alive)


async def _heard(roll: RollCall, since: float) -> None:
    with trio.move_on_after(FIRST):
        while not roll.pids(since):  # noqa: ASYNC110 - the roll is called at a pace of its own
            await trio.sleep(0.01)


async def _keep_busy(c: Course, target: str) -> None:
    address = c.running.address
    request = f"GET {c.running.reference}{target} HTTP/1.1\r\nHost: {address.authority}\r\nConnection: close\r\n\r\n"
    try:
        link = await Link.open(address)
    except OSError:
        return
    try:
        await link.ask(request.encode("ascii"))
    except OSError:
        pass
    finally:
        link.close()
