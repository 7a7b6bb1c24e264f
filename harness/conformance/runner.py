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

from wsgi_gauntlet.harness.conformance.attempt import Attempt, run_again
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.retry import finalize, next_segmentation
from wsgi_gauntlet.harness.conformance.segmentation_tolerance import SegmentationTolerance
from wsgi_gauntlet.harness.conformance.verdict import Judgement, count_unstalled, judge
from wsgi_gauntlet.harness.errors import GauntletError, InstanceFilesDeleted, Unsupported, UsageError
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import CaseResult, Setup, Verdict
from wsgi_gauntlet.harness.model.listener import Listener
from wsgi_gauntlet.harness.server.adapter import distribution_version, pip_install_command
from wsgi_gauntlet.harness.server.instance import ServerInstance, running
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.user_app import (
    CALLABLE_VARIABLE,
    REFERENCE_APP,
    is_user_app,
    plan_with_reference_app,
    without_user_app,
)

MAX_ATTEMPTS = 3
"""Attempts at a cell that blames the server; one that passes in between makes it flaky."""

MAX_INSTANCES = 6
"""Instances of one server that share the cases of one setup."""

CASES_PER_INSTANCE = 8
"""Cases for which another instance is started: a start costs a server as much time as twenty quick cases."""

MAX_RENEWALS = 12
"""Times that one server's instances are replaced because somebody took their files away."""

UNDECIDED_DEPENDENCY_MESSAGE = (
    "the server's files were taken away while {} was tried, which this case needs; run the case again"
)
"""What is said of a case whose need nobody had decided when its turn came last."""

MAX_PARALLEL_SERVERS = 6
"""Servers driven at once: on two cores more only wait for each other."""


@dataclass(frozen=True)
class RunnerConfig:
    """Where cells are run: folders, and who hears of them.

    `decided` is called once for each cell, in any order; `stranded` for a server that does not start; `started` for
    each instance of a plain setup. With `thorough` each case is sent in all ways, else in two (conformance/retry.py).
    """

    scratch: Path
    logs: Path
    listener: Listener
    finalize: Callable[[CaseResult], None]
    failed_to_start: Callable[[Plan, str], None]
    started: Callable[[ServerInstance], None] = lambda _run_server: None
    instances: int = MAX_INSTANCES
    parallel_servers: int = MAX_PARALLEL_SERVERS
    tries: int = MAX_ATTEMPTS
    all_segmentations: bool = True


@dataclass
class _ServerRun:
    """One server's cells of one call, while they are run. `looked` is set when the round has been at a case."""

    plan: Plan
    setups: dict[str, Setup]
    visited: dict[str, trio.Event] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)
    to_repeat: list[Case] = field(default_factory=list)
    segmentation_tolerance: SegmentationTolerance = field(default_factory=SegmentationTolerance)
    error: Exception | None = None
    renewals: int = 0
    storage_error: Exception | None = None


class _InstanceLost(Exception):
    """The instance's files are gone: a fresh one must take the case."""


async def check(plans: Sequence[Plan], cells: Mapping[str, Sequence[Case]], config: RunnerConfig) -> None:
    """Run, for each of `plans`, the cases that `cells` has under its name.

    A server that does not start is told to `bench.stranded`, and the others go on.
    """
    limiter = trio.CapacityLimiter(config.parallel_servers)
    async with trio.open_nursery() as nursery:
        for plan in plans:
            nursery.start_soon(_run_server, plan, cells[plan.name], config, limiter)


async def _run_server(plan: Plan, cases: Sequence[Case], config: RunnerConfig, limiter: trio.CapacityLimiter) -> None:
    run = _ServerRun(plan, {each.id: each.setup for each in cases})
    async with limiter:
        for setup, group in group_by_setup(cases).items():
            for tries in sorted({1, config.tries}):  # with one try there is no second round
                queue = deque(group if tries == 1 else order_by_dependency(run.to_repeat[::-1]))
                run.to_repeat.clear()
                run.visited.update({case.id: trio.Event() for case in queue})
                await _run_round(run, setup, queue, tries, config)
                if not run.verdicts and not run.renewals and queue and isinstance(run.error, GauntletError):
                    config.failed_to_start(plan, str(run.error))
                    return
                while queue:  # every instance gave up: what is left shares the reason of the last one
                    case = queue.popleft()
                    _add_attempt(run, case, Attempt(judge(case.level, run.error)))
                    _finish_case(run, case, config)
            for case in run.to_repeat:  # no round is left, and its need went back into the queue meanwhile
                _add_attempt(
                    run,
                    case,
                    Attempt(
                        judge(
                            case.level, InstanceFilesDeleted(UNDECIDED_DEPENDENCY_MESSAGE.format(", ".join(case.needs)))
                        )
                    ),
                )
                _finish_case(run, case, config)


async def _run_round(run: _ServerRun, setup: Setup, queue: deque[Case], tries: int, config: RunnerConfig) -> None:
    width = 1 if setup.alone else min(config.instances, ceil(len(queue) / CASES_PER_INSTANCE))
    async with trio.open_nursery() as nursery:
        for _ in range(width):
            nursery.start_soon(_run_instance, run, setup, queue, tries, config)


def group_by_setup(cases: Iterable[Case]) -> dict[Setup, list[Case]]:
    """Return `cases` by the setup they need, plain ones first, each group with what others depend on first."""
    groups: dict[Setup, list[Case]] = {Setup(): []}
    for each in cases:
        groups.setdefault(each.setup, []).append(each)
    return {setup: order_by_dependency(group) for setup, group in groups.items() if group}


def order_by_dependency(cases: Sequence[Case]) -> list[Case]:
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


async def _run_instance(run: _ServerRun, setup: Setup, queue: deque[Case], tries: int, config: RunnerConfig) -> None:
    """Take cases from `queue` until it is empty.

    Whatever goes wrong with the instance stays with its server: the others go on.
    """
    try:
        while await _run_until_renewal(run, setup, queue, tries, config):
            run.renewals += 1
    except UsageError:
        raise
    except Exception as error:
        if error is run.storage_error:
            raise
        run.error = error


async def _run_until_renewal(
    run: _ServerRun, setup: Setup, queue: deque[Case], tries: int, config: RunnerConfig
) -> bool:
    """Run cases on one instance; say whether its files were taken away, so that another must go on."""
    try:
        return await _run_on_instance(run, setup, queue, tries, config)
    except InstanceFilesDeleted:
        if run.renewals >= MAX_RENEWALS:
            raise
        return True


async def _run_on_instance(run: _ServerRun, setup: Setup, queue: deque[Case], tries: int, config: RunnerConfig) -> bool:
    """Run cases on one instance; say whether it was given up with cases left, as its files were gone."""
    async with running(apply_setup(run.plan, setup), scratch=config.scratch, logs=config.logs) as server:
        if setup == Setup():
            config.started(server)
        while queue:
            case = queue.popleft()
            try:
                await _run_case(run, case, server, tries, config)
            except _InstanceLost:
                queue.appendleft(case)
                return True
            except Exception as error:
                # It could not be started again. This cell must be decided here: others may be waiting for it.
                if error is not run.storage_error:
                    _add_attempt(run, case, Attempt(judge(case.level, error)))
                    _finish_case(run, case, config)
                raise
            finally:
                run.visited[case.id].set()
    return False


def apply_setup(plan: Plan, setup: Setup) -> Plan:
    """Return `plan` changed to what `setup` needs; of a chain the server behind is what changes.

    An app of the user's own stands beside the reference app, or is left out where the case is about another app.
    """
    if is_user_app(plan.app):
        about_another = setup.app or any(name == CALLABLE_VARIABLE for name, _ in setup.environment)
        plan = without_user_app(plan) if about_another else plan_with_reference_app(plan)
    if plan.upstream is not None:
        # The front passes paths on as they are, so the mount is the server's behind it; a front listens on TCP, and
        # TLS ends at it.
        if setup.unix:
            raise Unsupported("a front is reached over TCP here")
        behind = apply_setup(plan.upstream, msgspec.structs.replace(setup, tls=False))
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
            f"{pip_install_command(plan.interpreter, setup.distribution)}"
        )
    return replace(plan, app=app, settings=settings, unix=setup.unix or plan.unix, environment=environment)


async def _run_case(run: _ServerRun, case: Case, server: ServerInstance, tries: int, config: RunnerConfig) -> None:
    for need in case.needs:
        if run.setups.get(need) == case.setup:
            await run.visited[need].wait()  # it comes earlier in the same queue (see group_by_setup): somebody is at it
            if need not in run.verdicts:
                run.to_repeat.append(case)  # as its need is
                return
        if run.verdicts.get(need, Verdict.PASS) not in (Verdict.PASS, Verdict.INFO):
            reason = f"needs {need}, which came to {run.verdicts[need]}"
            _add_attempt(run, case, Attempt(Judgement(Verdict.SKIPPED, actual=reason)))
            _finish_case(run, case, config)
            return
    config.listener.progress(run.plan.name, case.id)
    attempts = run.attempts.setdefault(case.id, [])
    whole_only_reason = ""
    while segmentation := next_segmentation(case, attempts, config.tries, all_segmentations=config.all_segmentations):
        if segmentation is not Segmentation.WHOLE and (
            whole_only_reason := await run.segmentation_tolerance.rejection_reason(server)
        ):
            break
        if count_unstalled([each.judgement for each in attempts if each.segmentation is segmentation]) >= tries:
            run.to_repeat.append(case)
            return
        try:
            result = await run_again(case, server, segmentation, attempts)
        except GauntletError:
            if _needs_renewal(run, server):
                raise _InstanceLost from None
            raise
        if result.judgement.verdict is Verdict.ERROR and _needs_renewal(run, server):
            raise _InstanceLost
        attempts.append(result)
    _finish_case(run, case, config, whole_only_reason)


def _needs_renewal(run: _ServerRun, server: ServerInstance) -> bool:
    return not server.intact and run.renewals < MAX_RENEWALS


def _add_attempt(run: _ServerRun, case: Case, attempt: Attempt) -> None:
    run.attempts.setdefault(case.id, []).append(attempt)


def _finish_case(run: _ServerRun, case: Case, config: RunnerConfig, whole_only_reason: str = "") -> None:
    cell = finalize(run.plan.name, case, run.attempts.pop(case.id), whole_only_reason)
    run.verdicts[case.id] = cell.verdict
    try:
        config.finalize(cell)
    except Exception as storage_error:
        run.storage_error = storage_error  # nothing that is measured can be kept any more: the run must end
        raise
