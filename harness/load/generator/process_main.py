"""One lane in a process of its own: `python -m wsgi_gauntlet.harness.load.generator.process_main`, started by
shards.py.

It is told what to do on standard input and answers on standard output. When its input ends, whoever started it is gone,
by kill -9 too, and it goes as well, at once.
"""

from __future__ import annotations

import os
import resource
import sys
from functools import partial

import trio

from wsgi_gauntlet.harness.errors import OutOfResources, TargetRefused, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.generator import process_messages
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.open_loop import open_loop
from wsgi_gauntlet.harness.load.generator.process_messages import (
    HEADER_BYTES,
    Job,
    JobError,
    JobResult,
    Message,
    Ready,
    Start,
    encode,
    unpack_times,
)
from wsgi_gauntlet.harness.server.remote.guard import guarded_in_process
from wsgi_gauntlet.harness.server.remote.proof import address_from_fields

RESERVED_DESCRIPTORS = 32
"""Descriptors that the process itself needs."""


def main() -> None:
    """Run what standard input says; all that goes wrong is told on standard output."""
    # Nothing else may write into what the harness reads: a stray print would be taken for a message.
    output = os.dup(1)
    os.dup2(2, 1)
    reply = trio.run(_run, 0, output)
    if reply is not None:
        _write(output, reply)


async def _run(input_: int, output: int) -> JobResult | JobError | None:
    reply: JobResult | JobError | None = None
    async with trio.lowlevel.FdStream(os.dup(input_)) as stream:
        job = await _receive_message(stream)
        if not isinstance(job, Job):
            return None
        _write(output, Ready())
        start = await _receive_message(stream)
        if not isinstance(start, Start):
            return None
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                await stream.receive_some(1)
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            reply = await _run_job(job, start.at)
            nursery.cancel_scope.cancel()
    return reply


async def _run_job(job: Job, start: int) -> JobResult | JobError:
    try:
        raise_descriptor_limit(job.connections)
        return process_messages.encode_result(await _run_guarded(job, start))
    except OutOfResources as error:
        return JobError("resources", str(error))
    except MemoryError:
        return JobError("resources", "no memory is left for a lane of its own; ask for fewer connections or processes")
    except TargetRefused as error:
        return JobError("refused", str(error))
    except Unsupported as error:
        return JobError("unsupported", str(error))
    except ValueError as error:
        return JobError("numbers", str(error))
    except OSError as error:
        return JobError("other", f"{type(error).__name__}: {error}")


async def _run_guarded(job: Job, start: int) -> GeneratorResult:
    async with guarded_in_process(address_from_fields(job.address), job.proof) as address:
        return await _run_loop(job, address, start)


async def _run_loop(job: Job, address: Address, start: int) -> GeneratorResult:
    run = partial(
        closed_loop if job.schedule is None else open_loop,
        address,
        job.request,
        body=job.body,
        status=job.status,
        connections=job.connections,
        timeout=job.timeout,
        start=start,
        mark=job.mark,
    )
    if job.schedule is None:
        return await run(seconds=job.seconds, warm_up=job.warm_up)
    return await run(schedule=unpack_times(job.schedule), window=job.window, warm_up=job.warm_up)


def raise_descriptor_limit(connections: int) -> None:
    """Raise this process's limit of descriptors as far as `connections` need.

    Raises OutOfResources where the machine does not allow so many.
    """
    needed = connections + RESERVED_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise OutOfResources(
            f"{connections} connections need {needed} open files and a process may have {hard} here: raise "
            f"`ulimit -Hn`, or ask for --clients {max(1, hard - RESERVED_DESCRIPTORS)}"
        )
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


async def _receive_message(stream: trio.lowlevel.FdStream) -> Message | None:
    header = await _receive_exactly(stream, HEADER_BYTES)
    return None if header is None else _decode(await _receive_exactly(stream, process_messages.length(header)))


def _decode(data: bytes | None) -> Message | None:
    return None if data is None else process_messages.decode(data)


async def _receive_exactly(stream: trio.lowlevel.FdStream, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        piece = await stream.receive_some(size - len(data))
        if not piece:
            return None
        data += piece
    return bytes(data)


def _write(output: int, message: Message) -> None:
    data = memoryview(encode(message))
    try:
        while data:
            data = data[os.write(output, data) :]
    except BrokenPipeError:
        sys.exit(1)  # nobody is left to hear it


if __name__ == "__main__":
    main()
