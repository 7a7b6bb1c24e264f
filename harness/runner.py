"""Cases x servers on trio: starts instances, hands them cases, repeats what blames a server, and tells each cell.

A server's cells are grouped by the setup that they need; each group has instances of its own, driven at once, and an
instance runs one case at a time, so that what the app reports belongs to one cell. Every case begins on an instance
that has just answered; one that does not is replaced, and the cell says so.

What blames the server is doubtful until a second round has found it again: on fresh instances and in the opposite
order, so that no cell suffers twice from what ran before it.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio

from .catalog import Case
from .errors import HarnessTrouble, ServerTrouble, Unsupported
from .exchange import Exchange
from .expect import Violation
from .judge import BROKEN, Finding, judge, settle, settled
from .launch import Plan, Running, running
from .model import Check, Evidence, Setup, Verdict
from .progress import Listener
from .wire import Transcript

TRIES = 2
"""Attempts at a cell that blames the server; one that passes in between makes it flaky."""

INSTANCES = 4
"""Instances of one server that share the cases of one setup."""

AT_ONCE = 6
"""Servers driven at once: on two cores more only wait for each other."""

ALIVE_WITHIN = 3.0
"""Seconds in which an instance must answer before a case begins; an idle one needs milliseconds."""


NEWS = 0.05
"""Seconds in which word of a server's end reaches us; only waited for after a case that did not pass."""


FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGINT")
"""Signals that no server ends itself with: somebody else, or the kernel short of memory, did."""


@dataclass(frozen=True)
class Bench:
    """Where cells are run: folders, and who hears of them.

    `decided` is called once for each cell, in any order; `stranded` for a server that does not start; `started` for
    each instance of a plain setup.
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


@dataclass(frozen=True)
class _Attempt:
    """One attempt at one cell."""

    finding: Finding
    evidence: Evidence
    seconds: float


@dataclass
class _Row:
    """One server's cells of one call, while they are run. `looked` is set when the round has been at a case."""

    plan: Plan
    setups: dict[str, Setup]
    looked: dict[str, trio.Event] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    attempts: dict[str, list[_Attempt]] = field(default_factory=dict)
    doubtful: list[Case] = field(default_factory=list)
    trouble: Exception | None = None


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
                if not row.verdicts and queue and isinstance(row.trouble, ServerTrouble):
                    bench.stranded(plan, str(row.trouble))
                    return
                while queue:  # every instance gave up: what is left shares the reason of the last one
                    case = queue.popleft()
                    _keep(row, case, _Attempt(judge(case.level, row.trouble), Evidence(), 0.0))
                    _decide(row, case, bench)


async def _round(row: _Row, setup: Setup, queue: deque[Case], tries: int, bench: Bench) -> None:
    width = 1 if setup.alone else min(bench.instances, len(queue))
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
    try:
        async with running(prepared(row.plan, setup), scratch=bench.scratch, logs=bench.logs) as server:
            if setup == Setup():
                bench.started(server)
            while queue:
                case = queue.popleft()
                try:
                    await _cell(row, case, server, tries, bench)
                except ServerTrouble as trouble:
                    # It could not be started again. This cell must be decided here: others may be waiting for it.
                    _keep(row, case, _Attempt(judge(case.level, trouble), Evidence(), 0.0))
                    _decide(row, case, bench)
                    raise
                finally:
                    row.looked[case.id].set()
    except (ServerTrouble, Unsupported) as trouble:
        row.trouble = trouble


def prepared(plan: Plan, setup: Setup) -> Plan:
    """Return `plan` changed to what `setup` needs; of a chain the server behind is what changes."""
    if plan.upstream is not None:
        # The front passes paths on as they are, so the mount is the server's behind it; a front listens on TCP.
        if setup.unix:
            raise Unsupported("a front is reached over TCP here")
        return replace(
            plan, upstream=prepared(plan.upstream, setup), settings=replace(plan.settings, mount=setup.mount)
        )
    settings = replace(
        plan.settings,
        workers=setup.workers or plan.settings.workers,
        threads=setup.threads or plan.settings.threads,
        mount=setup.mount or plan.settings.mount,
    )
    environment = {**plan.environment, **dict(setup.environment)}
    return replace(plan, settings=settings, unix=setup.unix or plan.unix, environment=environment)


async def _cell(row: _Row, case: Case, server: Running, tries: int, bench: Bench) -> None:
    for need in case.needs:
        if row.setups.get(need) == case.setup:
            await row.looked[need].wait()  # it comes earlier in the same queue (see by_setup): somebody is at it
            if need not in row.verdicts:
                row.doubtful.append(case)  # as its need is
                return
        if row.verdicts.get(need, Verdict.PASS) not in (Verdict.PASS, Verdict.INFO):
            reason = f"needs {need}, which came to {row.verdicts[need]}"
            _keep(row, case, _Attempt(Finding(Verdict.SKIPPED, actual=reason), Evidence(), 0.0))
            _decide(row, case, bench)
            return
    bench.listener.working(row.plan.name, case.id)
    while not settled([each.finding for each in row.attempts.get(case.id, [])], bench.tries):
        if len(row.attempts.get(case.id, [])) >= tries:
            row.doubtful.append(case)
            return
        notes: list[str] = []
        if not await _answers(server):
            notes.append(f"did not answer before the attempt ({server.ended or 'still running'}); started afresh")
            await server.restart(grace=0)
        _keep(row, case, await _attempt(case, server, notes))
    _decide(row, case, bench)


async def _answers(server: Running) -> bool:
    if not server.alive:
        return False
    token = secrets.token_hex(4)
    exchange = Exchange(server, token, Transcript())
    try:
        with trio.move_on_after(ALIVE_WITHIN):
            return await exchange.alive()
    except (HarnessTrouble, ServerTrouble):
        return False
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            await exchange.close()
    return False


async def _attempt(case: Case, server: Running, notes: list[str]) -> _Attempt:
    started = time.monotonic()
    transcript = Transcript()
    exchange = Exchange(server, secrets.token_hex(4), transcript)
    raised: BaseException | None = None
    scope = trio.CancelScope(deadline=trio.current_time() + case.deadline)
    try:
        with scope:
            await case.run(exchange)
    except Exception as problem:  # noqa: BLE001 - whatever a case raises decides its cell, never the run
        raised = problem
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            await exchange.close()
    if scope.cancelled_caught:
        raised = HarnessTrouble(f"the case did not come to an end within {case.deadline:g} s")
    if raised is not None and (ended := await server.end_within(NEWS)):
        notes.append(f"the server ended during the case: {ended}")
        if not isinstance(raised, Violation) and not ended.endswith(FROM_OUTSIDE):
            raised = Violation("the server to stay up, whatever the case sends and its app does", f"it ended: {ended}")
    evidence = Evidence(transcript.events, exchange.app_events(), exchange.log_so_far(), tuple(notes))
    return _Attempt(judge(case.level, raised), evidence, time.monotonic() - started)


def _keep(row: _Row, case: Case, attempt: _Attempt) -> None:
    row.attempts.setdefault(case.id, []).append(attempt)


def _decide(row: _Row, case: Case, bench: Bench) -> None:
    attempts = row.attempts.pop(case.id)
    told = settle([each.finding for each in attempts])
    # The evidence of what the verdict rests on: the last attempt that came to it, or for flaky the one that blamed.
    shown = [each for each in attempts if each.finding == told or each.finding.verdict in BROKEN] or attempts
    row.verdicts[case.id] = told.verdict
    bench.decided(
        Check(
            server=row.plan.name,
            case=case.id,
            level=case.level,
            tags=case.tags,
            verdict=told.verdict,
            summary=case.summary,
            expected=told.expected,
            actual=told.actual,
            attempts=len(attempts),
            seconds=round(sum(each.seconds for each in attempts), 4),
            evidence=shown[-1].evidence,
        )
    )
