"""Cases x servers on trio: starts instances, hands them cases, repeats what blames a server, and tells each cell.

A server's cells are grouped by the setup that they need; each group has instances of its own, driven at once, and an
instance runs one case at a time, so that what the app reports belongs to one cell. Every case begins on an instance
that has just answered; one that does not is replaced, and the cell says so.

What blames the server is doubtful until a second round has found it again: on fresh instances and in the opposite
order, so that no cell suffers twice from what ran before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path

import msgspec
import trio

from .adapter import distribution_version, pip_install
from .attempts.attempt import Attempt, another
from .attempts.deciding import decided, due
from .attempts.patterns import Pattern
from .attempts.segments import Cutting
from .catalog import Case
from .discover import REFERENCE_APP
from .errors import FilesGone, GauntletError, Unsupported, UsageError
from .judge import Finding, counted, judge
from .launch import Running, running
from .launching.ownapp import CALLABLE, beside_reference, is_own, without_own
from .launching.plan import Plan
from .model import Check, Setup, Verdict
from .progress import Listener

TRIES = 3
"""Attempts at a cell that blames the server; one that passes in between makes it flaky."""

INSTANCES = 6
"""Instances of one server that share the cases of one setup."""

WORTH_A_START = 8
"""Cases for which another instance is started: a start costs a server as much time as twenty quick cases."""

RENEWALS = 12
"""Times that one server's instances are replaced because somebody took their files away."""

UNDECIDED = "the server's files were taken away while {} was tried, which this case needs; run the case again"
"""What is said of a case whose need nobody had decided when its turn came last."""

AT_ONCE = 6
"""Servers driven at once: on two cores more only wait for each other."""


@dataclass(frozen=True)
class Bench:
    """Where cells are run: folders, and who hears of them.

    `decided` is called once for each cell, in any order; `stranded` for a server that does not start; `started` for
    each instance of a plain setup. With `thorough` each case is sent in all ways, else in two (attempts/deciding.py).
    """

    scratch: Path
    logs: Path
    listener: Listener
    decided: Callable[[Check], None]
    stranded: Callable[[Plan, str], None]
    started: Callable[[Running], None] = lambda _server: None
    instances: int = INSTANCES
    at_once: int = AT_ONCE
    tries: int = TRIES
    thorough: bool = True


@dataclass
class _Row:
    """One server's cells of one call, while they are run. `looked` is set when the round has been at a case."""

    plan: Plan
    setups: dict[str, Setup]
    looked: dict[str, trio.Event] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)
    doubtful: list[Case] = field(default_factory=list)
    cutting: Cutting = field(default_factory=Cutting)
    trouble: Exception | None = None
    renewed: int = 0
    unkept: Exception | None = None


class _Spoiled(Exception):
    """The instance's files are gone: a fresh one must take the case."""


async def check(plans: Sequence[Plan], cells: Mapping[str, Sequence[Case]], bench: Bench) -> None:
    """Run, for each of `plans`, the cases that `cells` has under its name.

    A server that does not start is told to `bench.stranded`, and the others go on.
    """
    limiter = trio.CapacityLimiter(bench.at_once)
    async with trio.open_nursery() as nursery:
        for plan in plans:
            nursery.start_soon(_server, plan, cells[plan.name], bench, limiter)


async def _server(plan: Plan, cases: Sequence[Case], bench: Bench, limiter: trio.CapacityLimiter) -> None:
    row = _Row(plan, {each.id: each.setup for each in cases})
    async with limiter:
        for setup, group in by_setup(cases).items():
            for tries in sorted({1, bench.tries}):  # with one try there is no second round
                queue = deque(group if tries == 1 else in_order(row.doubtful[::-1]))
                row.doubtful.clear()
                row.looked.update({case.id: trio.Event() for case in queue})
                await _round(row, setup, queue, tries, bench)
                if not row.verdicts and not row.renewed and queue and isinstance(row.trouble, GauntletError):
                    bench.stranded(plan, str(row.trouble))
                    return
                while queue:  # every instance gave up: what is left shares the reason of the last one
                    case = queue.popleft()
                    _keep(row, case, Attempt(judge(case.level, row.trouble)))
                    _decide(row, case, bench)
            for case in row.doubtful:  # no round is left, and its need went back into the queue meanwhile
                _keep(row, case, Attempt(judge(case.level, FilesGone(UNDECIDED.format(", ".join(case.needs))))))
                _decide(row, case, bench)


async def _round(row: _Row, setup: Setup, queue: deque[Case], tries: int, bench: Bench) -> None:
    width = 1 if setup.alone else min(bench.instances, ceil(len(queue) / WORTH_A_START))
    async with trio.open_nursery() as nursery:
        for _ in range(width):
            nursery.start_soon(_instance, row, setup, queue, tries, bench)


def by_setup(cases: Iterable[Case]) -> dict[Setup, list[Case]]:
    """Return `cases` by the setup they need, plain ones first, each group with what others depend on first."""
    groups: dict[Setup, list[Case]] = {Setup(): []}
    for each in cases:
        groups.setdefault(each.setup, []).append(each)
    return {setup: in_order(group) for setup, group in groups.items() if group}


def in_order(cases: Sequence[Case]) -> list[Case]:
    """Return `cases` with every one behind those that it needs; otherwise the order is kept."""
    by_id = {each.id: each for each in cases}
    ordered: dict[str, Case] = {}

    def visit(case: Case, above: frozenset[str]) -> None:
        for need in case.needs:
            if need in by_id and need not in above:
                visit(by_id[need], above | {case.id})
        ordered.setdefault(case.id, case)

    for each in cases:
        visit(each, frozenset({each.id}))
    return list(ordered.values())


async def _instance(row: _Row, setup: Setup, queue: deque[Case], tries: int, bench: Bench) -> None:
    """Take cases from `queue` until it is empty.

    Whatever goes wrong with the instance stays with its server: the others go on.
    """
    try:
        while await _renewing(row, setup, queue, tries, bench):
            row.renewed += 1
    except UsageError:
        raise
    except Exception as trouble:
        if trouble is row.unkept:
            raise
        row.trouble = trouble


async def _renewing(row: _Row, setup: Setup, queue: deque[Case], tries: int, bench: Bench) -> bool:
    """Run cases on one instance; say whether its files were taken away, so that another must go on."""
    try:
        return await _until_spoiled(row, setup, queue, tries, bench)
    except FilesGone:
        if row.renewed >= RENEWALS:
            raise
        return True


async def _until_spoiled(row: _Row, setup: Setup, queue: deque[Case], tries: int, bench: Bench) -> bool:
    """Run cases on one instance; say whether it was given up with cases left, as its files were gone."""
    async with running(prepared(row.plan, setup), scratch=bench.scratch, logs=bench.logs) as server:
        if setup == Setup():
            bench.started(server)
        while queue:
            case = queue.popleft()
            try:
                await _cell(row, case, server, tries, bench)
            except _Spoiled:
                queue.appendleft(case)
                return True
            except Exception as trouble:
                # It could not be started again. This cell must be decided here: others may be waiting for it.
                if trouble is not row.unkept:
                    _keep(row, case, Attempt(judge(case.level, trouble)))
                    _decide(row, case, bench)
                raise
            finally:
                row.looked[case.id].set()
    return False


def prepared(plan: Plan, setup: Setup) -> Plan:
    """Return `plan` changed to what `setup` needs; of a chain the server behind is what changes.

    An app of the user's own stands beside the reference app, or is left out where the case is about another app.
    """
    if is_own(plan.app):
        about_another = setup.app or any(name == CALLABLE for name, _ in setup.environment)
        plan = without_own(plan) if about_another else beside_reference(plan)
    if plan.upstream is not None:
        # The front passes paths on as they are, so the mount is the server's behind it; a front listens on TCP, and
        # TLS ends at it.
        if setup.unix:
            raise Unsupported("a front is reached over TCP here")
        behind = prepared(plan.upstream, msgspec.structs.replace(setup, tls=False))
        return replace(
            plan,
            upstream=behind,
            settings=replace(plan.settings, mount=behind.settings.mount, tls=setup.tls or plan.settings.tls),
        )
    settings = replace(
        plan.settings,
        workers=setup.workers or plan.settings.workers,
        threads=setup.threads or plan.settings.threads,
        tls=setup.tls or plan.settings.tls,
        mount=setup.mount or plan.settings.mount,
        deployed=setup.deployed,
    )
    environment = {**plan.environment, **dict(setup.environment)}
    app = setup.app or plan.app
    if app != plan.app and plan.app != REFERENCE_APP:
        raise Unsupported(f"{plan.app} is served, and this case is about another app")
    if setup.distribution and not distribution_version(plan.interpreter, setup.distribution):
        raise Unsupported(
            f"{setup.distribution} is not installed for {plan.interpreter}; get it with: "
            f"{pip_install(plan.interpreter, setup.distribution)}"
        )
    return replace(plan, app=app, settings=settings, unix=setup.unix or plan.unix, environment=environment)


async def _cell(row: _Row, case: Case, server: Running, tries: int, bench: Bench) -> None:
    for need in case.needs:
        if row.setups.get(need) == case.setup:
            await row.looked[need].wait()  # it comes earlier in the same queue (see by_setup): somebody is at it
            if need not in row.verdicts:
                row.doubtful.append(case)  # as its need is
                return
        if row.verdicts.get(need, Verdict.PASS) not in (Verdict.PASS, Verdict.INFO):
            reason = f"needs {need}, which came to {row.verdicts[need]}"
            _keep(row, case, Attempt(Finding(Verdict.SKIPPED, actual=reason)))
            _decide(row, case, bench)
            return
    bench.listener.working(row.plan.name, case.id)
    made = row.attempts.setdefault(case.id, [])
    uncut = ""
    while pattern := due(case, made, bench.tries, thorough=bench.thorough):
        if pattern is not Pattern.WHOLE and (uncut := await row.cutting.refused(server)):
            break
        if counted([each.finding for each in made if each.pattern is pattern]) >= tries:
            row.doubtful.append(case)
            return
        try:
            told = await another(case, server, pattern, made)
        except GauntletError:
            if _to_be_renewed(row, server):
                raise _Spoiled from None
            raise
        if told.finding.verdict is Verdict.ERROR and _to_be_renewed(row, server):
            raise _Spoiled
        made.append(told)
    _decide(row, case, bench, uncut)


def _to_be_renewed(row: _Row, server: Running) -> bool:
    return not server.intact and row.renewed < RENEWALS


def _keep(row: _Row, case: Case, attempt: Attempt) -> None:
    row.attempts.setdefault(case.id, []).append(attempt)


def _decide(row: _Row, case: Case, bench: Bench, uncut: str = "") -> None:
    cell = decided(row.plan.name, case, row.attempts.pop(case.id), uncut)
    row.verdicts[case.id] = cell.verdict
    try:
        bench.decided(cell)
    except Exception as unkept:
        row.unkept = unkept  # nothing that is measured can be kept any more: the run must end
        raise
