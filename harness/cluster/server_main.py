"""A server on a worker of a cluster: `python -m wsgi_gauntlet.harness.cluster.server_main`, started by worker.py.

It reads a ServerJob from standard input, and answers with a ServerPlan, or starts the server and answers with
ServerReady. The server runs until the input ends, because the harness closed it, or because the worker has ended.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
from dataclasses import replace

import trio

from wsgi_gauntlet.harness.errors import GauntletError, Unsupported
from wsgi_gauntlet.harness.load.generator.process_main import message_output, write_message
from wsgi_gauntlet.harness.load.generator.process_messages import (
    JobError,
    ServerJob,
    ServerPlan,
    ServerReady,
    message_conditions,
    receive_message,
)
from wsgi_gauntlet.harness.server import instance, planning
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import scratch_folder

TOKEN_VARIABLE = "WSGI_GAUNTLET_TOKEN"


def main() -> None:
    """Run the job from standard input."""
    # A worker of a local cluster blocks SIGINT, and the server would inherit that. Some servers are stopped with it.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    output = message_output()
    trio.run(_run, 0, output)


async def _run(input_: int, output: int) -> None:
    async with trio.lowlevel.FdStream(os.dup(input_)) as stream:
        job = await receive_message(stream)
        if not isinstance(job, ServerJob):
            return
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                await stream.receive_some(1)
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            try:
                await _serve(job, output)
            except (GauntletError, Unsupported, OSError) as error:
                write_message(output, JobError.of(error))
            await trio.sleep_forever()


async def _serve(job: ServerJob, output: int) -> None:
    plan = served_plan(job)
    plan.require_installed()
    if not job.start:
        write_message(output, described(plan))
        return
    with scratch_folder() as scratch:
        async with instance.running(plan, scratch=scratch, logs=None, observe=False) as running:
            address = running.address
            if address.path or address.pipe_socket or address.tls:
                raise Unsupported(
                    f"{plan.name} listens on {address}, and workers on other machines load only servers on plain TCP"
                )
            conditions = message_conditions(running.conditions)
            write_message(output, ServerReady(address.host, address.port, running.command_line, conditions))
            await trio.sleep_forever()


def served_plan(job: ServerJob) -> Plan:
    """Return how the server of `job` is started: on the host of the worker, with the token in its environment."""
    plan = planning.plan(job.server, python=job.python or sys.executable)
    environment = {TOKEN_VARIABLE: job.token or secrets.token_hex(16)}
    behind = plan.upstream
    if behind is not None:
        return replace(plan, host=job.host, upstream=replace(behind, environment=environment))
    return replace(plan, host=job.host, environment=environment)


def described(plan: Plan) -> ServerPlan:
    """Return what a report says of the server."""
    info = planning.server_info(plan)
    return ServerPlan(info.version, info.variant, info.python, plan.settings.mount)


if __name__ == "__main__":
    main()
