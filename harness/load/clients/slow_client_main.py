"""Slow clients in a process of their own: `python -m wsgi_gauntlet.harness.load.clients.slow_client_main`.

    harness --> process   SlowClientJob, then ScaleSlowClients and CountSlowClients again and again
    process --> harness   Ready, then SlowClientCounts for each of them; or JobError

It runs until its standard input ends. Then its clients are gone at once.
"""

from __future__ import annotations

import os

import trio

from wsgi_gauntlet.harness.errors import OutOfResources, TargetRefused, leaf_exceptions
from wsgi_gauntlet.harness.limits import GENERATOR_RESERVE, descriptor_limits, raise_descriptor_limit
from wsgi_gauntlet.harness.load.clients.behaviour_message import behaviour_of_messages
from wsgi_gauntlet.harness.load.clients.slow_client_pool import SlowClientPool
from wsgi_gauntlet.harness.load.context import require_loopback_or_verified
from wsgi_gauntlet.harness.load.generator.process_main import message_output, write_message
from wsgi_gauntlet.harness.load.generator.process_messages import (
    JobError,
    Message,
    Ready,
    ScaleSlowClients,
    SlowClientCounts,
    SlowClientJob,
    receive_message,
)
from wsgi_gauntlet.harness.server.remote.guard import guarded_in_process, verify_in_process
from wsgi_gauntlet.harness.server.remote.proof import address_from_fields

CONNECTIONS_PER_CLIENT = 2
"""The most connections of one slow client. If the limit on open files allows only one, that is enough for most."""


def main() -> None:
    """Hold slow clients as the messages on standard input say."""
    output = message_output()
    trio.run(_run, 0, output)


async def _run(input_: int, output: int) -> None:
    async with trio.lowlevel.FdStream(os.dup(input_)) as stream:
        try:
            await _hold(stream, output)
        except (OutOfResources, TargetRefused, ValueError, OSError) as error:
            write_message(output, JobError.of(error))
            await stream.receive_some(1)  # the harness has read it, and closes the pipe


async def _hold(stream: trio.abc.ReceiveStream, output: int) -> None:
    job = await receive_message(stream)
    if not isinstance(job, SlowClientJob):
        return
    address = address_from_fields(job.address)
    require_loopback_or_verified(address)
    behaviour = behaviour_of_messages(job.kinds)
    await verify_in_process(address, job.proof)
    write_message(output, Ready())
    async with guarded_in_process(address, job.proof) as watched:
        try:
            async with trio.open_nursery() as nursery:
                pool = SlowClientPool(watched, behaviour, nursery, per_second=job.per_second)
                send, messages = trio.open_memory_channel[Message](1)

                async def read() -> None:
                    # Beside the work, so that clients that still arrive are gone too as soon as the input ends.
                    while (message := await receive_message(stream)) is not None:
                        await send.send(message)
                    nursery.cancel_scope.cancel()

                nursery.start_soon(read)
                async for message in messages:
                    if isinstance(message, ScaleSlowClients):
                        require_clients(message.size)
                        await pool.scale_to(message.size)
                    write_message(
                        output,
                        SlowClientCounts(
                            pool.connected_count, pool.refused, pool.total_clients, tuple(pool.disconnects)
                        ),
                    )
        except ExceptionGroup as group:
            # A nursery wraps what a client raised. The first error is the reason.
            raise next(leaf_exceptions(group)) from None


def require_clients(clients: int) -> None:
    """Raise the limit on open files for so many clients. Raises OutOfResources if the hard limit is too low."""
    _, hard = descriptor_limits()
    if clients + GENERATOR_RESERVE > hard:
        raise OutOfResources(
            f"{clients:,} slow clients need {clients + GENERATOR_RESERVE:,} open files, but a process there may have "
            f"only {hard:,}: raise `ulimit -Hn` of the worker, use more workers, or lower --slow-clients"
        )
    raise_descriptor_limit(clients * CONNECTIONS_PER_CLIENT + GENERATOR_RESERVE)


if __name__ == "__main__":
    main()
