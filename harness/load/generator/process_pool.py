"""Several generators at the same time, one process per core, for rates that one process cannot send.

    parallel_closed_loop, parallel_open_loop --+-- process --> the server
                                               +-- process --> the server      a common start; results merge exactly
                                               `-- ...

Each process is `python -m wsgi_gauntlet.harness.load.generator.process_main` in a session of its own, at the other end
of two pipes. It loads its modules, brings the first visits of traffic to their middle (lead_in.py), and reports that it
is ready. When all are ready, they get the same start time. In an open loop, process i of k gets every k-th request of
the schedule, from the i-th on. A process whose standard input ends stops at once: nothing outlives a cancelled call or
a killed harness.
"""

from __future__ import annotations

import dataclasses
import math
import os
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Protocol

import msgspec
import trio

from wsgi_gauntlet.harness.errors import ConfigurationError, InternalError, OutOfResources, TargetRefused, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.limits import descriptors_left
from wsgi_gauntlet.harness.load.arrivals import Pacer, schedule, warm_up_arrivals
from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour
from wsgi_gauntlet.harness.load.clients.slow_clients import SlowClients
from wsgi_gauntlet.harness.load.context import require_loopback_or_verified
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult, GeneratorWindow, merge_results
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions, StartTime, require_positive
from wsgi_gauntlet.harness.load.generator.open_loop import MAX_WINDOWS, open_loop
from wsgi_gauntlet.harness.load.generator.process_messages import (
    Job,
    JobError,
    JobResult,
    Message,
    Ready,
    Start,
    encode,
    pack_times,
    receive_message,
)
from wsgi_gauntlet.harness.load.workload import VerifiedPage, VerifiedRequest
from wsgi_gauntlet.harness.server.remote.guard import watch_credentials
from wsgi_gauntlet.harness.server.remote.proof import address_fields
from wsgi_gauntlet.harness.stats.histogram import Histogram

MIN_CONNECTIONS_PER_PROCESS = 8
"""Connections that are worth a process of their own. With fewer, one process does more."""

MAX_PROCESSES = 64
"""Processes at most, however many cores there are: no single server needs more generators."""

MAX_REQUESTS = 1_000_000
"""Requests of one schedule. It is kept in memory: 8 MB."""

START_TIMEOUT = 30.0
"""Seconds for a new Python process until it is ready. It takes 0.3 s on an idle machine, and up to 6 s more with
traffic."""

START_DELAY_NS = 20_000_000
"""Nanoseconds from the last Ready to the common start. The messages take microseconds."""

EXTRA_TIMEOUT = 30.0
"""Seconds beyond its own time limits after which a process counts as stuck."""

STDERR_TAIL_BYTES = 2000
"""Bytes of the standard error of a process that an error message quotes."""


OnReady = Callable[[], Awaitable[None]]
"""Called when all processes are ready, just before they begin."""


async def _nothing_to_do() -> None:
    pass


class GeneratorMachines(Protocol):
    """Other machines that run the generator processes. harness/cluster has some."""

    uses: int
    """How often they ran something."""

    async def run(
        self, make_jobs: Callable[[int], Sequence[Job]], connections: int, seconds: float, on_ready: OnReady
    ) -> GeneratorResult:
        """Run the jobs that `make_jobs` makes for so many processes with a common start. Return what they measured.

        There are `connections` for all of them; the jobs take up to `seconds`. If a round is repeated, `on_ready` is
        called again.
        """

    def slow_clients(
        self, address: Address, behaviour: ClientBehaviour, nursery: trio.Nursery, *, per_second: float
    ) -> SlowClients | None:
        """Return slow clients on these machines, run by tasks in `nursery`; None if `behaviour` must stay here."""


async def parallel_closed_loop(
    address: Address,
    page: VerifiedPage,
    options: LoopOptions,
    seconds: float,
    *,
    processes: int | GeneratorMachines | None = None,
    on_ready: OnReady = _nothing_to_do,
) -> GeneratorResult:
    """Run `closed_loop` in several `processes`, by default in as many as suit the machine.

    1 means this process; they can also run on other machines. The connections are divided evenly. Raises as
    `closed_loop` does, and InternalError if a process ended early or got stuck.
    """
    require_loopback_or_verified(address)
    require_positive(seconds=seconds)
    longest = options.warm_up + seconds + options.timeout

    def make_jobs(number: int) -> list[Job]:
        proof = watch_credentials(address, number)
        return [
            Job(address_fields(address), part, share, seconds=seconds, proof=proof)
            for part, share in zip(_split_page(page, number), _split(options, number), strict=True)
        ]

    if processes is not None and not isinstance(processes, int):
        return await processes.run(make_jobs, options.connections, longest, on_ready)
    if number := _number_of_processes(options.connections, processes):
        return merge_results(await _run_jobs(make_jobs(number), longest, on_ready))
    return await closed_loop(address, page, options, seconds, start=_start_here(on_ready))


async def parallel_open_loop(
    address: Address,
    page: VerifiedPage,
    options: LoopOptions,
    pacer: Pacer,
    seconds: float,
    *,
    processes: int | GeneratorMachines | None = None,
    on_ready: OnReady = _nothing_to_do,
) -> GeneratorResult:
    """Run `open_loop` with the arrivals of `pacer` for `seconds`; the rest is as in `parallel_closed_loop`.

    A warm-up comes before these seconds; its rate grows to the first rate of `pacer`. With a window the windows of the
    result cover all the seconds; the last one may be shorter. Raises as `parallel_closed_loop` does, and
    ConfigurationError for more than MAX_REQUESTS requests.
    """
    require_loopback_or_verified(address)
    require_positive(seconds=seconds)
    window, warm_up = options.window, options.warm_up
    if window and not seconds / MAX_WINDOWS <= window < math.inf:
        raise ValueError(f"a window must be at least {seconds / MAX_WINDOWS:g} s long, not {window}")
    times = await trio.to_thread.run_sync(_schedule_times, pacer, seconds, warm_up)
    longest = warm_up + seconds + 2 * options.timeout

    def make_jobs(number: int) -> list[Job]:
        proof = watch_credentials(address, number)
        schedules = [pack_times(islice(times, first, None, number)) for first in range(number)]
        return [
            Job(address_fields(address), page_part, share, schedule=part, proof=proof)
            for page_part, share, part in zip(
                _split_page(page, number), _split(options, number), schedules, strict=True
            )
        ]

    if processes is not None and not isinstance(processes, int):
        found = await processes.run(make_jobs, options.connections, longest, on_ready)
    elif number := _number_of_processes(options.connections, processes):
        found = merge_results(await _run_jobs(make_jobs(number), longest, on_ready))
    else:
        found = await open_loop(address, page, options, times, start=_start_here(on_ready))
    return dataclasses.replace(found, windows=_fill_windows(found.windows, seconds, window)) if window else found


def _start_here(on_ready: OnReady) -> StartTime:
    async def start() -> int:
        await on_ready()
        return time.perf_counter_ns()

    return start


def _schedule_times(pacer: Pacer, seconds: float, warm_up: float) -> array[float]:
    times = array("d", warm_up_arrivals(pacer.rate(0.0), warm_up))
    times.extend(warm_up + each for each in schedule(pacer, seconds, MAX_REQUESTS + 1))
    if len(times) > MAX_REQUESTS:
        raise ConfigurationError(
            f"more than {MAX_REQUESTS:,} requests are due in {seconds:g} s; use a lower --background-rate or --duration"
        )
    return times


def _fill_windows(windows: Sequence[GeneratorWindow], seconds: float, length: float) -> tuple[GeneratorWindow, ...]:
    """Return windows of `length` for all `seconds`; those without requests are empty."""
    by_number = {round(each.at / length): each for each in windows}
    every = []
    # The tolerance: 3 s are 30 windows of 0.1 s, but 3 / 0.1 is a little more than 30 in floating point.
    for number in range(math.ceil(seconds / length - 1e-6)):
        at = number * length
        each = by_number.get(number) or GeneratorWindow(at, length, 0, Histogram(), Histogram())
        every.append(dataclasses.replace(each, at=at, seconds=min(length, seconds - at)))
    return tuple(every)


def _number_of_processes(connections: int, processes: int | None) -> int:
    """Return the number of processes, 0 if the loop runs in this process."""
    if processes is not None:
        if not 1 <= processes <= MAX_PROCESSES:
            raise ValueError(f"processes must be 1 to {MAX_PROCESSES}, not {processes}")
        return 0 if processes == 1 else min(processes, connections)
    # The server runs on this machine, too, and gets a core.
    cores = len(os.sched_getaffinity(0))
    number = max(1, min(cores - 1, connections // MIN_CONNECTIONS_PER_PROCESS, MAX_PROCESSES))
    # Another process may raise its limit on open files. If this process did, later servers would inherit it.
    return 0 if number == 1 and connections <= descriptors_left() else number


def _split(options: LoopOptions, number: int) -> list[LoopOptions]:
    """Return the options of each of `number` processes."""
    connections = options.connections
    return [
        dataclasses.replace(options, connections=connections // number + (share < connections % number))
        for share in range(number)
    ]


def _split_page(page: VerifiedPage, processes: int) -> list[VerifiedPage]:
    """Return what each process sends: of traffic, the visits are dealt out like cards."""
    if isinstance(page, VerifiedRequest):
        return [page] * processes
    return [
        msgspec.structs.replace(
            page, first_visit=page.first_visit + number * page.stride, stride=page.stride * processes
        )
        for number in range(processes)
    ]


async def _run_jobs(jobs: Sequence[Job], seconds: float, on_ready: OnReady) -> list[GeneratorResult]:
    """Run each job, which takes up to `seconds`, in a process; return the results in the same order."""
    results: list[GeneratorResult | None] = [None] * len(jobs)
    errors: list[Exception] = []
    start = _StartBarrier(len(jobs), on_ready)

    async with trio.open_nursery() as nursery:

        async def run(number: int, job: Job) -> None:
            try:
                results[number] = await _run_process(job, start, seconds, nursery)
            except (InternalError, TargetRefused, Unsupported, ValueError) as error:
                # Not out of the nursery, which would wrap it in a group. Callers expect the plain error.
                errors.append(error)
                nursery.cancel_scope.cancel()

        for number, job in enumerate(jobs):
            nursery.start_soon(run, number, job)
    if errors:
        raise errors[0]
    return [each for each in results if each is not None]


class _StartBarrier:
    """Wait until every process is ready; the last one sets the common start time."""

    def __init__(self, processes: int, on_ready: OnReady) -> None:
        self._not_ready = processes
        self._on_ready = on_ready
        self._set = trio.Event()
        self._at = 0

    async def wait_for_all(self) -> int:
        self._not_ready -= 1
        if not self._not_ready:
            await self._on_ready()
            self._at = time.perf_counter_ns() + START_DELAY_NS
            self._set.set()
        await self._set.wait()
        return self._at


async def _run_process(job: Job, start: _StartBarrier, seconds: float, listeners: trio.Nursery) -> GeneratorResult:
    try:
        process = await trio.lowlevel.open_process(
            # -P: a file trio.py in the folder of the user must not be imported.
            [sys.executable, "-P", "-m", f"{__package__}.process_main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C goes to the harness only, which ends its processes itself
        )
    except OSError as error:
        raise OutOfResources(
            f"no generator process could be started ({error.strerror}); use fewer --slow-clients"
        ) from error
    stderr_tail = bytearray()
    listeners.start_soon(_collect_stderr, process, stderr_tail)
    try:
        return await _run_job(process, job, start, seconds, stderr_tail)
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                await trio.aclose_forcefully(stream)


async def _run_job(
    process: trio.Process, job: Job, start: _StartBarrier, seconds: float, stderr_tail: bytearray
) -> GeneratorResult:
    try:
        with trio.fail_after(START_TIMEOUT):
            reply = await _request(process, job, stderr_tail)
        if not isinstance(reply, Ready):
            raise _unexpected(reply)
        at = await start.wait_for_all()
        with trio.fail_after(seconds + EXTRA_TIMEOUT):
            reply = await _request(process, Start(at), stderr_tail)
    except trio.TooSlowError as error:
        raise InternalError(
            f"a generator process (pid {process.pid}) did not answer in time; close other programs"
        ) from error
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise await _process_error(process, stderr_tail) from error
    if not isinstance(reply, JobResult):
        raise _unexpected(reply)
    return reply.result


async def _request(process: trio.Process, message: Message, stderr_tail: bytearray) -> Message:
    """Send a message to the process and return its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdin.send_all(encode(message))
    try:
        reply = await receive_message(process.stdout)
    except ValueError as error:
        raise InternalError(f"a generator process (pid {process.pid}) sent invalid data: {error}") from error
    if reply is None:
        raise await _process_error(process, stderr_tail)
    return reply


async def _collect_stderr(process: trio.Process, stderr_tail: bytearray) -> None:
    assert process.stderr is not None
    async with process.stderr as stream:
        async for piece in stream:
            stderr_tail += piece
            del stderr_tail[:-STDERR_TAIL_BYTES]


async def _process_error(process: trio.Process, stderr_tail: bytearray) -> InternalError:
    """Return the error that says how the process ended."""
    with trio.move_on_after(1):
        await process.wait()
    code = process.returncode
    if code is None:
        how = "closed its pipe"
    elif code < 0:
        how = f"was killed by {signal.Signals(-code).name}"
    else:
        how = f"ended with exit code {code}"
    stderr_text = stderr_tail.decode(errors="replace").strip()
    return InternalError(
        f"a generator process (pid {process.pid}) {how} before it sent its result"
        + (f"; its last output: {stderr_text}" if stderr_text else "; if memory ran out, use fewer --slow-clients")
    )


def _unexpected(message: Message) -> Exception:
    if isinstance(message, JobError):
        return message.exception()
    return InternalError(f"a generator process sent {type(message).__name__} at the wrong time; report this as a bug")
