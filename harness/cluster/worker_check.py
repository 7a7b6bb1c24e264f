"""Cases on the workers of a cluster: each worker checks one server after another, until none is left."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence

import trio

from wsgi_gauntlet.harness.cluster.cluster import MAX_ROUNDS, START_TIMEOUT, Cluster, Worker, unexpected
from wsgi_gauntlet.harness.cluster.worker_server import WorkerServerDescription
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.errors import GauntletError, Unsupported, WorkerLost
from wsgi_gauntlet.harness.event_queue import EventQueue
from wsgi_gauntlet.harness.events import CaseFinished, Progress, ServerFailed, ServerStarted
from wsgi_gauntlet.harness.load.generator.process_messages import CheckEvents, CheckJob, NextEvents, Ready
from wsgi_gauntlet.harness.server.plan import Plan

MODULE = "wsgi_gauntlet.harness.cluster.check_main"

REPLY_TIMEOUT = 60.0
"""Seconds in which a worker must say what happened; it answers each second."""


async def check_on_workers(
    cluster: Cluster,
    plans: Sequence[Plan],
    cells: Mapping[str, Sequence[Case]],
    events: EventQueue,
    *,
    all_segmentations: bool,
) -> None:
    """Run for each of `plans` the cases that `cells` lists under its name, as `runner.check` does here.

    `events` get what happens. A server whose worker is lost is checked by another worker; in MAX_ROUNDS rounds at most.
    """
    ids = {plan.name: tuple(each.id for each in cells[plan.name]) for plan in plans}
    check = _Check(cluster, plans, ids, events, all_segmentations=all_segmentations)
    while check.waiting:
        await cluster.rediscover_if_lost()
        async with trio.open_nursery() as nursery:
            for each in cluster.workers:
                nursery.start_soon(check.serve, each)


class _Check:
    """The servers that are `waiting`, and what the workers have found so far."""

    def __init__(
        self,
        cluster: Cluster,
        plans: Sequence[Plan],
        cases: Mapping[str, tuple[str, ...]],
        events: EventQueue,
        *,
        all_segmentations: bool,
    ) -> None:
        self.waiting = deque(plans)
        self._cluster = cluster
        self._cases = cases
        self._events = events
        self._all_segmentations = all_segmentations
        self._rounds: Counter[str] = Counter()
        self._finished: set[tuple[str, str]] = set()

    async def serve(self, worker: Worker) -> None:
        """Check servers on `worker` until none is left, or the worker is lost."""
        while self.waiting:
            plan = self.waiting.popleft()
            self._rounds[plan.name] += 1
            try:
                await self._check(worker, plan)
            except WorkerLost as lost:
                if self._rounds[plan.name] < MAX_ROUNDS:
                    self.waiting.append(plan)
                else:
                    why = f"{lost}; it was worker {MAX_ROUNDS} that was lost with this server"
                    await self._events.put(ServerFailed(plan.name, why))
                return
            except (GauntletError, Unsupported) as problem:
                await self._events.put(ServerFailed(plan.name, str(problem)))

    async def _check(self, worker: Worker, plan: Plan) -> None:
        assert isinstance(plan.adapter, WorkerServerDescription)
        self._events.put_progress(Progress(plan.name, worker.label))
        job = CheckJob(plan.name, plan.adapter.python, self._cases[plan.name], self._all_segmentations)
        async with self._cluster.process(worker, MODULE) as process:
            reply = await process.request(job, START_TIMEOUT)
            if not isinstance(reply, Ready):
                raise unexpected(worker, reply)
            done = False
            while not done:
                found = await process.request(NextEvents(), REPLY_TIMEOUT)
                if not isinstance(found, CheckEvents):
                    raise unexpected(worker, found)
                await self._pass_on(worker, plan, found)
                done = found.done

    async def _pass_on(self, worker: Worker, plan: Plan, found: CheckEvents) -> None:
        for started in found.started:
            conditions = {**started.conditions, "runs on": worker.label}
            await self._events.put(ServerStarted(plan.name, started.command, conditions))
        for cell in found.cells:
            # A cell of a round that was lost later counts as well, but once.
            if (plan.name, cell.case) not in self._finished:
                self._finished.add((plan.name, cell.case))
                await self._events.put(CaseFinished(cell))
        if found.failed:
            await self._events.put(ServerFailed(plan.name, found.failed))
