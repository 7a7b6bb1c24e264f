"""The cases of one server on a worker: `python -m wsgi_gauntlet.harness.cluster.check_main`, started by worker.py.

    harness --> process   CheckJob, then NextEvents again and again
    process --> harness   Ready, then CheckEvents with what happened since the last ones; or JobError

It runs until its standard input ends.
"""

from __future__ import annotations

import os
import signal
import sys

import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance import runner
from wsgi_gauntlet.harness.errors import ConfigurationError, GauntletError, Unsupported, reportable_error
from wsgi_gauntlet.harness.event_queue import EventQueue, handle_events
from wsgi_gauntlet.harness.events import CaseFinished, Event, ServerFailed, ServerStarted
from wsgi_gauntlet.harness.load.generator.process_main import message_output, write_message
from wsgi_gauntlet.harness.load.generator.process_messages import (
    CheckEvents,
    CheckJob,
    JobError,
    NextEvents,
    Ready,
    StartedServer,
    message_conditions,
    receive_message,
)
from wsgi_gauntlet.harness.model import CaseResult
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders, scratch_folder

EVENTS_TIMEOUT = 1.0
"""Seconds after which NextEvents is answered although nothing happened."""


class _Events:
    """What happened since the last answer."""

    def __init__(self) -> None:
        self._cells: list[CaseResult] = []
        self._started: list[StartedServer] = []
        self._failed = ""
        self._something = trio.Event()
        self.done = False

    def handle(self, event: Event) -> None:
        """Keep what the harness must know of `event`."""
        match event:
            case CaseFinished(cell):
                self._cells.append(cell)
            case ServerStarted(_, command, conditions):
                self._started.append(StartedServer(command, message_conditions(conditions)))
            case ServerFailed(_, reason):
                self._failed = reason
            case _:
                return
        self._something.set()

    def end(self) -> None:
        """Nothing more will happen."""
        self.done = True
        self._something.set()

    async def take(self) -> CheckEvents:
        """Return what happened, as soon as something has, or after EVENTS_TIMEOUT."""
        with trio.move_on_after(EVENTS_TIMEOUT):
            await self._something.wait()
        if not self.done:
            self._something = trio.Event()
        found = CheckEvents(tuple(self._cells), tuple(self._started), self._failed, self.done)
        self._cells, self._started, self._failed = [], [], ""
        return found


def main() -> None:
    """Run the job from standard input."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # as in server_main.py
    output = message_output()
    trio.run(_run, 0, output)


async def _run(input_: int, output: int) -> None:
    async with trio.lowlevel.FdStream(os.dup(input_)) as stream:
        job = await receive_message(stream)
        if not isinstance(job, CheckJob):
            return
        try:
            await _check(job, stream, output)
        except (GauntletError, Unsupported, OSError, BaseExceptionGroup) as raised:
            problem = reportable_error(raised)
            if not isinstance(problem, Exception):
                raise
            write_message(output, JobError.of(problem))
            await stream.receive_some(1)


async def _check(job: CheckJob, stream: trio.abc.ReceiveStream, output: int) -> None:
    plan = planning.plan(job.server, python=job.python or sys.executable)
    planning.require(plan)
    known = {each.id: each for each in registry.cases()}
    if unknown := [each for each in job.cases if each not in known]:
        raise ConfigurationError(f"no case is named {unknown[0]} there; install the same suites on each worker")
    cases = [known[each] for each in job.cases]
    write_message(output, Ready())
    collected = _Events()
    with scratch_folder() as scratch:
        logs = scratch / "logs"
        logs.mkdir()
        # Other workers on this machine may check other servers.
        config = runner.RunnerConfig(
            RunFolders(scratch, logs), instances=runner.MAX_INSTANCES, all_segmentations=job.all_segmentations
        )

        async def check(events: EventQueue) -> None:
            await runner.check([plan], {plan.name: cases}, config, events)

        async with trio.open_nursery() as nursery:

            async def answer() -> None:
                while isinstance(await receive_message(stream), NextEvents):
                    write_message(output, await collected.take())
                nursery.cancel_scope.cancel()

            nursery.start_soon(answer)
            await handle_events(check, collected.handle)
            collected.end()


if __name__ == "__main__":
    main()
