"""Run cases on servers: start instances, give them cases, and report each cell as an event.

The cases of a server are grouped by the setup that they need. Each group has its own instances. The first group shows
whether the server starts; from then on the groups run at the same time. A group whose cases need a verdict of an
earlier group waits for it. An instance runs one case at a time, so that app events belong to one cell, and no case
waits for another at a server that serves one connection at a time. Before each case the instance must respond; if it
does not, it is restarted and the evidence says so.

A case that blames the server is run again in a second round, on fresh instances and in the opposite order: then the
same cases did not run before it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil

import msgspec
import trio

from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.retry import MAX_ATTEMPTS, AttemptLoop
from wsgi_gauntlet.harness.conformance.segmentation_tolerance import SegmentationTolerance
from wsgi_gauntlet.harness.conformance.verdict import count_unstalled
from wsgi_gauntlet.harness.errors import (
    GauntletError,
    InstanceFilesDeleted,
    ServerError,
    TargetRefused,
    Unsupported,
    UsageError,
)
from wsgi_gauntlet.harness.event_queue import EventQueue
from wsgi_gauntlet.harness.events import CaseFinished, Progress, ServerFailed, ServerStarted
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import Setup, Verdict
from wsgi_gauntlet.harness.server.adapter import distribution_version, pip_install_command
from wsgi_gauntlet.harness.server.opened import opened
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.ports import can_listen_on
from wsgi_gauntlet.harness.server.process.fork_server import ForkServers
from wsgi_gauntlet.harness.server.remote.remote_server import RemoteDescription
from wsgi_gauntlet.harness.server.server_under_test import ObservedServer
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders
from wsgi_gauntlet.harness.server.user_app import (
    CALLABLE_VARIABLE,
    REFERENCE_APP,
    is_user_app,
    plan_with_reference_app,
    without_user_app,
)

MAX_INSTANCES = 6
"""Instances of one server, of several that are checked at the same time."""

MAX_INSTANCES_ALONE = 14
"""Instances of a server that is checked by itself: most cases wait, and six instances leave half of two cores idle."""

INSTANCES_PER_CORE = 7
"""Instances of a server for each core, at most. Those that compute at the same time wait for each other."""

MAX_INSTANCES_OF_SETUP = 10
"""Instances of one server that share the cases of one setup."""

CASES_PER_INSTANCE = 12
"""Cases of the first round for each of its instances, at least. A start takes as long as twenty quick cases."""

REPEATED_CASES_PER_INSTANCE = 5
"""The same for the second round: a case that fails waits longer than it computes."""

MAX_RENEWALS = 12
"""Times that the instances of one server are replaced because their files were deleted."""

MAX_PARALLEL_SERVERS = 6
"""Servers that run at the same time. On two cores more servers only wait for each other."""

UNDECIDED_DEPENDENCY_MESSAGE = "the server's files were deleted during {}, which this case needs; run the case again"
"""The reason of a case whose needed case got no verdict in the last round."""


@dataclass(frozen=True)
class RunnerConfig:
    """How cases are run. Without `all_segmentations` each case is sent whole and in one other segmentation.

    `instances` are those of one server at the same time; without it `default_instances` decides.
    """

    folders: RunFolders
    instances: int | None = None
    parallel_servers: int = MAX_PARALLEL_SERVERS
    tries: int = MAX_ATTEMPTS
    all_segmentations: bool = True


class _InstanceLost(Exception):
    """The files of the instance are gone: a fresh instance must take the case."""


async def check(
    plans: Sequence[Plan], cells: Mapping[str, Sequence[Case]], config: RunnerConfig, events: EventQueue
) -> None:
    """Run for each of `plans` the cases that `cells` lists under its name.

    Puts one CaseFinished for each case, in any order, and a ServerStarted for each instance of the plain setup. A
    server that does not start gets ServerFailed instead, and the others go on.
    """
    limiter = trio.CapacityLimiter(config.parallel_servers)
    servers = sum(bool(cells[plan.name]) for plan in plans)
    instances = config.instances or default_instances(min(servers, config.parallel_servers))

    async def run(plan: Plan, offset: float) -> None:
        async with limiter:
            await _ServerRun(plan, cells[plan.name], config, events, instances, fork_servers, offset).run()

    with ForkServers.open() as fork_servers:
        async with trio.open_nursery() as nursery:
            for number, plan in enumerate(plans):
                nursery.start_soon(run, plan, number / config.parallel_servers % 1)


def default_instances(servers: int) -> int:
    """Return how many instances each of `servers` has that are checked at the same time."""
    most = min(MAX_INSTANCES_ALONE, INSTANCES_PER_CORE * len(os.sched_getaffinity(0)))
    return max(MAX_INSTANCES, most // max(1, servers))


@dataclass
class _Group:
    """The cases that need one setup. `known` are the ids of the cases whose verdicts they can know, `error` is the last
    one that ended an instance."""

    setup: Setup
    cases: Sequence[Case]
    known: frozenset[str] = frozenset()
    to_repeat: list[Case] = field(default_factory=list)
    error: Exception | None = None


@dataclass
class _Round:
    """One pass over the cases of a group, on at most `max_instances`, of which some had `failures`. `visited` is set
    when it has tried the case. `done` is set when no case is left, or no instance for them. Instances may still have to
    stop then: they run in `nursery`. `waiting` are those that have no turn yet, `working` those that run cases."""

    group: _Group
    queue: deque[Case]
    tries: int
    visited: dict[str, trio.Event]
    max_instances: int
    nursery: trio.Nursery
    added: int = 0
    failures: int = 0
    waiting: int = 0
    working: int = 0
    done: trio.Event = field(default_factory=trio.Event)

    def begin_work(self) -> None:
        """Record that an instance has its turn."""
        self.waiting -= 1
        self.working += 1

    def end_work(self) -> None:
        """Record that an instance runs no more cases."""
        self.working -= 1
        if not self.working and not (self.queue and self.waiting):
            self.done.set()


@dataclass
class _ServerRun:
    """The cases of one server, while they are run.

    `offset` is the part of its cases behind which the server begins. Servers that are checked at the same time would
    otherwise all wait, or all hold large bodies, at the same time.
    """

    plan: Plan
    cases: Sequence[Case]
    config: RunnerConfig
    events: EventQueue
    max_instances: int
    fork_servers: ForkServers
    offset: float = 0.0
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    loops: dict[str, AttemptLoop] = field(default_factory=dict)
    segmentation_tolerance: SegmentationTolerance = field(default_factory=SegmentationTolerance)
    renewals: int = 0

    def __post_init__(self) -> None:
        instances = 1 if isinstance(self.plan.adapter, RemoteDescription) else self.max_instances
        if self.plan.app_plan.app != REFERENCE_APP:  # it may need much memory, and a copy of its folder
            instances = min(instances, MAX_INSTANCES)
        self._instances = trio.CapacityLimiter(instances)
        self._others_may_start = trio.Event()
        self._decided = {case.id: trio.Event() for case in self.cases}

    async def run(self) -> None:
        """Run the cases, or report that the server does not start."""
        by_setup = group_by_setup(self.cases)
        groups = [_Group(setup, order_by_dependency(rotate(cases, self.offset))) for setup, cases in by_setup.items()]
        if not groups:
            return
        first, *others = groups
        shared = [group for group in others if not group.setup.alone]
        # What another group decides at the same time must not change a verdict: it depends on the time.
        for number, group in enumerate([first, *shared]):
            group.known = frozenset(case.id for each in [first, *shared][: number + 1] for case in each.cases)
        async with trio.open_nursery() as nursery:
            for group in shared:
                nursery.start_soon(self._run_after, group)
            if not await self._run_group(first):
                await self.events.put(ServerFailed(self.plan.name, str(first.error)))
                nursery.cancel_scope.cancel()
                return
            self._others_may_start.set()
        for group in others:
            if group.setup.alone:
                group.known = frozenset(self._decided)
                await self._run_group(group)

    async def _run_after(self, group: _Group) -> None:
        """Run the cases of `group` when it may start and the cases of earlier groups that they need are decided."""
        await self._others_may_start.wait()
        own = {case.id for case in group.cases}
        for need in ({need for case in group.cases for need in case.needs} & group.known) - own:
            await self._decided[need].wait()
        await self._run_group(group)

    async def _run_group(self, group: _Group) -> bool:
        """Run the cases of one group; say whether the server started, for it or for the first group."""
        async with trio.open_nursery() as nursery:  # the instances of the first round stop while the second one begins
            for tries in sorted({1, self.config.tries}):  # with one try there is no second round
                queue = deque(group.cases if tries == 1 else order_by_dependency(group.to_repeat[::-1]))
                group.to_repeat.clear()
                visited = {case.id: trio.Event() for case in queue}
                max_instances = self._max_instances(group, len(queue), first=tries == 1)
                await self._run_round(_Round(group, queue, tries, visited, max_instances, nursery))
                known_to_start = self._others_may_start.is_set() or bool(self.verdicts) or self.renewals > 0
                if queue and not known_to_start and isinstance(group.error, GauntletError):
                    return False
                while queue:  # all instances failed: the remaining cases get the error of the last one
                    assert group.error is not None
                    await self._finish_with_error(queue.popleft(), group.error)
        for case in group.to_repeat:  # the needed case was put back into the queue, and no round is left
            await self._finish_with_error(
                case, InstanceFilesDeleted(UNDECIDED_DEPENDENCY_MESSAGE.format(", ".join(case.needs)))
            )
        return True

    def _max_instances(self, group: _Group, cases: int, *, first: bool) -> int:
        if group.setup.alone:
            return 1
        each = CASES_PER_INSTANCE if first else REPEATED_CASES_PER_INSTANCE
        return min(MAX_INSTANCES_OF_SETUP, int(self._instances.total_tokens), ceil(cases / each))

    async def _run_round(self, round_: _Round) -> None:
        """Run the cases of a round on one instance, or on two if the server is known to start, and on more if needed.

        Each instance that has started lets another one start while cases are left. If one fails, all others start: the
        next one may succeed. A server that has never started gets one more try: each may take as long as its time-out.
        Return when no case is left; instances may still stop in the nursery of the round.
        """
        self._add_instances(round_, 2 if self._others_may_start.is_set() else 1)
        if round_.queue:
            await round_.done.wait()

    def _add_instances(self, round_: _Round, count: int) -> None:
        """Start `count` more instances, or as many as the round may have, if cases are left."""
        for _ in range(min(count, round_.max_instances - round_.added) if round_.queue else 0):
            round_.added += 1
            round_.waiting += 1
            round_.nursery.start_soon(self._run_instances, round_)

    async def _run_instances(self, round_: _Round) -> None:
        """Run cases until the queue is empty, and replace the instance when its files were deleted.

        An error of the instance ends only this task: the other instances go on.
        """
        works = True  # until it stops, when its errors concern no case any more

        def end_work() -> None:
            nonlocal works
            if works:
                works = False
                round_.end_work()

        await self._instances.acquire()
        round_.begin_work()
        try:
            while round_.queue and await self._run_on_instance(round_, end_work):
                self.renewals += 1
        except UsageError as refused:
            if isinstance(refused, TargetRefused) and self.verdicts:
                round_.group.error = ServerError(str(refused))  # the results until now count
                return
            raise
        except Exception as error:  # noqa: BLE001 - becomes the result of the cases that are left
            if not works:
                return
            round_.group.error = error
            round_.failures += 1
            if isinstance(error, Unsupported):
                return
            if self._others_may_start.is_set() or self.verdicts:
                self._add_instances(round_, round_.max_instances)
            elif round_.failures == 1:
                self._add_instances(round_, 1)
        finally:
            end_work()
            self._instances.release()

    async def _run_on_instance(self, round_: _Round, end_work: Callable[[], None]) -> bool:
        """Run cases on one instance; say whether its files were deleted, so that another must go on.

        `end_work` is called when no case is left, before the instance is stopped.
        """
        setup, folders = round_.group.setup, self.config.folders
        try:
            plan = apply_setup(self.plan, setup)
            async with opened(
                plan, scratch=folders.scratch, logs=folders.logs, fork_servers=self.fork_servers
            ) as server:
                if setup == Setup():
                    await self.events.put(ServerStarted(self.plan.name, server.command_line, server.conditions))
                self._add_instances(round_, 1)
                if not setup.alone:
                    self._others_may_start.set()
                while round_.queue:
                    case = round_.queue.popleft()
                    try:
                        await self._run_case(case, server, round_)
                    except _InstanceLost:
                        round_.queue.appendleft(case)
                        return True
                    except Exception as error:
                        # The server cannot be restarted. The cell must be decided: other cases may wait for it.
                        await self._finish_with_error(case, error)
                        raise
                    finally:
                        round_.visited[case.id].set()
                if not setup.alone:
                    end_work()
        except InstanceFilesDeleted:
            if self.renewals >= MAX_RENEWALS:
                raise
            return True
        return False

    async def _run_case(self, case: Case, server: ObservedServer, round_: _Round) -> None:
        loop = self._loop(case)
        for need in case.needs:
            if need not in round_.group.known:
                continue
            if need in round_.visited:
                await round_.visited[need].wait()  # it is earlier in the same queue: an instance runs it
                if need not in self.verdicts:
                    round_.group.to_repeat.append(case)  # together with the needed case
                    return
            if not (verdict := self.verdicts.get(need, Verdict.PASS)).is_met:
                loop.skip(need, verdict)
                await self._finish_case(loop)
                return
        self.events.put_progress(Progress(self.plan.name, case.id))

        async def next_instance(segmentation: Segmentation) -> ObservedServer | None:
            # The second round makes further attempts on another instance.
            return server if count_unstalled(loop.made_in(segmentation)) < round_.tries else None

        try:
            decided = await loop.run(next_instance, partial(self._plain_instance, round_.group.setup))
        except GauntletError:
            if not server.intact and self.renewals < MAX_RENEWALS:
                raise _InstanceLost from None
            raise
        if decided:
            await self._finish_case(loop)
        else:
            round_.group.to_repeat.append(case)

    @asynccontextmanager
    async def _plain_instance(self, setup: Setup, server: ObservedServer) -> AsyncIterator[ObservedServer]:
        """Open an instance of the plain setup: `server` itself if its `setup` is plain, or cannot be another one."""
        if setup == Setup() or isinstance(self.plan.adapter, RemoteDescription):
            yield server
            return
        folders = self.config.folders
        plan = apply_setup(self.plan, Setup())
        async with opened(plan, scratch=folders.scratch, logs=folders.logs, fork_servers=self.fork_servers) as plain:
            yield plain

    def _loop(self, case: Case) -> AttemptLoop:
        return self.loops.setdefault(
            case.id,
            AttemptLoop(case, self.segmentation_tolerance, self.config.tries, self.config.all_segmentations),
        )

    async def _finish_with_error(self, case: Case, error: Exception) -> None:
        loop = self._loop(case)
        loop.add_error(error)
        await self._finish_case(loop)

    async def _finish_case(self, loop: AttemptLoop) -> None:
        del self.loops[loop.case.id]
        cell = loop.result(self.plan.name)
        self.verdicts[cell.case] = cell.verdict
        self._decided[cell.case].set()
        await self.events.put(CaseFinished(cell))


def reason_not_as_it_runs(setup: Setup) -> str:
    """Return why a server that somebody else started cannot have `setup`, '' if it has it as it runs."""
    needs = {
        f"{setup.app.split(':')[0].removeprefix('gauntlet_apps.')} in place of the test app": setup.app,
        f"{setup.workers} worker(s)": setup.workers,
        f"{setup.threads} thread(s) in each worker": setup.threads,
        "TLS with the certificate of the harness": setup.tls,
        f"the app mounted at {setup.mount}": setup.mount,
        "a Unix socket": setup.unix,
        f"the address {setup.host}": setup.host,
        "variables in the environment of its process": setup.environment,
        "variables that its configuration puts into environ": setup.deployed,
    }
    needed = ", ".join(need for need, value in needs.items() if value)
    return f"somebody else started this server, and the case needs {needed}" if needed else ""


def group_by_setup(cases: Iterable[Case]) -> dict[Setup, list[Case]]:
    """Return `cases` by the setup they need, the plain setup first, each group in the order of dependencies."""
    groups: dict[Setup, list[Case]] = {Setup(): []}
    for each in cases:
        groups.setdefault(each.setup, []).append(each)
    return {setup: order_by_dependency(group) for setup, group in groups.items() if group}


def rotate(cases: Sequence[Case], offset: float) -> list[Case]:
    """Return `cases`, beginning behind the part `offset` of them (0 to 1), and those before it at the end."""
    start = int(len(cases) * offset)
    return [*cases[start:], *cases[:start]]


def order_by_dependency(cases: Sequence[Case]) -> list[Case]:
    """Return `cases` with each case behind those that it needs; otherwise the order stays."""
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


def apply_setup(plan: Plan, setup: Setup) -> Plan:
    """Return `plan` with the settings of `setup`; in a chain the server behind the proxy gets them.

    A user app runs beside the test app. It is left out if the case is about another app. Raises Unsupported.
    """
    if isinstance(plan.adapter, RemoteDescription):
        if why := reason_not_as_it_runs(setup):
            raise Unsupported(why)
        return plan
    if is_user_app(plan.app):
        about_another = setup.app or any(name == CALLABLE_VARIABLE for name, _ in setup.environment)
        plan = without_user_app(plan) if about_another else plan_with_reference_app(plan)
    if plan.upstream is not None:
        # A proxy passes paths on unchanged, so the server behind it has the mount. A proxy listens on TCP and ends TLS.
        if setup.unix:
            raise Unsupported("the harness connects to a proxy over TCP only")
        if setup.host:
            raise Unsupported("a proxy has the address that the harness gives it; run this case without the proxy")
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
    if setup.host and not can_listen_on(setup.host):
        raise Unsupported(f"this machine has no address {setup.host}")
    if setup.host and plan.address().path:
        raise Unsupported("the server listens on a Unix socket only")
    return replace(
        plan,
        app=app,
        settings=settings,
        unix=setup.unix or plan.unix,
        host=setup.host or plan.host,
        environment=environment,
    )
