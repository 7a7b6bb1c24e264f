"""Cases x servers on trio: starts instances, hands them cases, repeats what blames a server, and tells each cell.

A server's cells are grouped by the setup that they need; each group has instances of its own, driven at once, and an
instance runs one case at a time, so that what the app reports belongs to one cell. Every case begins on an instance
that has just answered; one that does not is replaced, and the cell says so.
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
from .judge import BROKEN, Finding, judge, settle, settled
from .launch import Plan, Running, running
from .model import Check, Evidence, Setup, Verdict
from .progress import Listener
from .wire import Transcript

TRIES = 3
"""Attempts at a cell that blames the server; one that passes in between makes it flaky."""

INSTANCES = 2
"""Instances of one server that share the cases of one setup."""

AT_ONCE = 4
"""Servers driven at once: on two cores more only wait for each other."""

ALIVE_WITHIN = 3.0
"""Seconds in which an instance must answer before a case begins; an idle one needs milliseconds."""


NEWS = 0.05
"""Seconds in which word of a server's end reaches us; only waited for after a case that did not pass."""


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


@dataclass
class _Row:
    """One server's cells of one call, while they are run."""

    plan: Plan
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    decided: dict[str, trio.Event] = field(default_factory=dict)
    setups: dict[str, Setup] = field(default_factory=dict)
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
    row = _Row(plan, decided={each.id: trio.Event() for each in cases}, setups={each.id: each.setup for each in cases})
    async with limiter:
        for setup, group in by_setup(cases).items():
            queue = deque(group)
            width = 1 if setup.alone else min(bench.instances, len(queue))
            async with trio.open_nursery() as nursery:
                for _ in range(width):
                    nursery.start_soon(_instance, row, setup, queue, bench)
            if not queue:
                continue
            # Every instance of this setup gave up: what is left shares the reason of the last one.
            if not row.verdicts and isinstance(row.trouble, ServerTrouble):
                bench.stranded(plan, str(row.trouble))
                return
            while queue:
                case = queue.popleft()
                _decide(
                    row, case, _check(row, case, [judge(case.level, row.trouble)], Evidence(), time.monotonic()), bench
                )


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


async def _instance(row: _Row, setup: Setup, queue: deque[Case], bench: Bench) -> None:
    try:
        async with running(prepared(row.plan, setup), scratch=bench.scratch, logs=bench.logs) as server:
            if setup == Setup():
                bench.started(server)
            while queue:
                case = queue.popleft()
                try:
                    cell = await _cell(row, case, server, bench)
                except ServerTrouble as trouble:
                    # It could not be started again. This cell must be decided here: others may be waiting for it.
                    cell = _check(row, case, [judge(case.level, trouble)], Evidence(), time.monotonic())
                    _decide(row, case, cell, bench)
                    raise
                _decide(row, case, cell, bench)
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


async def _cell(row: _Row, case: Case, server: Running, bench: Bench) -> Check:
    started = time.monotonic()
    for need in case.needs:
        if row.setups.get(need) == case.setup:
            await row.decided[need].wait()  # it comes earlier in the same queue (see by_setup): somebody is at it
        if row.verdicts.get(need, Verdict.PASS) not in (Verdict.PASS, Verdict.INFO):
            reason = Finding(Verdict.SKIPPED, actual=f"needs {need}, which came to {row.verdicts[need]}")
            return _check(row, case, [reason], Evidence(), started)
    bench.listener.working(row.plan.name, case.id)
    findings: list[Finding] = []
    evidence = Evidence()
    while not settled(findings, bench.tries):
        notes: list[str] = []
        last = len(findings) == bench.tries - 1
        if findings and last:
            # Blame that holds on an instance with a past must hold on one without, or the past is to blame.
            await server.restart(grace=0)
            notes.append("started afresh for the last attempt")
        elif not await _answers(server):
            notes.append(f"did not answer before the attempt ({server.ended or 'still running'}); started afresh")
            await server.restart(grace=0)
        finding, seen = await _attempt(case, server, notes)
        if finding.verdict in BROKEN or finding.verdict is Verdict.ERROR or not findings:
            evidence = seen
        findings.append(finding)
    return _check(row, case, findings, evidence, started)


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


async def _attempt(case: Case, server: Running, notes: list[str]) -> tuple[Finding, Evidence]:
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
    evidence = Evidence(transcript.events, exchange.app_events(), exchange.log_so_far(), tuple(notes))
    return judge(case.level, raised), evidence


def _check(row: _Row, case: Case, findings: Sequence[Finding], evidence: Evidence, started: float) -> Check:
    told = settle(findings)
    return Check(
        server=row.plan.name,
        case=case.id,
        level=case.level,
        tags=case.tags,
        verdict=told.verdict,
        summary=case.summary,
        expected=told.expected,
        actual=told.actual,
        attempts=len(findings),
        seconds=round(time.monotonic() - started, 4),
        evidence=evidence,
    )


def _decide(row: _Row, case: Case, cell: Check, bench: Bench) -> None:
    row.verdicts[case.id] = cell.verdict
    row.decided[case.id].set()
    bench.decided(cell)
