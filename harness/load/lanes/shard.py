"""One lane in a process of its own: `python -m wsgi_gauntlet.harness.load.lanes.shard`, started by shards.py.

It is told what to do on standard input and answers on standard output. When its input ends, whoever started it is gone,
by kill -9 too, and it goes as well, at once.
"""

from __future__ import annotations

import os
import resource
import sys
from functools import partial

import trio

from ...address import Address
from ...errors import OutOfResources, TargetRefused, Unsupported
from ..targets.guard import watched_again
from ..targets.proof import told_again
from . import shard_messages
from .fastlane import closed_loop
from .lane_result import LaneResult
from .openlane import open_loop
from .shard_messages import HEADER, Message, Order, Ready, Report, Start, Trouble, encoded, unpacked

SPARE = 32
"""Descriptors that the process itself needs."""


def main() -> None:
    """Run what standard input says; all that goes wrong is told on standard output."""
    # Nothing else may write into what the harness reads: a stray print would be taken for a message.
    output = os.dup(1)
    os.dup2(2, 1)
    answer = trio.run(_run, 0, output)
    if answer is not None:
        _write(output, answer)


async def _run(input_: int, output: int) -> Report | Trouble | None:
    answer: Report | Trouble | None = None
    async with trio.lowlevel.FdStream(os.dup(input_)) as stream:
        order = await _message(stream)
        if not isinstance(order, Order):
            return None
        _write(output, Ready())
        start = await _message(stream)
        if not isinstance(start, Start):
            return None
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                await stream.receive_some(1)
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            answer = await _answer(order, start.at)
            nursery.cancel_scope.cancel()
    return answer


async def _answer(order: Order, start: int) -> Report | Trouble:
    try:
        room_for(order.connections)
        return shard_messages.report(await _lane(order, start))
    except OutOfResources as error:
        return Trouble("resources", str(error))
    except MemoryError:
        return Trouble("resources", "no memory is left for a lane of its own; ask for fewer connections or processes")
    except TargetRefused as error:
        return Trouble("refused", str(error))
    except Unsupported as error:
        return Trouble("unsupported", str(error))
    except ValueError as error:
        return Trouble("numbers", str(error))
    except OSError as error:
        return Trouble("other", f"{type(error).__name__}: {error}")


async def _lane(order: Order, start: int) -> LaneResult:
    async with watched_again(told_again(order.address), order.proof) as address:
        return await _loop(order, address, start)


async def _loop(order: Order, address: Address, start: int) -> LaneResult:
    run = partial(
        closed_loop if order.schedule is None else open_loop,
        address,
        order.request,
        body=order.body,
        status=order.status,
        connections=order.connections,
        timeout=order.timeout,
        start=start,
        mark=order.mark,
    )
    if order.schedule is None:
        return await run(seconds=order.seconds, warm_up=order.warm_up)
    return await run(schedule=unpacked(order.schedule), window=order.window, warm_up=order.warm_up)


def room_for(connections: int) -> None:
    """Raise this process's limit of descriptors as far as `connections` need.

    Raises OutOfResources where the machine does not allow so many.
    """
    needed = connections + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise OutOfResources(
            f"{connections} connections need {needed} open files and a process may have {hard} here: raise "
            f"`ulimit -Hn`, or ask for --clients {max(1, hard - SPARE)}"
        )
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


async def _message(stream: trio.lowlevel.FdStream) -> Message | None:
    header = await _exactly(stream, HEADER)
    return None if header is None else _decoded(await _exactly(stream, shard_messages.length(header)))


def _decoded(data: bytes | None) -> Message | None:
    return None if data is None else shard_messages.decoded(data)


async def _exactly(stream: trio.lowlevel.FdStream, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        piece = await stream.receive_some(size - len(data))
        if not piece:
            return None
        data += piece
    return bytes(data)


def _write(output: int, message: Message) -> None:
    data = memoryview(encoded(message))
    try:
        while data:
            data = data[os.write(output, data) :]
    except BrokenPipeError:
        sys.exit(1)  # nobody is left to hear it


if __name__ == "__main__":
    main()
