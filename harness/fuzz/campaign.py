"""One fuzzing run: send the inputs to all servers, find the causes of the disagreements, and confirm them.

    1. every server gets the inputs, one after the other; the servers work at the same time
    2. each server is compared with the reference server: for each new cause an input is repeated and shrunk
    3. all servers are started afresh and get the shrunk bytes of all causes; what does not repeat is dropped

The inputs depend on the seed, and their number does not depend on the time. So two runs find the same, unless the time
is over before the end, which the result says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

import trio

from wsgi_gauntlet.harness.fuzz.catalogue_vectors import Vectors, covering_cases
from wsgi_gauntlet.harness.fuzz.causes import (
    Cause,
    Disagreement,
    Finding,
    disagreements,
    explanation,
    merge,
    signature,
)
from wsgi_gauntlet.harness.fuzz.differences import Difference, Signature, difference
from wsgi_gauntlet.harness.fuzz.inputs import inputs
from wsgi_gauntlet.harness.fuzz.observation import Observation
from wsgi_gauntlet.harness.fuzz.observer import observe_bytes
from wsgi_gauntlet.harness.fuzz.probe import PATIENT, QUICK, Patience
from wsgi_gauntlet.harness.fuzz.shrink import MAX_TESTS, shrink
from wsgi_gauntlet.harness.server.instance import ServerInstance, running
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders

INPUTS_PER_SECOND = 5
"""Inputs for each second of the budget. Two cores send 40 to 100 a second to four servers; the rest of the time is for
shrinking and confirming."""

SENDING_SHARE = 0.5
"""The share of the budget after which no further inputs are sent."""

MAX_FINDINGS = 120
"""Causes of one server that are shrunk; further ones are counted."""

MAX_RESTARTING_TESTS = 25
"""Candidates for a difference that ends the server: each of them needs a restart."""

CONFIRMATIONS = 2
"""Times that the shrunk bytes must show the difference again."""


@dataclass(frozen=True)
class FuzzOptions:
    """What to do: the seed and the number of inputs, and the seconds after which the run stops anyway."""

    seed: int
    input_count: int
    budget_seconds: float


@dataclass(frozen=True)
class Campaign:
    """The result of a run. `servers` maps each server to its version, the reference first.

    `sent` counts the inputs that every server got. `disagreeing` counts the inputs on which a server differed, for
    each server. `not_repeated` counts those that a repetition did not show, `left_over` those whose cause was not
    sought any more. `stopped` says why the run ended early, '' if it did not.
    """

    seed: int
    planned: int
    sent: int = 0
    servers: Mapping[str, str] = field(default_factory=dict)
    disagreeing: Mapping[str, int] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()
    not_repeated: int = 0
    left_over: int = 0
    stopped: str = ""

    @property
    def new_causes(self) -> tuple[Cause, ...]:
        """The causes that no case of the catalogue covers, without those that are no kind of request."""
        return tuple(each for each in self.causes if not each.cases and not each.difference.is_general)

    @property
    def known_causes(self) -> tuple[Cause, ...]:
        """The causes that some cases cover."""
        return tuple(each for each in self.causes if each.cases and not each.difference.is_general)

    @property
    def general_causes(self) -> tuple[Cause, ...]:
        """The causes that show in any rejected request."""
        return tuple(each for each in self.causes if each.difference.is_general)


ProgressHandler = Callable[[str, int, int], None]
"""Gets what is being done, how much of it is done, and how much there is, 0 if that is unknown."""


@dataclass
class _Search:
    """The search for the causes of one server, while it goes on."""

    server: str
    findings: list[Finding] = field(default_factory=list)
    counts: dict[Signature, int] = field(default_factory=dict)
    not_repeated: int = 0

    @property
    def done(self) -> int:
        """The number of inputs whose cause was sought."""
        return sum(self.counts.values()) + self.not_repeated

    def add(self, finding: Finding) -> None:
        """Add a confirmed finding, unless an earlier one explains it."""
        if not self.explain(finding.signature):
            self.findings.append(finding)
            self.counts[finding.signature] = 1

    def explain(self, sought: Signature) -> bool:
        """Return whether a finding explains `sought`, and count it there."""
        known = explanation(sought, self.findings)
        if known is not None:
            self.counts[known.signature] += 1
        return known is not None


class Fuzzer:
    """A run that keeps what it has found so far, so that it can be stopped at any time."""

    def __init__(
        self,
        plans: Sequence[Plan],
        options: FuzzOptions,
        folders: RunFolders,
        vectors: Vectors,
        on_progress: ProgressHandler = lambda _what, _done, _total: None,
    ) -> None:
        """Prepare a run on `plans`, the reference server first; `vectors` are the requests of the catalogue."""
        self._reference, *self._others = plans
        self._options = options
        self._folders = folders
        self._vectors = vectors
        self._on_progress = on_progress
        self._inputs = list(islice(inputs(options.seed), options.input_count))
        self._observed: dict[str, list[Observation]] = {plan.name: [] for plan in plans}
        self._versions: dict[str, str] = {plan.name: "" for plan in plans}
        self._searches = {plan.name: _Search(plan.name) for plan in self._others}
        self._confirmed: list[Cause] | None = None
        self._vanished = 0
        self._stopped = ""

    async def run(self) -> None:
        """Run to the end or until the time is over. Raises the errors of a start, and of `observe_bytes`."""
        began = trio.current_time()
        budget = self._options.budget_seconds
        with trio.CancelScope(deadline=began + budget * SENDING_SHARE) as sending:
            await self._at_the_same_time(self._send, [self._reference, *self._others])
        with trio.CancelScope(deadline=began + budget) as searching:
            await self._at_the_same_time(self._search, self._others)
        if sending.cancelled_caught or searching.cancelled_caught:
            self._stopped = f"the time of {budget:g} s was over before the end"
        await self._confirm()

    def result(self, stopped: str = "") -> Campaign:
        """Return what was found so far; `stopped` says why the run was stopped from outside."""
        searches = self._searches.values()
        found = merge(
            [each for search in searches for each in search.findings],
            {each: count for search in searches for each, count in search.counts.items()},
        )
        causes = found if self._confirmed is None else self._confirmed
        disagreeing = {plan.name: len(self._found(plan)) for plan in self._others}
        return Campaign(
            seed=self._options.seed,
            planned=self._options.input_count,
            sent=min(map(len, self._observed.values())),
            servers=dict(self._versions),
            disagreeing=disagreeing,
            causes=tuple(self._with_cases(each) for each in causes),
            not_repeated=sum(each.not_repeated for each in searches) + self._vanished,
            left_over=sum(disagreeing.values()) - sum(each.done for each in searches),
            stopped=stopped or self._stopped,
        )

    def _with_cases(self, cause: Cause) -> Cause:
        return (
            cause if cause.difference.is_general else replace(cause, cases=covering_cases(cause.traits, self._vectors))
        )

    @staticmethod
    async def _at_the_same_time(function: Callable[[Plan], Awaitable[None]], plans: Sequence[Plan]) -> None:
        async with trio.open_nursery() as nursery:
            for plan in plans:
                nursery.start_soon(function, plan)

    # ------------------------------------------------------------------ 1. the inputs

    async def _send(self, plan: Plan) -> None:
        observed = self._observed[plan.name]
        async with self._running(plan) as server:
            self._versions[plan.name] = str(server.conditions.get("version", ""))
            for made in self._inputs:
                observed.append(await observe_bytes(server, made.data))
                self._on_progress("inputs", min(map(len, self._observed.values())), len(self._inputs))

    def _running(self, plan: Plan) -> AbstractAsyncContextManager[ServerInstance]:
        return running(plan, scratch=self._folders.scratch, logs=self._folders.logs)

    # ------------------------------------------------------------------ 2. the causes

    async def _search(self, plan: Plan) -> None:
        search = self._searches[plan.name]
        found = self._found(plan)
        async with self._running(self._reference) as reference, self._running(plan) as other:
            for each in found:
                await self._search_cause(each, search, _Pair(reference, other))
                self._on_progress("causes", sum(len(one.findings) for one in self._searches.values()), 0)

    def _found(self, plan: Plan) -> list[Disagreement]:
        reference = self._observed[self._reference.name]
        return disagreements(self._inputs, reference, self._observed[plan.name], plan.name)

    async def _search_cause(self, found: Disagreement, search: _Search, pair: _Pair) -> None:
        """Find the cause of one disagreement, unless an earlier one explains it."""
        if search.explain(found.signature):
            return
        if len(search.findings) >= MAX_FINDINGS:
            return
        differs = found.signature.difference
        data = found.made.data
        if await pair.difference(data, PATIENT) != differs:
            search.not_repeated += 1
            return
        most = MAX_RESTARTING_TESTS if differs.aspect in RESTARTING_ASPECTS else MAX_TESTS
        small = await shrink(data, partial(pair.shows, differs), most)
        for candidate in dict.fromkeys((small, data)):
            if all([await pair.difference(candidate, PATIENT) == differs for _ in range(CONFIRMATIONS)]):
                search.add(Finding(candidate, signature(search.server, differs, candidate), found.made.number))
                return
        search.not_repeated += 1

    # ------------------------------------------------------------------ 3. the confirmation

    async def _confirm(self) -> None:
        """Observe the bytes of every cause on every server, each started afresh."""
        causes = self.result().causes
        reactions: dict[str, list[Observation]] = {plan.name: [] for plan in (self._reference, *self._others)}

        async def observe(plan: Plan) -> None:
            async with self._running(plan) as server:
                for cause in causes:
                    reactions[plan.name].append(await observe_bytes(server, cause.data, PATIENT))
                    self._on_progress("confirmed", min(map(len, reactions.values())), len(causes))

        await self._at_the_same_time(observe, [self._reference, *self._others])
        seen = [
            replace(cause, reactions={name: each[number] for name, each in reactions.items()})
            for number, cause in enumerate(causes)
        ]
        self._confirmed = [each for each in map(_with_confirmed_servers, seen) if each.servers]
        self._vanished = len(seen) - len(self._confirmed)


RESTARTING_ASPECTS = ("process", "processor")
"""Aspects of differences after which a server must be restarted."""


@dataclass(frozen=True)
class _Pair:
    """The reference server and another one, both running."""

    reference: ServerInstance
    other: ServerInstance

    async def difference(self, data: bytes, patience: Patience = QUICK) -> Difference | None:
        """Return the difference of their reactions to `data`."""
        found: dict[str, Observation] = {}

        async def observe(name: str, server: ServerInstance) -> None:
            found[name] = await observe_bytes(server, data, patience)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(observe, "reference", self.reference)
            nursery.start_soon(observe, "other", self.other)
        return difference(found["reference"], found["other"])

    async def shows(self, differs: Difference, data: bytes) -> bool:
        """Return whether they differ on `data` in the way `differs`."""
        return await self.difference(data) == differs


def _with_confirmed_servers(cause: Cause) -> Cause:
    """Return `cause` with the servers that show the difference again; a server that shows it too is added."""
    (_, reference), *others = cause.reactions.items()
    return replace(
        cause, servers=tuple(sorted(name for name, each in others if difference(reference, each) == cause.difference))
    )
