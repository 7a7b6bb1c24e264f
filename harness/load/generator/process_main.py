"""One generator in a process of its own: `python -m wsgi_gauntlet.harness.load.generator.process_main`.

process_pool.py starts it. It reads its job from standard input and writes its result to standard output. When its input
ends, the harness has ended, perhaps by kill -9; then this process ends at once, too.
"""

from __future__ import annotations

import os
import sys

import trio

from wsgi_gauntlet.harness.errors import OutOfResources, TargetRefused, Unsupported
from wsgi_gauntlet.harness.limits import require_descriptors
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import StartTime
from wsgi_gauntlet.harness.load.generator.open_loop import open_loop
from wsgi_gauntlet.harness.load.generator.process_messages import (
    Job,
    JobError,
    JobResult,
    Message,
    Ready,
    Start,
    encode,
    receive_message,
    unpack_times,
)
from wsgi_gauntlet.harness.server.remote.guard import guarded_in_process, verify_in_process
from wsgi_gauntlet.harness.server.remote.proof import address_from_fields


def main() -> None:
    """Run the job from standard input. Write the result, or the reason of a failure, to standard output."""
    output = message_output()
    reply = trio.run(_run, 0, output)
    if reply is not None:
        write_message(output, reply)


async def _run(input_: int, output: int) -> JobResult | JobError | None:
    reply: JobResult | JobError | None = None
    async with trio.lowlevel.FdStream(os.dup(input_)) as stream:
        job = await receive_message(stream)
        if not isinstance(job, Job):
            return None
        agreed, start = trio.open_memory_channel[int](1)
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                message = await receive_message(stream)
                if isinstance(message, Start):
                    agreed.send_nowait(message.at)
                    await stream.receive_some(1)
                nursery.cancel_scope.cancel()

            async def ready() -> int:
                write_message(output, Ready())
                return await start.receive()

            nursery.start_soon(watch)
            reply = await _run_job(job, ready)
            nursery.cancel_scope.cancel()
    return reply


async def _run_job(job: Job, start: StartTime) -> JobResult | JobError:
    try:
        require_descriptors(job.options.connections)
        return JobResult(await _run_loop(job, start))
    except MemoryError:
        return JobError("resources", "no memory is left for a generator process; use fewer connections or processes")
    except (OutOfResources, TargetRefused, Unsupported, ValueError, OSError) as error:
        return JobError.of(error)


async def _run_loop(job: Job, start: StartTime) -> GeneratorResult:
    target = address_from_fields(job.address)
    await verify_in_process(target, job.proof)
    async with guarded_in_process(target, job.proof) as address:
        if job.schedule is None:
            return await closed_loop(address, job.page, job.options, job.seconds, start=start)
        return await open_loop(address, job.page, job.options, unpack_times(job.schedule), start=start)


def message_output() -> int:
    """Return a descriptor for messages on standard output. What else is printed goes to standard error.

    A stray print would look like a message to those who read the pipe.
    """
    output = os.dup(1)
    os.dup2(2, 1)
    return output


def write_message(output: int, message: Message) -> None:
    """Write a message to the pipe of the harness. If nobody reads it any more, end this process."""
    data = memoryview(encode(message))
    try:
        while data:
            data = data[os.write(output, data) :]
    except BrokenPipeError:
        sys.exit(1)  # nobody reads it any more


if __name__ == "__main__":
    main()
