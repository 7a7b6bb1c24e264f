"""Cells one at a time, as somebody asks for them, on instances that stay up in between.

What runner.py does with a whole run, for those that cannot hand one over: the same attempts, the same tries, the same
verdicts. An instance serves one server in one setup; a second one, started when it is needed, is what blame is
tried again on, so that no cell suffers twice from what ran before it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..attempts.attempt import Attempt, another
from ..attempts.deciding import decided, due
from ..attempts.patterns import Pattern
from ..attempts.segments import Cutting
from ..catalog import Case
from ..errors import GauntletError, OutOfResources, ServerTrouble, Unsupported
from ..judge import Finding, judge
from ..launching.plan import Plan
from ..model import Check, Setup, Verdict
from ..runner import TRIES, prepared
from .background import Background, Hosted

KEPT = 8
"""Instances that stay up; the one unused for longest goes first. More than one server's setups, in their order."""

Key = tuple[str, Setup, bool]


class Pool:
    """The instances, and the cells decided so far. `known` are all cases, for those that a selected one needs."""

    def __init__(self, background: Background, known: Mapping[str, Case], tries: int = TRIES) -> None:
        self._background = background
        self._known = known
        self._tries = tries
        self._instances: dict[Key, Hosted] = {}
        self._stranded: dict[tuple[str, Setup], GauntletError | Unsupported] = {}
        self._decided: dict[tuple[str, str], Check] = {}
        self._cutting: dict[str, Cutting] = {}

    def ready(self, plan: Plan, case: Case) -> None:
        """Have an instance for `case` running. Raises ServerTrouble, HarnessTrouble or Unsupported, the same again
        at once where the server has failed to start before."""
        self._background.call(self._instance, plan, case.setup, False)

    def cell(self, plan: Plan, case: Case, *, afresh: bool = False) -> Check:
        """Decide the cell, and before it those that it needs and that were not decided yet.

        With `afresh` it is run again where it has been decided.
        """
        if afresh:
            self._decided.pop((plan.name, case.id), None)
        return self._background.call(self._cell, plan, case, frozenset())

    async def _cell(self, plan: Plan, case: Case, above: frozenset[str]) -> Check:
        key = (plan.name, case.id)
        if key not in self._decided:
            self._decided[key] = decided(plan.name, case, *await self._attempts(plan, case, above | {case.id}))
        return self._decided[key]

    async def _attempts(self, plan: Plan, case: Case, above: frozenset[str]) -> tuple[list[Attempt], str]:
        """Return the attempts at a cell, and why it was sent whole only; see `decided`."""
        for need in case.needs:
            if need in above or need not in self._known:
                continue
            told = await self._cell(plan, self._known[need], above)
            if told.verdict not in (Verdict.PASS, Verdict.INFO):
                skipped = Finding(Verdict.SKIPPED, actual=f"needs {need}, which came to {told.verdict}")
                return [Attempt(skipped)], ""
        made: list[Attempt] = []
        while pattern := due(case, made, self._tries):
            again = any(each.pattern is pattern for each in made)
            try:
                hosted = await self._instance(plan, case.setup, again)
                cutting = self._cutting.setdefault(plan.name, Cutting())
                if pattern is not Pattern.WHOLE and (uncut := await cutting.refused(hosted.server)):
                    return made, uncut
                made.append(await another(case, hosted.server, pattern, made))
            except (ServerTrouble, OutOfResources, Unsupported) as trouble:
                await self._drop((plan.name, case.setup, again))
                return [*made, Attempt(judge(case.level, trouble))], ""
        return made, ""

    async def _instance(self, plan: Plan, setup: Setup, again: bool) -> Hosted:
        if (plan.name, setup) in self._stranded:
            raise self._stranded[plan.name, setup].with_traceback(None)
        key = (plan.name, setup, again)
        hosted = self._instances.pop(key, None)
        if hosted is None or hosted.closed.is_set():
            while len(self._instances) >= KEPT:
                await self._drop(next(iter(self._instances)))
            try:
                hosted = await self._background.host(prepared(plan, setup))
            except (ServerTrouble, Unsupported) as trouble:
                self._stranded[plan.name, setup] = trouble
                raise
        self._instances[key] = hosted  # the last one in the dict is the one used last
        return hosted

    async def _drop(self, key: Key) -> None:
        if (hosted := self._instances.pop(key, None)) is not None:
            await hosted.close()
