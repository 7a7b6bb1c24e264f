"""Cells one at a time, as somebody asks for them, on instances that stay up in between.

What runner.py does with a whole run, for those that cannot hand one over: the same attempts, the same tries, the same
verdicts. An instance serves one server in one setup; a second one, started when it is needed, is what blame is
tried again on, so that no cell suffers twice from what ran before it.
"""

from __future__ import annotations

from collections.abc import Mapping

from wsgi_gauntlet.harness.conformance.attempt import Attempt, run_again
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.retry import finalize, next_segmentation
from wsgi_gauntlet.harness.conformance.runner import MAX_ATTEMPTS, apply_setup
from wsgi_gauntlet.harness.conformance.segmentation_tolerance import SegmentationTolerance
from wsgi_gauntlet.harness.conformance.verdict import Judgement, judge
from wsgi_gauntlet.harness.errors import GauntletError, OutOfResources, ServerError, Unsupported
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import CaseResult, Setup, Verdict
from wsgi_gauntlet.harness.pytest_plugin.trio_thread import HostedServer, TrioThread
from wsgi_gauntlet.harness.server.plan import Plan

MAX_INSTANCES = 8
"""Instances that stay up; the one unused for longest goes first. More than one server's setups, in their order."""

InstanceKey = tuple[str, Setup, bool]


class InstancePool:
    """The instances, and the cells decided so far. `known` are all cases, for those that a selected one needs."""

    def __init__(self, trio_thread: TrioThread, known: Mapping[str, Case], tries: int = MAX_ATTEMPTS) -> None:
        self._trio_thread = trio_thread
        self._known = known
        self._tries = tries
        self._instances: dict[InstanceKey, HostedServer] = {}
        self._failed_to_start: dict[tuple[str, Setup], GauntletError | Unsupported] = {}
        self._decided: dict[tuple[str, str], CaseResult] = {}
        self._segmentation_tolerance: dict[str, SegmentationTolerance] = {}

    def ensure_instance(self, plan: Plan, case: Case) -> None:
        """Have an instance for `case` running. Raises ServerError, InternalError or Unsupported, the same again
        at once where the server has failed to start before."""
        self._trio_thread.call(self._instance, plan, case.setup, False)

    def cell(self, plan: Plan, case: Case, *, rerun: bool = False) -> CaseResult:
        """Decide the cell, and before it those that it needs and that were not decided yet.

        With `afresh` it is run again where it has been decided.
        """
        if rerun:
            self._decided.pop((plan.name, case.id), None)
        return self._trio_thread.call(self._cell, plan, case, frozenset())

    async def _cell(self, plan: Plan, case: Case, ancestors: frozenset[str]) -> CaseResult:
        key = (plan.name, case.id)
        if key not in self._decided:
            self._decided[key] = finalize(plan.name, case, *await self._attempts(plan, case, ancestors | {case.id}))
        return self._decided[key]

    async def _attempts(self, plan: Plan, case: Case, ancestors: frozenset[str]) -> tuple[list[Attempt], str]:
        """Return the attempts at a cell, and why it was sent whole only; see `decided`."""
        for need in case.needs:
            if need in ancestors or need not in self._known:
                continue
            needed_check = await self._cell(plan, self._known[need], ancestors)
            if needed_check.verdict not in (Verdict.PASS, Verdict.INFO):
                skipped = Judgement(Verdict.SKIPPED, actual=f"needs {need}, which came to {needed_check.verdict}")
                return [Attempt(skipped)], ""
        attempts: list[Attempt] = []
        while segmentation := next_segmentation(case, attempts, self._tries):
            is_retry = any(each.segmentation is segmentation for each in attempts)
            try:
                hosted = await self._instance(plan, case.setup, is_retry)
                segmentation_tolerance = self._segmentation_tolerance.setdefault(plan.name, SegmentationTolerance())
                if segmentation is not Segmentation.WHOLE and (
                    whole_only_reason := await segmentation_tolerance.rejection_reason(hosted.server)
                ):
                    return attempts, whole_only_reason
                attempts.append(await run_again(case, hosted.server, segmentation, attempts))
            except (ServerError, OutOfResources, Unsupported) as error:
                await self._close_instance((plan.name, case.setup, is_retry))
                return [*attempts, Attempt(judge(case.level, error))], ""
        return attempts, ""

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
        self._instances[key] = hosted  # the last one in the dict is the one used last
        return hosted

    async def _close_instance(self, key: InstanceKey) -> None:
        if (hosted := self._instances.pop(key, None)) is not None:
            await hosted.close()
