"""Lanes side by side, one process a core: what one loop cannot send, several do, and their results become one.

    parallel_closed_loop, parallel_open_loop --+-- shard --> the server
                               +-- shard --> the server       a common start; results merge exactly
                               `-- ...

Each shard is `python -m wsgi_gauntlet.harness.load.generator.process_main` in a session of its own, at the other end
of two pipes. All load what they need and say so; then they are told one moment of CLOCK_MONOTONIC to begin at. Of an
open loop's one schedule shard i of k gets every k-th request, from the i-th on. A shard whose standard input ends goes
at once: nothing outlives a cancelled call or a killed harness.
"""

from __future__ import annotations

import dataclasses
import math
import os
import resource
import signal
import subprocess
import sys
import time
from array import array
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NoReturn

import trio

from wsgi_gauntlet.harness.errors import ConfigurationError, InternalError, OutOfResources, TargetRefused, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.arrivals import Pacer, schedule, warm_up_arrivals
from wsgi_gauntlet.harness.load.context import require_loopback_or_verified
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.connections import require_positive
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult, GeneratorWindow, merge_results
from wsgi_gauntlet.harness.load.generator.open_loop import MAX_WINDOWS, open_loop
from wsgi_gauntlet.harness.load.generator.process_messages import (
    HEADER_BYTES,
    Job,
    JobError,
    JobResult,
    Message,
    Ready,
    Start,
    decode,
    decode_result,
    encode,
    length,
    pack_times,
)
from wsgi_gauntlet.harness.server.remote.guard import watch_credentials
from wsgi_gauntlet.harness.server.remote.proof import address_fields
from wsgi_gauntlet.harness.stats.histogram import Histogram

MIN_CONNECTIONS_PER_PROCESS = 8
"""Connections that make a process worth while; below, one process does more (wrk draws the line at one a thread)."""

MAX_PROCESSES = 64
"""However many cores there are: more generators than this no single server is waiting for."""

MAX_REQUESTS = 1_000_000
"""Of one schedule, which is held in memory: 8 MB."""

START_TIMEOUT = 30.0
"""Seconds for a new Python to load the lane: it takes 0.3 s on an idle machine."""

START_DELAY_NS = 20_000_000
"""Nanoseconds from the last Ready to the common start: the messages take microseconds."""

EXTRA_TIMEOUT = 30.0
"""Seconds beyond its own time limits after which a shard counts as stuck."""

STDERR_TAIL_BYTES = 2000
"""Bytes of a shard's standard error that an error message quotes."""

RESERVED_DESCRIPTORS = 64
"""Descriptors of this process that are for other things than a lane's connections."""


async def parallel_closed_loop(
    address: Address,
    request: bytes,
    *,
    body: bytes,
    connections: int,
    seconds: float,
    status: int = 200,
    warm_up: float = 0.0,
    timeout: float = 5.0,
    processes: int | None = None,
    mark: bytes = b"",
) -> GeneratorResult:
    """Do what `fastlane.closed_loop` does, in several `processes`: by default in as many as are good for the machine.

    1 is this process, without another one. `connections` are dealt out evenly. Raises what `closed_loop` raises, and
    InternalError where a process ended or hung.
    """
    require_loopback_or_verified(address)
    require_positive(connections=connections, seconds=seconds, timeout=timeout)
    shares = _connections_per_process(connections, processes)
    if not shares:
        return await closed_loop(
            address,
            request,
            body=body,
            connections=connections,
            seconds=seconds,
            status=status,
            warm_up=warm_up,
            timeout=timeout,
            mark=mark,
        )
    job = partial(
        Job,
        address_fields(address),
        request,
        body,
        status,
        timeout=timeout,
        proof=watch_credentials(address, len(shares)),
        mark=mark,
    )
    jobs = [job(connections=share, seconds=seconds, warm_up=warm_up) for share in shares]
    return merge_results(await _run_jobs(jobs, warm_up + seconds + timeout))


async def parallel_open_loop(
    address: Address,
    request: bytes,
    *,
    body: bytes,
    pacer: Pacer,
    seconds: float,
    connections: int,
    status: int = 200,
    timeout: float = 5.0,
    processes: int | None = None,
    window: float = 0.0,
    mark: bytes = b"",
    warm_up: float = 0.0,
) -> GeneratorResult:
    """Do what `openlane.open_loop` does with all that `pacer` means in `seconds`; `processes` as in
    `parallel_closed_loop`.

    With `warm_up` so many seconds come before, in which the rate grows to the first one and nothing is counted.
    With `window` the result's windows cover `seconds` without a gap, each of that length; the last may be shorter.
    Raises as `parallel_closed_loop` does, and ConfigurationError for more requests than MAX_REQUESTS.
    """
    require_loopback_or_verified(address)
    require_positive(connections=connections, seconds=seconds, timeout=timeout)
    if window and not seconds / MAX_WINDOWS <= window < math.inf:
        raise ValueError(f"a window is to have {seconds / MAX_WINDOWS:g} s at least, not {window}")
    times = await trio.to_thread.run_sync(_schedule_times, pacer, seconds, warm_up)
    shares = _connections_per_process(connections, processes)
    if not shares:
        found = await open_loop(
            address,
            request,
            body=body,
            schedule=times,
            connections=connections,
            status=status,
            timeout=timeout,
            window=window,
            mark=mark,
            warm_up=warm_up,
        )
    else:
        job = partial(
            Job,
            address_fields(address),
            request,
            body,
            status,
            timeout=timeout,
            window=window,
            proof=watch_credentials(address, len(shares)),
            mark=mark,
            warm_up=warm_up,
        )
        jobs = [
            job(connections=share, schedule=pack_times(islice(times, number, None, len(shares))))
            for number, share in enumerate(shares)
        ]
        found = merge_results(await _run_jobs(jobs, warm_up + seconds + 2 * timeout))
    return dataclasses.replace(found, windows=_fill_windows(found.windows, seconds, window)) if window else found


def _schedule_times(pacer: Pacer, seconds: float, warm_up: float) -> array[float]:
    times = array("d", warm_up_arrivals(pacer.rate(0.0), warm_up))
    times.extend(warm_up + each for each in schedule(pacer, seconds, MAX_REQUESTS + 1))
    if len(times) > MAX_REQUESTS:
        raise ConfigurationError(
            f"more than {MAX_REQUESTS:,} requests are due in {seconds:g} s; ask for a lower --rate or --duration"
        )
    return times


def _fill_windows(windows: Sequence[GeneratorWindow], seconds: float, length: float) -> tuple[GeneratorWindow, ...]:
    seen = {round(each.at / length): each for each in windows}
    every = []
    # The tolerance: 3 s are 30 windows of 0.1 s, and 3 / 0.1 is a little more than 30 in floating point.
    for number in range(math.ceil(seconds / length - 1e-6)):
        at = number * length
        each = seen.get(number) or GeneratorWindow(at, length, 0, Histogram(), Histogram())
        every.append(dataclasses.replace(each, at=at, seconds=min(length, seconds - at)))
    return tuple(every)


def _connections_per_process(connections: int, processes: int | None) -> list[int]:
    """Return the connections of each process, or none where the lane runs in this one."""
    if processes is None:
        # The server is on this machine too and has a core to itself.
        cores = len(os.sched_getaffinity(0))
        number = max(1, min(cores - 1, connections // MIN_CONNECTIONS_PER_PROCESS, MAX_PROCESSES))
        # A process of its own may raise its limit of descriptors; in this one servers yet to come would inherit that.
        here = number == 1 and connections <= _descriptors_left()
    else:
        if not 1 <= processes <= MAX_PROCESSES:
            raise ValueError(f"processes are to be 1 to {MAX_PROCESSES}, not {processes}")
        number = min(processes, connections)
        here = processes == 1
    if here:
        return []
    return [connections // number + (share < connections % number) for share in range(number)]


def _descriptors_left() -> float:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return math.inf
    return soft - sum(1 for _ in Path("/proc/self/fd").iterdir()) - RESERVED_DESCRIPTORS


async def _run_jobs(jobs: Sequence[Job], seconds: float) -> list[GeneratorResult]:
    """Run a shard for each of `orders`, which take up to `seconds`, and return their results in that order."""
    results: list[GeneratorResult | None] = [None] * len(jobs)
    errors: list[Exception] = []
    start = _StartBarrier(len(jobs))

    async with trio.open_nursery() as nursery:

        async def run(number: int, job: Job) -> None:
            try:
                results[number] = await _run_process(job, start, seconds, nursery)
            except (InternalError, TargetRefused, Unsupported, ValueError) as error:
                # Not out of the nursery, which would wrap it: whoever calls looks for the plain error.
                errors.append(error)
                nursery.cancel_scope.cancel()

        for number, job in enumerate(jobs):
            nursery.start_soon(run, number, job)
    if errors:
        raise errors[0]
    return [each for each in results if each is not None]


class _StartBarrier:
    """Awaited by every shard's task once its shard is ready; the last one sets the moment."""

    def __init__(self, shards: int) -> None:
        self._not_ready = shards
        self._set = trio.Event()
        self.at = 0

    async def wait_for_all(self) -> int:
        self._not_ready -= 1
        if not self._not_ready:
            self.at = time.perf_counter_ns() + START_DELAY_NS
            self._set.set()
        await self._set.wait()
        return self.at


async def _run_process(job: Job, start: _StartBarrier, seconds: float, listeners: trio.Nursery) -> GeneratorResult:
    try:
        process = await trio.lowlevel.open_process(
            # -P: a file trio.py in the folder that the user is in is none of ours.
            [sys.executable, "-P", "-m", f"{__package__}.process_main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the harness, which ends its shards itself
        )
    except OSError as error:
        raise OutOfResources(
            f"no process for a lane of its own could be started ({error.strerror}); ask for fewer --clients"
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
    assert process.stdin is not None
    try:
        with trio.fail_after(START_TIMEOUT):
            await process.stdin.send_all(encode(job))
            if not isinstance(message := await _receive_message(process, stderr_tail), Ready):
                _raise_job_error(message)
        at = await start.wait_for_all()
        with trio.fail_after(seconds + EXTRA_TIMEOUT):
            await process.stdin.send_all(encode(Start(at)))
            if not isinstance(message := await _receive_message(process, stderr_tail), JobResult):
                _raise_job_error(message)
            return decode_result(message)
    except trio.TooSlowError as error:
        raise InternalError(
            f"a lane's process (pid {process.pid}) did not answer in time; stop what else runs on this machine"
        ) from error
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise await _process_error(process, stderr_tail) from error


async def _receive_message(process: trio.Process, stderr_tail: bytearray) -> Message:
    try:
        size = length(await _receive_exactly(process, HEADER_BYTES, stderr_tail))
        return decode(await _receive_exactly(process, size, stderr_tail))
    except ValueError as error:
        raise InternalError(f"a lane's process (pid {process.pid}) told what makes no sense: {error}") from error


async def _receive_exactly(process: trio.Process, size: int, stderr_tail: bytearray) -> bytes:
    assert process.stdout is not None
    data = bytearray()
    while len(data) < size:
        piece = await process.stdout.receive_some(size - len(data))
        if not piece:
            raise await _process_error(process, stderr_tail)
        data += piece
    return bytes(data)


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
        how = f"ended with {code}"
    stderr_text = stderr_tail.decode(errors="replace").strip()
    return InternalError(
        f"a lane's process (pid {process.pid}) {how} before it told its figures, so there are none"
        + (f"; its last words: {stderr_text}" if stderr_text else "; if memory ran out, ask for fewer --clients")
    )


def _raise_job_error(message: Message) -> NoReturn:
    if not isinstance(message, JobError):
        raise InternalError(f"a lane's process answered out of turn: {type(message).__name__}")
    kinds: dict[str, type[Exception]] = {
        "resources": OutOfResources,
        "refused": TargetRefused,
        "numbers": ValueError,
        "unsupported": Unsupported,
    }
    raise kinds.get(message.kind, InternalError)(message.text)
