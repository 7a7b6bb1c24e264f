"""Lanes side by side, one process a core: what one loop cannot send, several do, and their results become one.

    closed_loops, open_loops --+-- shard --> the server
                               +-- shard --> the server       a common start; results merge exactly
                               `-- ...

Each shard is `python -m wsgi_gauntlet.harness.load.lanes.shard` in a session of its own, at the other end of two pipes.
All load what they need and say so; then they are told one moment of CLOCK_MONOTONIC to begin at. Of an open loop's one
schedule shard i of k gets every k-th request, from the i-th on. A shard whose standard input ends goes at once: nothing
outlives a cancelled call or a killed harness.
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

from ...address import Address
from ...errors import BadConfiguration, HarnessTrouble, OutOfResources, TargetRefused, Unsupported
from ...histogram import Histogram
from ..arena import refuse_elsewhere
from ..pacing import Pacer, growing, schedule
from ..targets.guard import told
from ..targets.proof import fields
from .connections import checked
from .fastlane import closed_loop
from .lane_result import LaneResult, LaneWindow, merged
from .openlane import MOST_WINDOWS, open_loop
from .shard_messages import HEADER, Message, Order, Ready, Report, Start, Trouble, decoded, encoded, length, packed
from .shard_messages import result as result_of

FEWEST_CONNECTIONS = 8
"""Connections that make a process worth while; below, one process does more (wrk draws the line at one a thread)."""

MOST_PROCESSES = 64
"""However many cores there are: more generators than this no single server is waiting for."""

MOST_REQUESTS = 1_000_000
"""Of one schedule, which is held in memory: 8 MB."""

LOADED_WITHIN = 30.0
"""Seconds for a new Python to load the lane: it takes 0.3 s on an idle machine."""

START_IN = 20_000_000
"""Nanoseconds from the last Ready to the common start: the messages take microseconds."""

GRACE = 30.0
"""Seconds beyond its own time limits after which a shard counts as stuck."""

LAST_WORDS = 2000
"""Bytes of a shard's standard error that an error message quotes."""

SPARE = 64
"""Descriptors of this process that are for other things than a lane's connections."""


async def closed_loops(
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
) -> LaneResult:
    """Do what `fastlane.closed_loop` does, in several `processes`: by default in as many as are good for the machine.

    1 is this process, without another one. `connections` are dealt out evenly. Raises what `closed_loop` raises, and
    HarnessTrouble where a process ended or hung.
    """
    refuse_elsewhere(address)
    checked(connections=connections, seconds=seconds, timeout=timeout)
    shares = _shares(connections, processes)
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
    order = partial(
        Order,
        fields(address),
        request,
        body,
        status,
        timeout=timeout,
        proof=told(address, len(shares)),
        mark=mark,
    )
    orders = [order(connections=share, seconds=seconds, warm_up=warm_up) for share in shares]
    return merged(await _side_by_side(orders, warm_up + seconds + timeout))


async def open_loops(
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
) -> LaneResult:
    """Do what `openlane.open_loop` does with all that `pacer` means in `seconds`; `processes` as in `closed_loops`.

    With `warm_up` so many seconds come before, in which the rate grows to the first one and nothing is counted.
    With `window` the result's windows cover `seconds` without a gap, each of that length; the last may be shorter.
    Raises as `closed_loops` does, and BadConfiguration for more requests than MOST_REQUESTS.
    """
    refuse_elsewhere(address)
    checked(connections=connections, seconds=seconds, timeout=timeout)
    if window and not seconds / MOST_WINDOWS <= window < math.inf:
        raise ValueError(f"a window is to have {seconds / MOST_WINDOWS:g} s at least, not {window}")
    times = await trio.to_thread.run_sync(_times, pacer, seconds, warm_up)
    shares = _shares(connections, processes)
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
        order = partial(
            Order,
            fields(address),
            request,
            body,
            status,
            timeout=timeout,
            window=window,
            proof=told(address, len(shares)),
            mark=mark,
            warm_up=warm_up,
        )
        orders = [
            order(connections=share, schedule=packed(islice(times, number, None, len(shares))))
            for number, share in enumerate(shares)
        ]
        found = merged(await _side_by_side(orders, warm_up + seconds + 2 * timeout))
    return dataclasses.replace(found, windows=_without_gap(found.windows, seconds, window)) if window else found


def _times(pacer: Pacer, seconds: float, warm_up: float) -> array[float]:
    times = array("d", growing(pacer.rate(0.0), warm_up))
    times.extend(warm_up + each for each in schedule(pacer, seconds, MOST_REQUESTS + 1))
    if len(times) > MOST_REQUESTS:
        raise BadConfiguration(
            f"more than {MOST_REQUESTS:,} requests are due in {seconds:g} s; ask for a lower --rate or --duration"
        )
    return times


def _without_gap(windows: Sequence[LaneWindow], seconds: float, length: float) -> tuple[LaneWindow, ...]:
    seen = {round(each.at / length): each for each in windows}
    every = []
    # The tolerance: 3 s are 30 windows of 0.1 s, and 3 / 0.1 is a little more than 30 in floating point.
    for number in range(math.ceil(seconds / length - 1e-6)):
        at = number * length
        each = seen.get(number) or LaneWindow(at, length, 0, Histogram(), Histogram())
        every.append(dataclasses.replace(each, at=at, seconds=min(length, seconds - at)))
    return tuple(every)


def _shares(connections: int, processes: int | None) -> list[int]:
    """Return the connections of each process, or none where the lane runs in this one."""
    if processes is None:
        # The server is on this machine too and has a core to itself.
        cores = len(os.sched_getaffinity(0))
        number = max(1, min(cores - 1, connections // FEWEST_CONNECTIONS, MOST_PROCESSES))
        # A process of its own may raise its limit of descriptors; in this one servers yet to come would inherit that.
        here = number == 1 and connections <= _descriptors_left()
    else:
        if not 1 <= processes <= MOST_PROCESSES:
            raise ValueError(f"processes are to be 1 to {MOST_PROCESSES}, not {processes}")
        number = min(processes, connections)
        here = processes == 1
    if here:
        return []
    return [connections // number + (share < connections % number) for share in range(number)]


def _descriptors_left() -> float:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return math.inf
    return soft - sum(1 for _ in Path("/proc/self/fd").iterdir()) - SPARE


async def _side_by_side(orders: Sequence[Order], seconds: float) -> list[LaneResult]:
    """Run a shard for each of `orders`, which take up to `seconds`, and return their results in that order."""
    results: list[LaneResult | None] = [None] * len(orders)
    troubles: list[Exception] = []
    start = _CommonStart(len(orders))

    async with trio.open_nursery() as nursery:

        async def run(number: int, order: Order) -> None:
            try:
                results[number] = await _shard(order, start, seconds, nursery)
            except (HarnessTrouble, TargetRefused, Unsupported, ValueError) as trouble:
                # Not out of the nursery, which would wrap it: whoever calls looks for the plain error.
                troubles.append(trouble)
                nursery.cancel_scope.cancel()

        for number, order in enumerate(orders):
            nursery.start_soon(run, number, order)
    if troubles:
        raise troubles[0]
    return [each for each in results if each is not None]


class _CommonStart:
    """Awaited by every shard's task once its shard is ready; the last one sets the moment."""

    def __init__(self, shards: int) -> None:
        self._missing = shards
        self._set = trio.Event()
        self.at = 0

    async def agreed(self) -> int:
        self._missing -= 1
        if not self._missing:
            self.at = time.perf_counter_ns() + START_IN
            self._set.set()
        await self._set.wait()
        return self.at


async def _shard(order: Order, start: _CommonStart, seconds: float, listeners: trio.Nursery) -> LaneResult:
    try:
        process = await trio.lowlevel.open_process(
            # -P: a file trio.py in the folder that the user is in is none of ours.
            [sys.executable, "-P", "-m", f"{__package__}.shard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the harness, which ends its shards itself
        )
    except OSError as error:
        raise OutOfResources(
            f"no process for a lane of its own could be started ({error.strerror}); ask for fewer --clients"
        ) from error
    words = bytearray()
    listeners.start_soon(_listen, process, words)
    try:
        return await _talk(process, order, start, seconds, words)
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                await trio.aclose_forcefully(stream)


async def _talk(
    process: trio.Process, order: Order, start: _CommonStart, seconds: float, words: bytearray
) -> LaneResult:
    assert process.stdin is not None
    try:
        with trio.fail_after(LOADED_WITHIN):
            await process.stdin.send_all(encoded(order))
            if not isinstance(message := await _message(process, words), Ready):
                _give_up(message)
        at = await start.agreed()
        with trio.fail_after(seconds + GRACE):
            await process.stdin.send_all(encoded(Start(at)))
            if not isinstance(message := await _message(process, words), Report):
                _give_up(message)
            return result_of(message)
    except trio.TooSlowError as error:
        raise HarnessTrouble(
            f"a lane's process (pid {process.pid}) did not answer in time; stop what else runs on this machine"
        ) from error
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise await _ended(process, words) from error


async def _message(process: trio.Process, words: bytearray) -> Message:
    try:
        size = length(await _exactly(process, HEADER, words))
        return decoded(await _exactly(process, size, words))
    except ValueError as error:
        raise HarnessTrouble(f"a lane's process (pid {process.pid}) told what makes no sense: {error}") from error


async def _exactly(process: trio.Process, size: int, words: bytearray) -> bytes:
    assert process.stdout is not None
    data = bytearray()
    while len(data) < size:
        piece = await process.stdout.receive_some(size - len(data))
        if not piece:
            raise await _ended(process, words)
        data += piece
    return bytes(data)


async def _listen(process: trio.Process, words: bytearray) -> None:
    assert process.stderr is not None
    async with process.stderr as stream:
        async for piece in stream:
            words += piece
            del words[:-LAST_WORDS]


async def _ended(process: trio.Process, words: bytearray) -> HarnessTrouble:
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
    said = words.decode(errors="replace").strip()
    return HarnessTrouble(
        f"a lane's process (pid {process.pid}) {how} before it told its figures, so there are none"
        + (f"; its last words: {said}" if said else "; if memory ran out, ask for fewer --clients")
    )


def _give_up(message: Message) -> NoReturn:
    if not isinstance(message, Trouble):
        raise HarnessTrouble(f"a lane's process answered out of turn: {type(message).__name__}")
    kinds: dict[str, type[Exception]] = {
        "resources": OutOfResources,
        "refused": TargetRefused,
        "numbers": ValueError,
        "unsupported": Unsupported,
    }
    raise kinds.get(message.kind, HarnessTrouble)(message.words)
