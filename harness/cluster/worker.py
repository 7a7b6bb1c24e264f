"""What runs inside a dask worker: it starts our processes there, and carries messages to them and back.

    harness --dask--> worker --pipes--> process_main and others       as process_pool.py, with dask in between

The worker does not read the messages. A session is one run of the harness: if the harness does not renew it for
LEASE_SECONDS, it has vanished, and its processes are ended. A process whose pipe ends also ends itself, so nothing
outlives the worker either. No function raises: dask would write the arguments, with the token in them, to its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import platform
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from wsgi_gauntlet.harness.cluster.clock import needs_more
from wsgi_gauntlet.harness.load.generator.process_messages import HEADER_BYTES, MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable

LEASE_SECONDS = 20.0
"""Seconds without a sign of the harness after which its processes are ended."""

END_GRACE_SECONDS = 5.0
"""Seconds in which a process must end after its pipe was closed. A server needs STOP_GRACE for that."""

STDERR_TAIL_BYTES = 2000
"""Bytes of the standard error of a process that a message quotes."""

Reply = bytes | str
"""A message of a process with its length in front, or a text that says how the process ended."""

ClockSample = tuple[int, int, int]
"""Nanoseconds: the clock of this machine, then that of the scheduler, then that of this machine again."""


class SchedulerRpc(Protocol):
    """The connection of a worker to its scheduler."""

    def run_function(self, **arguments: object) -> Awaitable[dict[str, object]]:
        """Run a function in the scheduler."""


class DaskWorker(Protocol):
    """The part of distributed.Worker that we use."""

    name: object
    scheduler: SchedulerRpc


class _Process:
    """A process and its two pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._stderr_tail = bytearray()
        self._reader = asyncio.create_task(self._collect_stderr())

    async def exchange(self, message: bytes) -> Reply:
        """Send a message and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(message)
            await self._process.stdin.drain()
            header = await self._process.stdout.readexactly(HEADER_BYTES)
            length = int.from_bytes(header, "big")
            if length > MAX_MESSAGE_BYTES:
                return f"sent a message of {length} bytes, which is too long"
            return header + await self._process.stdout.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            return await self._how_it_ended()

    async def end(self) -> None:
        """Close its pipe, which ends it; kill it if it does not end in time."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), END_GRACE_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        finally:
            self._reader.cancel()

    async def _collect_stderr(self) -> None:
        assert self._process.stderr is not None
        while piece := await self._process.stderr.read(4096):
            self._stderr_tail += piece
            del self._stderr_tail[:-STDERR_TAIL_BYTES]

    async def _how_it_ended(self) -> str:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reader), 1)
            await asyncio.wait_for(self._process.wait(), 1)
        code = self._process.returncode
        if code is None:
            how = "closed its pipe"
        elif code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        else:
            how = f"ended with exit code {code}"
        text = self._stderr_tail.decode(errors="replace").strip()
        return f"{how}; its last output: {text}" if text else how


class _Session:
    """The processes of one run of the harness, and the time at which its lease ends."""

    def __init__(self, forget: Callable[[], object]) -> None:
        self.processes: dict[str, _Process] = {}
        self._forget = forget
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(LEASE_SECONDS, self._expire)
        self._ending: asyncio.Task[None] | None = None

    def renew(self) -> None:
        """Begin the lease again."""
        self._timer.cancel()
        self._timer = self._loop.call_later(LEASE_SECONDS, self._expire)

    async def end(self) -> None:
        """End all processes."""
        self._forget()
        self._timer.cancel()
        ended, self.processes = self.processes, {}
        await asyncio.gather(*(each.end() for each in ended.values()))

    def _expire(self) -> None:
        self._ending = self._loop.create_task(self.end())


_sessions: dict[str, _Session] = {}


async def open_session(session: str, *, dask_worker: DaskWorker) -> tuple[str, str]:
    """Begin a session, and return the name of this worker and of its machine."""
    if session not in _sessions:
        _sessions[session] = _Session(lambda: _sessions.pop(session, None))
    return str(dask_worker.name), platform.node()


async def renew(session: str) -> bool:
    """Begin the lease of a session again. Return False if it has ended."""
    if session not in _sessions:
        return False
    _sessions[session].renew()
    return True


async def start(session: str, name: str, module: str) -> str:
    """Start the process `name`, `python -m module`. Return '', or why that is not possible."""
    if session not in _sessions:
        return "the session has ended, because nothing was heard of the harness"
    try:
        process = await asyncio.create_subprocess_exec(
            # -P: a file trio.py in the folder of the worker must not be imported.
            *(sys.executable, "-P", "-m", module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C in the terminal of the worker is not for it
        )
    except OSError as error:
        return f"no process could be started ({error.strerror})"
    started = _Process(process)
    if session not in _sessions:  # it ended in the meantime
        await started.end()
        return "the session has ended"
    _sessions[session].processes[name] = started
    return ""


async def exchange(session: str, name: str, message: bytes) -> Reply:
    """Send a message to the process `name`, and return its answer."""
    process = _sessions[session].processes.get(name) if session in _sessions else None
    return await process.exchange(message) if process is not None else "was ended"


async def end(session: str, name: str) -> None:
    """End the process `name`. Do nothing if there is none."""
    if session in _sessions and (process := _sessions[session].processes.pop(name, None)) is not None:
        await process.end()


async def close_session(session: str) -> None:
    """End a session and its processes."""
    if session in _sessions:
        await _sessions[session].end()


async def sample_clocks(*, dask_worker: DaskWorker) -> tuple[list[ClockSample], int]:
    """Ask the scheduler for its clock, see clock.py. Also return how far time_ns() is ahead of perf_counter_ns()."""
    from distributed.protocol.pickle import dumps

    arguments: dict[str, object] = {"function": dumps(time.time_ns), "args": dumps(()), "kwargs": dumps({})}
    samples: list[ClockSample] = []
    begun = time.monotonic()
    while needs_more(samples, time.monotonic() - begun):
        sent = time.time_ns()
        answer = await dask_worker.scheduler.run_function(**arguments, wait=True)
        received = time.time_ns()
        if not isinstance(at := answer.get("result"), int):
            break
        samples.append((sent, at, received))
    return samples, time.time_ns() - time.perf_counter_ns()
