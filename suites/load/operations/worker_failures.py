"""A worker that is no longer there for its users: asleep in the app, spinning in it, or killed.

The users go on meanwhile; who answers them is asked again and again, so that a replacement shows as soon as it serves.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import trio

from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.probes.worker_probe import WorkerProbe
from wsgi_gauntlet.harness.model import Phase
from wsgi_gauntlet.harness.server.process import procfs

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.plan import Plan

FIRST_RESPONSE_SECONDS = 5.0
"""Seconds in which a server that has just answered names one of its processes."""


BUSY_GRACE_FACTOR = 2.0
"""Times the length of a phase in which requests that keep a worker busy are to have come to their end after it: what
spins has to share its core."""


@dataclass(frozen=True)
class WorkerFailure:
    """What came of one trouble.

    `after` is the seconds until a process answered that was not there before, None where none did; `newcomers` says
    whether there is one at all. `gone` says that the server had ended, `unhurt` that the trouble never came about.
    """

    phase: Phase
    replaced_after: float | None
    has_new_process: bool = False
    server_ended: bool = False
    nothing_killed: bool = False

    @property
    def lost_requests(self) -> int:
        """Requests that were not rightly answered within the phase and a second more."""
        return round(self.phase.scheduled * (1 - self.phase.goodput))


async def block_workers(
    traffic: TrafficTimeline, worker_probe: WorkerProbe, name: str, query: str, clients: int, seconds: float
) -> WorkerFailure:
    """Let `clients` ask for a page with `query`, which keeps whoever answers it busy, and look on for `seconds`."""
    known_pids, began = set(traffic.running.processes()), time.monotonic()
    async with trio.open_nursery() as nursery:
        for number in range(clients):
            nursery.start_soon(_keep_busy, traffic, f"/page?n=busy-{number}&{query}")
        phase = await traffic.phase(name, seconds)
        found = _worker_failure(traffic, worker_probe, phase, known_pids, began)
        # Whoever is still busy would be so in what comes next.
        nursery.cancel_scope.deadline = trio.current_time() + BUSY_GRACE_FACTOR * seconds
    return found


async def kill_worker(traffic: TrafficTimeline, worker_probe: WorkerProbe, name: str, seconds: float) -> WorkerFailure:
    """Send SIGKILL to one process that answers, never to any but the server's own, and look on for `seconds`."""
    known_pids, began = set(traffic.running.processes()), time.monotonic()
    await _wait_for_response(worker_probe, began)
    hit = any(procfs.kill(each.pid, traffic.running.processes) for each in worker_probe.responses[-1:])
    began = time.monotonic()
    phase = await traffic.phase(name, seconds)
    return replace(_worker_failure(traffic, worker_probe, phase, known_pids, began), nothing_killed=not hit)


@asynccontextmanager
async def probing_workers(traffic: TrafficTimeline) -> AsyncIterator[WorkerProbe]:
    """Ask who answers for as long as the block lasts."""
    async with trio.open_nursery() as nursery:
        worker_probe = WorkerProbe(traffic.running)
        nursery.start_soon(worker_probe.run)
        yield worker_probe
        nursery.cancel_scope.cancel()


def with_worker_timeout(plan: Plan, timeout: int) -> Plan:
    """Return `plan` with a time-out of `timeout` seconds for the server that runs the app, where it has that option.

    One that its user has set stays.
    """
    if plan.upstream is not None:
        return replace(plan, upstream=with_worker_timeout(plan.upstream, timeout))
    if plan.settings.timeout is not None:
        return plan
    with_timeout = replace(plan, settings=replace(plan.settings, timeout=float(timeout)))
    return plan if with_timeout.unsupported_reason() else with_timeout


def _worker_failure(
    traffic: TrafficTimeline, worker_probe: WorkerProbe, phase: Phase, known_pids: Collection[int], began: float
) -> WorkerFailure:
    new_worker_answered_at = worker_probe.new_worker_answered_at(known_pids, began)
    has_new_process = any(pid not in known_pids for pid in traffic.running.processes())
    return WorkerFailure(
        phase,
        None if new_worker_answered_at is None else new_worker_answered_at - began,
        has_new_process,
        server_ended=not traffic.running.alive,
    )


async def _wait_for_response(worker_probe: WorkerProbe, since: float) -> None:
    with trio.move_on_after(FIRST_RESPONSE_SECONDS):
        while not worker_probe.pids(since):  # noqa: ASYNC110 - the roll is called at a pace of its own
            await trio.sleep(0.01)


async def _keep_busy(traffic: TrafficTimeline, target: str) -> None:
    address = traffic.running.address
    request = (
        f"GET {traffic.running.reference_app_path}{target} HTTP/1.1\r\nHost: {address.authority}\r\nConnection: "
        "close\r\n\r\n"
    )
    try:
        connection = await HttpConnection.open(address)
    except OSError:
        return
    try:
        await connection.send_request(request.encode("ascii"))
    except OSError:
        pass
    finally:
        connection.close()
