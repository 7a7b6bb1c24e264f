"""Decide cells one at a time for pytest, on instances that stay up between the cells.

The attempts, the tries and the verdicts are those of a run (conformance/retry.py). An instance serves one server in one
setup. Further attempts are made on a second instance: then the same cases did not run before them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.retry import MAX_ATTEMPTS, AttemptLoop
from wsgi_gauntlet.harness.conformance.runner import MAX_RENEWALS, apply_setup
from wsgi_gauntlet.harness.conformance.segmentation_tolerance import SegmentationTolerance
from wsgi_gauntlet.harness.errors import (
    GauntletError,
    InstanceFilesDeleted,
    OutOfResources,
    ServerError,
    Unsupported,
)
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import CaseResult, Setup
from wsgi_gauntlet.harness.pytest_plugin.trio_thread import HostedServer, TrioThread
from wsgi_gauntlet.harness.server.instance import ServerInstance
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.server_under_test import ObservedServer
from wsgi_gauntlet.harness.store.evidence_digest import with_digest

MAX_INSTANCES = 8
"""Instances that stay up. The one that was not used for the longest time is stopped first."""

InstanceKey = tuple[str, Setup, bool]


class InstancePool:
    """The running instances, and the cells decided so far. `known` are all cases: a case may need others."""

    def __init__(self, trio_thread: TrioThread, known: Mapping[str, Case], tries: int = MAX_ATTEMPTS) -> None:
        self._trio_thread = trio_thread
        self._known = known
        self._tries = tries
        self._instances: dict[InstanceKey, HostedServer] = {}
        self._failed_to_start: dict[tuple[str, Setup], GauntletError | Unsupported] = {}
        self._decided: dict[tuple[str, str], CaseResult] = {}
        self._segmentation_tolerance: dict[str, SegmentationTolerance] = {}

    def ensure_instance(self, plan: Plan, case: Case) -> None:
        """Start an instance for `case`, if none runs.

        Raises ServerError, InternalError or Unsupported; for a server that failed to start before, the same error.
        """
        self._trio_thread.call(self._instance, plan, case.setup, False)

    def cell(self, plan: Plan, case: Case, *, rerun: bool = False) -> CaseResult:
        """Decide the cell, and before it the needed cells that are not decided. `rerun` runs a decided cell again."""
        if rerun:
            self._decided.pop((plan.name, case.id), None)
        return self._trio_thread.call(self._cell, plan, case, frozenset())

    async def _cell(self, plan: Plan, case: Case, ancestors: frozenset[str]) -> CaseResult:
        key = (plan.name, case.id)
        if key not in self._decided:
            self._decided[key] = with_digest(await self._run_case(plan, case, ancestors | {case.id}))
        return self._decided[key]

    async def _run_case(self, plan: Plan, case: Case, ancestors: frozenset[str]) -> CaseResult:
        tolerance = self._segmentation_tolerance.setdefault(plan.name, SegmentationTolerance())
        loop = AttemptLoop(case, tolerance, self._tries)
        for need in case.needs:
            if need in ancestors or need not in self._known:
                continue
            if not (verdict := (await self._cell(plan, self._known[need], ancestors)).verdict).is_met:
                loop.skip(need, verdict)
                return loop.result(plan.name)
        is_retry = False

        async def next_instance(segmentation: Segmentation) -> ServerInstance:
            nonlocal is_retry
            is_retry = bool(loop.made_in(segmentation))
            return (await self._instance(plan, case.setup, is_retry)).server

        @asynccontextmanager
        async def plain_instance(_server: ObservedServer) -> AsyncIterator[ObservedServer]:
            yield (await self._instance(plan, Setup(), False)).server

        for renewals_left in range(MAX_RENEWALS, -1, -1):
            try:
                await loop.run(next_instance, plain_instance)
                break
            except (ServerError, OutOfResources, Unsupported) as problem:
                await self._close_instance((plan.name, case.setup, is_retry))
                if not isinstance(problem, InstanceFilesDeleted) or not renewals_left:
                    loop.add_error(problem)
                    break
        return loop.result(plan.name)

    async def _instance(self, plan: Plan, setup: Setup, is_retry: bool) -> HostedServer:
        if (plan.name, setup) in self._failed_to_start:
            raise self._failed_to_start[plan.name, setup].with_traceback(None)
        key = (plan.name, setup, is_retry)
        hosted = self._instances.pop(key, None)
        if hosted is None or hosted.closed.is_set():
            while len(self._instances) >= MAX_INSTANCES:
                await self._close_instance(next(iter(self._instances)))
            try:
                hosted = await self._trio_thread.start_server(apply_setup(plan, setup))
            except (ServerError, Unsupported) as error:
                self._failed_to_start[plan.name, setup] = error
                raise
        self._instances[key] = hosted  # a dict keeps the order: the last one was used last
        return hosted

    async def _close_instance(self, key: InstanceKey) -> None:
        if (hosted := self._instances.pop(key, None)) is not None:
            await hosted.close()
