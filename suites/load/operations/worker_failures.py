"""Make a worker fail: blocked in the app, spinning in it, or killed.

The users continue in this time. Probes show which process responds, so that a replacement is seen as soon as it serves.
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
"""Seconds in which a server that has just responded must respond to a probe."""

BUSY_GRACE_FACTOR = 2.0
"""The factor on the length of a phase within which the blocking requests must end after it. A spinning worker shares
its core."""


@dataclass(frozen=True)
class WorkerFailure:
    """The result of one failure.

    `replaced_after` is the seconds until a new process responded, None if none did. `has_new_process` says whether a
    new process exists. `nothing_killed` says that the failure did not happen, because no process was found.
    """

    phase: Phase
    replaced_after: float | None
    has_new_process: bool = False
    server_ended: bool = False
    nothing_killed: bool = False

    @property
    def lost_requests(self) -> int:
        """Requests without a correct response within the phase and one more second."""
        return round(self.phase.scheduled * (1 - self.phase.goodput))


async def block_workers(
    traffic: TrafficTimeline, worker_probe: WorkerProbe, name: str, query: str, clients: int, seconds: float
) -> WorkerFailure:
    """Let `clients` request a page with `query`, which blocks its worker, and measure a phase of `seconds`."""
    known_pids, began = set(traffic.running.processes()), time.monotonic()
    async with trio.open_nursery() as nursery:
        for number in range(clients):
            nursery.start_soon(_keep_busy, traffic, f"/page?n=busy-{number}&{query}")
        phase = await traffic.phase(name, seconds)
        found = _worker_failure(traffic, worker_probe, phase, known_pids, began)
        # A worker that is still blocked would disturb the next failure.
        nursery.cancel_scope.deadline = trio.current_time() + BUSY_GRACE_FACTOR * seconds
    return found


async def kill_worker(traffic: TrafficTimeline, worker_probe: WorkerProbe, name: str, seconds: float) -> WorkerFailure:
    """Kill one process of the server that responds, with SIGKILL, and measure a phase of `seconds`."""
    known_pids, began = set(traffic.running.processes()), time.monotonic()
    await _wait_for_response(worker_probe, began)
    hit = any(procfs.kill(each.pid, traffic.running.processes) for each in worker_probe.responses[-1:])
    began = time.monotonic()
    phase = await traffic.phase(name, seconds)
    return replace(_worker_failure(traffic, worker_probe, phase, known_pids, began), nothing_killed=not hit)


@asynccontextmanager
async def probing_workers(traffic: TrafficTimeline) -> AsyncIterator[WorkerProbe]:
    """Run a WorkerProbe until the end of the block."""
    async with trio.open_nursery() as nursery:
        worker_probe = WorkerProbe(traffic.running)
        nursery.start_soon(worker_probe.run)
        yield worker_probe
        nursery.cancel_scope.cancel()


def with_worker_timeout(plan: Plan, timeout: int) -> Plan:
    """Return `plan` with a worker timeout of `timeout` seconds, if the server that runs the app has that setting.

    A timeout that the user has set stays.
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
        while not worker_probe.pids(since):  # noqa: ASYNC110 - probes have their own interval
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
