"""The workers of a dask cluster, as machines on which the harness runs its processes.

    with open_cluster("tcp://10.0.0.1:8786") as cluster:     # versions and clocks are checked
        found = await parallel_open_loop(..., processes=cluster)

A cluster is one session on each worker. A thread renews it; workers that the harness no longer reaches end their
processes themselves (worker.py). All functions with `await` are calls of trio.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, TypeVar, cast

import trio

from wsgi_gauntlet.harness.cluster import worker as worker_functions
from wsgi_gauntlet.harness.cluster.clock import ClockOffset, clock_offset, needs_more
from wsgi_gauntlet.harness.cluster.cluster_name import MAX_WORKERS, ClusterName, parse_cluster
from wsgi_gauntlet.harness.cluster.dask_thread import DaskThread, dask_thread
from wsgi_gauntlet.harness.errors import ConfigurationError, GauntletError, InternalError, OutOfResources, WorkerLost
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.clients.behaviour_message import behaviour_messages
from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour
from wsgi_gauntlet.harness.load.clients.slow_clients import SlowClients
from wsgi_gauntlet.harness.load.generator.cluster_result import ClusterResult, Shard
from wsgi_gauntlet.harness.load.generator.process_messages import (
    HEADER_BYTES,
    Job,
    JobError,
    JobResult,
    Message,
    Ready,
    Start,
    decode,
    encode,
)
from wsgi_gauntlet.harness.load.generator.process_pool import OnReady
from wsgi_gauntlet.harness.server.remote.guard import watch_credentials

if TYPE_CHECKING:
    from distributed import Client

MAX_ROUNDS = 3
"""Rounds of one load at most: a worker that is lost costs the round, and the round is run again."""

CALL_TIMEOUT = 8.0
"""Seconds after which a worker that does not answer counts as lost."""

RENEW_INTERVAL = 2.0
"""Seconds between two renewals of the leases."""

RENEW_TIMEOUT = 15.0
"""Seconds after which a worker that does not renew its lease counts as lost. With RENEW_INTERVAL it is less than the
lease: a busy worker may answer late."""

LOST_POLL_INTERVAL = 0.2
"""Seconds between two looks whether a worker was lost."""

START_TIMEOUT = 60.0
"""Seconds in which a new process on a worker must be ready."""

START_DELAY_NS = 250_000_000
"""Nanoseconds from the last Ready to the common start: messages to workers far away take tens of milliseconds."""

EXTRA_TIMEOUT = 30.0
"""Seconds beyond its own time limits after which a process on a worker counts as stuck."""

GENERATOR_MODULE = "wsgi_gauntlet.harness.load.generator.process_main"

DISTRIBUTION = "wsgi-gauntlet"

T = TypeVar("T")


@dataclass(frozen=True)
class Worker:
    """A worker of the cluster: its `address` for dask, its `name` there, the name of its `machine`, and its clock."""

    address: str
    name: str
    machine: str
    clock: ClockOffset

    @property
    def host(self) -> str:
        """The IP address of the worker, as the scheduler sees it."""
        return self.address.partition("://")[2].rpartition(":")[0].strip("[]")

    @property
    def label(self) -> str:
        """Its name for people."""
        return f"worker {self.name} on {self.machine}"


class WorkerProcess:
    """A process of the harness on a worker. Made by `Cluster.process`."""

    def __init__(self, cluster: Cluster, worker: Worker, name: str) -> None:
        self.worker = worker
        self._cluster = cluster
        self._name = name

    async def request(self, message: Message, seconds: float) -> Message:
        """Send a message and return the answer, which must come within `seconds`.

        Raises WorkerLost, the error of a JobError with the name of the worker in front, and InternalError for a
        process that ended, sent something invalid, or did not answer in time.
        """
        label = self.worker.label
        with trio.move_on_after(seconds) as scope:
            reply = await self._cluster.call(
                self.worker,
                lambda client: _ask(
                    client,
                    self.worker,
                    worker_functions.exchange,
                    self._cluster.session,
                    self._name,
                    encode(message),
                ),
            )
        if scope.cancelled_caught:
            raise WorkerLost(f"{label} did not answer in time")
        if isinstance(reply, str):
            raise WorkerLost(f"{label}: a process {reply}")
        try:
            answer = decode(reply[HEADER_BYTES:])
        except ValueError as error:
            raise InternalError(f"{label}: {error}") from error
        if isinstance(answer, JobError):
            problem = answer.exception()
            raise type(problem)(f"{label}: {problem}")
        return answer


class Cluster:
    """The connected workers. Made by `open_cluster`. It has the method of GeneratorMachines."""

    def __init__(self, name: ClusterName, thread: DaskThread, server_worker: str) -> None:
        self.name = name
        self.session = secrets.token_hex(8)
        self.workers: tuple[Worker, ...] = ()
        self._thread = thread
        self._server_worker = server_worker
        self._lost: set[str] = set()
        self._numbers = itertools.count(1)
        self._renewal: asyncio.Task[None] | None = None
        self.uses = 0
        self.serves = False
        """Whether a worker runs the servers. It is then no generator, unless it is the only worker."""

    # ------------------------------------------------------------------ which workers there are

    @property
    def server_worker(self) -> Worker:
        """The worker that starts servers: the one that the user named, else the last one. Raises ConfigurationError."""
        if not self._server_worker:
            return self.workers[-1]
        found = [each for each in self.workers if self._server_worker in (each.name, each.machine, each.address)]
        if len(found) != 1:
            named = ", ".join(f"{each.name} ({each.machine})" for each in self.workers)
            how = "no worker has" if not found else "several workers have"
            raise ConfigurationError(f"--server-worker {self._server_worker}: {how} this name; workers are {named}")
        return found[0]

    @property
    def generators(self) -> tuple[Worker, ...]:
        """The workers that generate load."""
        if not self.serves or len(self.workers) == 1:
            return self.workers
        serving = self.server_worker
        return tuple(each for each in self.workers if each != serving)

    @property
    def description(self) -> str:
        """The workers and their clocks, for people."""
        worst = max(abs(each.clock.offset_ns) + each.clock.error_ns for each in self.workers) / 1e6
        count = f"{len(self.workers)} workers" if len(self.workers) > 1 else "1 worker"
        return f"cluster {self.name}: {count}, clocks within {worst:.1f} ms of that of the scheduler"

    async def _discover(self, client: Client) -> None:
        """Find the workers, open the session on each, and check them. Raises ConfigurationError."""
        try:
            # The same method without `await` belongs to clients that block.
            asked = cast("Awaitable[dict[str, object]]", client.get_versions(packages=[DISTRIBUTION]))
            versions = await asyncio.wait_for(asked, START_TIMEOUT)
        except (OSError, TimeoutError, ValueError) as error:
            raise _scheduler_lost(error) from error
        found = dict(sorted(cast("dict[str, object]", versions["workers"]).items()))
        if not found:
            raise ConfigurationError(f"--cluster {self.name}: it has no workers; start some with `dask worker`")
        if len(found) > MAX_WORKERS:
            raise ConfigurationError(
                f"--cluster {self.name}: {len(found)} workers are too many; use at most {MAX_WORKERS}"
            )
        for address, of_worker in found.items():
            if reason := version_problem(of_worker):
                raise ConfigurationError(f"--cluster {self.name}: the worker at {address} {reason}")
        workers = await asyncio.gather(*(self._open_session(client, address) for address in found))
        # Numbers come before names, and 2 before 10.
        self.workers = tuple(
            sorted(workers, key=lambda each: (not each.name.isdecimal(), each.name.rjust(12, "0"), each.address))
        )
        self._lost.clear()
        for each in self.workers:
            if reason := each.clock.skew_reason:
                raise ConfigurationError(f"--cluster {self.name}: {each.label}: {reason}")

    async def _open_session(self, client: Client, address: str) -> Worker:
        unnamed = Worker(address, address, "an unknown machine", ClockOffset(0, 0, 0))
        try:
            name, machine = await asyncio.wait_for(
                _ask(client, unnamed, worker_functions.open_session, self.session), CALL_TIMEOUT
            )
        except TimeoutError:
            raise WorkerLost(f"{unnamed.label} does not answer") from None
        worker = Worker(address, name, machine, ClockOffset(0, 0, 0))
        return dataclasses.replace(worker, clock=await _clock_of(client, worker))

    # ------------------------------------------------------------------ from open to close

    async def open(self, client: Client) -> None:
        """Check the workers and begin to renew the leases."""
        try:
            await self._discover(client)
        except WorkerLost as lost:
            raise ConfigurationError(f"--cluster {self.name}: {lost}") from None
        self._renewal = asyncio.create_task(self._renew_leases(client))

    async def close(self, client: Client) -> None:
        """End all processes on all workers."""
        if self._renewal is not None:
            self._renewal.cancel()

        async def close_session(worker: Worker) -> None:
            with contextlib.suppress(GauntletError, TimeoutError):
                await asyncio.wait_for(_ask(client, worker, worker_functions.close_session, self.session), CALL_TIMEOUT)

        await asyncio.gather(*(close_session(each) for each in self.workers if each.address not in self._lost))

    async def _renew_leases(self, client: Client) -> None:
        async def renew(worker: Worker) -> None:
            try:
                known = await asyncio.wait_for(
                    _ask(client, worker, worker_functions.renew, self.session), RENEW_TIMEOUT
                )
            except (GauntletError, TimeoutError):
                known = False
            if not known:
                self._lost.add(worker.address)

        # Each by itself: a worker that answers late must not cost the others their lease.
        renewals: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                for each in self.workers:
                    last = renewals.get(each.address)
                    if each.address not in self._lost and (last is None or last.done()):
                        renewals[each.address] = asyncio.create_task(renew(each))
                await asyncio.sleep(RENEW_INTERVAL)
        finally:
            for renewal in renewals.values():
                renewal.cancel()

    # ------------------------------------------------------------------ processes

    async def call(self, worker: Worker, function: Callable[[Client], Coroutine[object, object, T]]) -> T:
        """Run `function` with the client. Raises WorkerLost as soon as `worker` is lost."""
        result: list[T] = []
        problems: list[GauntletError] = []
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                try:
                    result.append(await self._thread.run(function))
                except GauntletError as error:
                    problems.append(error)
                nursery.cancel_scope.cancel()

            nursery.start_soon(ask)
            while worker.address not in self._lost:  # noqa: ASYNC110 - another thread decides
                await trio.sleep(LOST_POLL_INTERVAL)
            problems.append(WorkerLost(f"{worker.label} is lost: it does not answer"))
            nursery.cancel_scope.cancel()
        if result:
            return result[0]
        if isinstance(problems[0], WorkerLost):
            self._lost.add(worker.address)
        raise problems[0]

    @asynccontextmanager
    async def process(self, worker: Worker, module: str) -> AsyncIterator[WorkerProcess]:
        """Run `python -m module` on `worker` for the block. Raises WorkerLost, and OutOfResources."""
        name = f"{module.rpartition('.')[2]}-{next(self._numbers)}"
        problem = await self.call(
            worker, lambda client: _ask(client, worker, worker_functions.start, self.session, name, module)
        )
        if problem:
            raise OutOfResources(f"{worker.label}: {problem}")
        try:
            yield WorkerProcess(self, worker, name)
        finally:
            with trio.CancelScope(shield=True), trio.move_on_after(CALL_TIMEOUT), contextlib.suppress(GauntletError):
                await self.call(worker, lambda client: _ask(client, worker, worker_functions.end, self.session, name))

    async def is_alive(self, worker: Worker) -> bool:
        """Return whether `worker` answers and still has the session. If not, it counts as lost."""
        known = False
        with trio.move_on_after(CALL_TIMEOUT), contextlib.suppress(WorkerLost):
            known = await self.call(worker, lambda client: _ask(client, worker, worker_functions.renew, self.session))
        if not known:
            self._lost.add(worker.address)
        return known

    async def rediscover_if_lost(self) -> None:
        """Find the workers again if one was lost. Raises OutOfResources if those that are left are unfit."""
        if self._lost:
            await self.rediscover()

    async def rediscover(self) -> None:
        """Find the workers again after one was lost. Raises OutOfResources if those that are left are unfit."""
        with trio.move_on_after(START_TIMEOUT) as scope:
            while True:
                try:
                    await self._thread.run(self._discover)
                except WorkerLost:
                    await trio.sleep(LOST_POLL_INTERVAL)
                    continue
                except ConfigurationError as error:
                    raise OutOfResources(str(error)) from None
                return
        assert scope.cancelled_caught
        raise OutOfResources(f"cluster {self.name}: its workers are lost one after another")

    # ------------------------------------------------------------------ generators

    async def run(
        self, make_jobs: Callable[[int], Sequence[Job]], connections: int, seconds: float, on_ready: OnReady
    ) -> ClusterResult:
        """Run the jobs that `make_jobs` makes for so many workers, as GeneratorMachines says.

        A worker that is lost costs the round, which is run again with the workers that are left. Raises InternalError
        if that happens in MAX_ROUNDS rounds.
        """
        repeated: list[str] = []
        self.uses += 1
        while True:
            await self.rediscover_if_lost()
            workers = self.generators[:connections]
            try:
                shards = await self._round(workers, make_jobs(len(workers)), seconds, on_ready)
            except WorkerLost as lost:
                repeated.append(str(lost))
                if len(repeated) == MAX_ROUNDS:
                    raise InternalError(
                        f"{lost}; {MAX_ROUNDS} rounds in turn lost a worker, so the load was given up"
                    ) from None
                self._lost.add("")  # also if only a process ended: its worker may be about to end
                continue
            return ClusterResult.of(shards, repeated)

    async def _round(
        self, workers: Sequence[Worker], jobs: Sequence[Job], seconds: float, on_ready: OnReady
    ) -> list[Shard]:
        """Run each job on its worker, which takes up to `seconds`, and return the results in the same order."""
        if any(job.proof is None for job in jobs):
            raise InternalError("a worker may load only a server that proves itself; report this as a bug")
        start = _CommonStart(self, len(jobs), on_ready)
        shards: list[Shard | None] = [None] * len(jobs)
        errors: list[Exception] = []
        async with trio.open_nursery() as nursery:

            async def run(number: int) -> None:
                try:
                    shards[number] = await self._run_shard(workers[number], jobs[number], start, seconds)
                except (GauntletError, ValueError) as error:
                    # Not out of the nursery, which would wrap it in a group. Callers expect the plain error.
                    errors.append(error)
                    nursery.cancel_scope.cancel()

            for number in range(len(jobs)):
                nursery.start_soon(run, number)
        if errors:
            raise errors[0]
        return [each for each in shards if each is not None]

    async def _run_shard(self, worker: Worker, job: Job, start: _CommonStart, seconds: float) -> Shard:
        async with self.process(worker, GENERATOR_MODULE) as process:
            reply = await process.request(job, START_TIMEOUT)
            if not isinstance(reply, Ready):
                raise unexpected(worker, reply)
            clock = await self._thread.run(_clock_of, worker)
            if reason := clock.skew_reason:
                raise OutOfResources(f"{worker.label}: {reason}")
            at = await start.wait_for_all()
            there = clock.perf_counter_at(at.scheduler_ns)
            reply = await process.request(Start(there), seconds + EXTRA_TIMEOUT)
            if not isinstance(reply, JobResult):
                raise unexpected(worker, reply)
        # time.monotonic() and time.perf_counter_ns() are the same clock, and each machine has its own.
        began = reply.result.began + (at.here_ns - there) / 1e9
        return Shard(worker.label, clock.offset_ns / 1e9, dataclasses.replace(reply.result, began=began))

    # ------------------------------------------------------------------ slow clients

    def slow_clients(
        self, address: Address, behaviour: ClientBehaviour, nursery: trio.Nursery, *, per_second: float
    ) -> SlowClients | None:
        """Return slow clients on the workers, as GeneratorMachines says."""
        from wsgi_gauntlet.harness.cluster.worker_slow_clients import WorkerSlowClients  # it imports this module

        kinds = behaviour_messages(behaviour)
        if not kinds or watch_credentials(address, 1) is None:
            return None
        return WorkerSlowClients(self, address, kinds, nursery, per_second=per_second)

    async def start_time(self) -> StartTime:
        """Return a time a moment from now."""
        clock = await self._thread.run(_clock_here)
        here = time.perf_counter_ns() + START_DELAY_NS + 4 * clock.error_ns
        return StartTime(here, clock.scheduler_time_at(here))


@dataclass(frozen=True)
class StartTime:
    """A common start: the time.perf_counter_ns() here, and the time of the scheduler's clock."""

    here_ns: int
    scheduler_ns: int


class _CommonStart:
    """Wait until every worker is ready; the last one sets the common start time."""

    def __init__(self, cluster: Cluster, workers: int, on_ready: OnReady) -> None:
        self._cluster = cluster
        self._on_ready = on_ready
        self._not_ready = workers
        self._set = trio.Event()
        self._at: StartTime | None = None

    async def wait_for_all(self) -> StartTime:
        self._not_ready -= 1
        if not self._not_ready:
            await self._on_ready()
            self._at = await self._cluster.start_time()
            self._set.set()
        await self._set.wait()
        assert self._at is not None
        return self._at


async def _ask(
    client: Client, worker: Worker, function: Callable[..., Coroutine[object, object, T]], *arguments: object
) -> T:
    """Run a function of worker.py on `worker` and return its result. Raises WorkerLost, and InternalError."""
    try:
        found = await client.run(function, *arguments, workers=[worker.address], on_error="return")
    except (OSError, TimeoutError, ValueError, KeyError) as error:
        raise _scheduler_lost(error) from error
    reply = found.get(worker.address)
    if isinstance(reply, ImportError):
        raise ConfigurationError(f"{worker.label} cannot load wsgi-gauntlet ({reply}); install it there")
    if isinstance(reply, Exception) or worker.address not in found:
        raise WorkerLost(f"{worker.label} is lost ({type(reply).__name__})")
    return cast("T", reply)


def _scheduler_lost(error: Exception) -> InternalError:
    return InternalError(f"the scheduler of the cluster is gone ({type(error).__name__}); start it again")


async def _clock_of(client: Client, worker: Worker) -> ClockOffset:
    try:
        samples, ahead = await asyncio.wait_for(_ask(client, worker, worker_functions.sample_clocks), CALL_TIMEOUT)
        return clock_offset(samples, ahead)
    except (TimeoutError, ValueError):
        raise WorkerLost(f"{worker.label} is lost: it does not get the time of the scheduler") from None


async def _clock_here(client: Client) -> ClockOffset:
    samples: list[tuple[int, int, int]] = []
    begun = time.monotonic()
    try:
        while needs_more(samples, time.monotonic() - begun):
            sent = time.time_ns()
            at = await client.run_on_scheduler(time.time_ns)
            samples.append((sent, at, time.time_ns()))
    except OSError as error:
        raise _scheduler_lost(error) from error
    return clock_offset(samples, time.time_ns() - time.perf_counter_ns())


def version_problem(of_worker: object) -> str:
    """Return why a worker with these versions, as dask reports them, cannot be used; '' if it can."""
    packages = of_worker.get("packages") if isinstance(of_worker, dict) else None
    if not isinstance(packages, dict):
        return "does not tell its versions"
    own = metadata.version(DISTRIBUTION)
    found = packages.get(DISTRIBUTION)
    if found is None:
        return f"has no wsgi-gauntlet; install version {own} there"
    if found != own:
        return f"has wsgi-gauntlet {found}, and this is {own}; install the same version there"
    python = ".".join(str(packages.get("python")).split(".")[:2])
    if python != f"{sys.version_info[0]}.{sys.version_info[1]}":
        return f"runs Python {python}, and this is {sys.version_info[0]}.{sys.version_info[1]}; use the same version"
    return ""


def unexpected(worker: Worker, message: Message) -> InternalError:
    """Return the error for a message of another kind than the one that must come."""
    return InternalError(
        f"{worker.label}: a process sent {type(message).__name__} at the wrong time; report this as a bug"
    )


@contextmanager
def open_cluster(text: str, *, server_worker: str = "") -> Iterator[Cluster]:
    """Connect to the cluster that `text` names, for the block; `server_worker` is the worker that starts servers.

    Raises ConfigurationError, with the reason in one line, for a cluster that cannot be reached or used, and
    NotInstalled without the extra.
    """
    name = parse_cluster(text)
    with dask_thread(name) as thread:
        cluster = Cluster(name, thread, server_worker)
        try:
            thread.wait_for(cluster.open)
            yield cluster
        finally:
            thread.wait_for(cluster.close)
