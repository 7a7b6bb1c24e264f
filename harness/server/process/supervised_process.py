"""The harness's side of one supervisor: start a server below it, watch it, send it signals, stop it.

Nothing runs in the background: the reports of the supervisor are read on demand, so a load generator in the same event
loop is not disturbed.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import trio

from wsgi_gauntlet.harness.errors import InternalError, OutOfResources
from wsgi_gauntlet.harness.server.process import procfs, supervisor
from wsgi_gauntlet.harness.server.process.fork_server import ForkedProcess, ForkServers, Preload
from wsgi_gauntlet.harness.server.process.unprivileged_user import User

LOG_LIMIT_BYTES = 16 << 20
"""Bytes of a server's output that are kept."""

UNKNOWN_EXIT = "an unknown end: its supervisor was killed"
"""The end of a server whose supervisor was killed, by the server itself or by another program."""

MAX_REPORT_BYTES = 1 << 16
"""Bytes of one report; those of a supervisor have fewer than a hundred."""

MAX_KILL_ROUNDS = 50
"""Rounds of killing at most; each finds the processes that started during the one before."""

POLL_INTERVAL = 0.02
"""Seconds between two checks if another task already waits for a report."""

SUPERVISOR_EXIT_TIMEOUT = 7.0
"""Seconds for a supervisor to end after its server's grace: it waits and kills for at most five."""


Pid = Annotated[int, msgspec.Meta(gt=0, lt=1 << 31)]


class _Exited(msgspec.Struct, frozen=True):
    code: int | None = None
    signal: int | None = None


class _Report(msgspec.Struct, frozen=True):
    """One line of a supervisor, see supervisor.py."""

    started: Pid | None = None
    supervisor: Pid | None = None
    failed: str = ""
    exited: _Exited | None = None


@dataclass(frozen=True)
class Remains:
    """What is deleted if the harness dies: `folder` with all that is in it, and `parent` if it is empty then."""

    folder: Path
    parent: Path | None = None


@dataclass(frozen=True)
class Fork:
    """Where a supervisor is forked. If `preload` has modules, the server is forked as well.

    `folder` has the files of `preload`; a new fork server imports them from there.
    """

    servers: ForkServers
    preload: Preload
    folder: Path = Path("/")


class SupervisedProcess:
    """One server below one supervisor. `start` makes it; `stop` must be called in any case."""

    def __init__(self, process: subprocess.Popen[bytes] | ForkedProcess) -> None:
        self._process = process
        self._buffer = b""
        self._reports_closed = False
        self.pid = 0
        self._supervisor_pid = process.pid
        self.failure = ""
        self._exit_code: int | None = None
        self._signal: int | None = None
        self._has_ended = False

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        remains: Remains,
        user: User | None = None,
        fork: Fork | None = None,
    ) -> SupervisedProcess:
        """Start `argv` in `folder` as `user`, by default the present user. Return when it runs or has a `failure`.

        If `fork` has modules, `argv` must be its interpreter with a module or a script, and `user` None. Raises
        OutOfResources.
        """
        launch_request = {
            "argv": list(argv),
            "environment": dict(environment),
            "folder": _absolute(folder),
            "log": _absolute(log),
            "keep": LOG_LIMIT_BYTES,
            "parent": os.getpid(),
            "remove": _absolute(remains.folder),
            "prune": _absolute(remains.parent) if remains.parent is not None else "",
            "user": [user.uid, user.gid] if user is not None else None,
        }
        try:
            with _opened_log(log) as errors:
                forked = await fork.servers.fork(fork.preload, fork.folder, errors) if fork is not None else None
                process = forked or _spawn(errors, environment)
                launch_request["fork"] = fork is not None and forked is not None and bool(fork.preload.modules)
        except OSError as error:
            raise OutOfResources(f"cannot start a process: {error.strerror}; raise `ulimit -n` and `-u`") from error
        supervised = cls(process)
        try:
            supervised._send(launch_request)
            for pipe in filter(None, (process.stdin, process.stdout)):
                os.set_blocking(pipe.fileno(), False)  # the server could fill this pipe and block its reader
            while not (supervised.pid or supervised.failure or supervised._reports_closed):
                await supervised._wait_for_report()
        except BaseException:
            # The harness lives and clears the folders itself; another run may use the parent folder.
            supervised._send({"do": "leave"})
            supervised._release()
            raise
        if not supervised.pid and not supervised.failure:
            supervised._release()
            raise InternalError(f"the supervisor of {argv[0]} ended before the server started; read {log}")
        return supervised

    @property
    def ended(self) -> str:
        """How the server ended, as 'exit code 3' or 'signal SIGSEGV'; '' while it runs."""
        watched = (self._supervisor_pid, self._process.pid)
        processes_missing = self.pid and not self._has_ended and not all(map(procfs.exists, watched))
        self._read_reports()
        if self.failure:
            return self.failure
        if not self._has_ended:
            # The other one of the two ends all processes now.
            return UNKNOWN_EXIT if processes_missing else ""
        if self._signal is not None:
            return f"signal {signal_name(self._signal)}"
        return f"exit code {self._exit_code}" if self._exit_code is not None else UNKNOWN_EXIT

    def processes(self) -> list[int]:
        """Return the pids of the server and of all that it started."""
        return [] if self._process.returncode is not None else procfs.descendant_pids(self._supervisor_pid)

    def send_signal(self, number: signal.Signals) -> None:
        """Send `number` to the server's first process."""
        self._send({"do": "signal", "number": int(number)})

    async def wait_ended(self) -> None:
        """Return when the server has ended."""
        while not self.ended:
            await self._wait_for_report()

    async def stop(self, number: signal.Signals, grace: float) -> None:
        """Stop the server in good order, kill what is left after `grace` seconds; return when all of it has ended."""
        with trio.CancelScope(shield=True):
            self._send({"do": "leave"})  # the harness lives and clears the folders itself
            for supervisor in (self._supervisor_pid, self._process.pid):
                with contextlib.suppress(OSError):
                    os.kill(supervisor, signal.SIGCONT)  # the server may have stopped them
            if not self.ended:
                self._send({"do": "stop", "number": int(number), "grace": grace})
                with trio.move_on_after(grace + SUPERVISOR_EXIT_TIMEOUT):
                    await self.wait_ended()
            self._close_stdin()
            with trio.move_on_after(SUPERVISOR_EXIT_TIMEOUT):
                while self._process.poll() is None:  # noqa: ASYNC110 - the kernel has no event for it
                    await trio.sleep(0.002)
            self._release()

    def _release(self) -> None:
        """Close the pipes to the supervisor, which then ends everything by itself."""
        self._close_stdin()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._reports_closed = self._has_ended = True
        if self._process.poll() is not None:
            return
        for _ in range(MAX_KILL_ROUNDS):
            # The supervisor may have failed to kill them.
            for pid in (remaining_pids := procfs.descendant_pids(self._process.pid)):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            if not remaining_pids:
                break
        self._process.kill()
        self._process.wait()

    def _close_stdin(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _send(self, message: dict[str, object]) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(OSError):
                self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _wait_for_report(self) -> None:
        """Wait for a new report of the supervisor."""
        if not self._read_reports() and self._process.stdout is not None and not self._reports_closed:
            try:
                await trio.lowlevel.wait_readable(self._process.stdout.fileno())
            except trio.BusyResourceError:
                await trio.sleep(POLL_INTERVAL)  # another task waits for the same report and reads it
            self._read_reports()
        else:
            await trio.lowlevel.checkpoint()

    def _read_reports(self) -> bool:
        """Read the reports so far, without waiting; return whether there were any."""
        if self._reports_closed or self._process.stdout is None:
            return False
        try:
            data = os.read(self._process.stdout.fileno(), 1 << 16)
        except BlockingIOError:
            return False
        if not data:
            self._reports_closed = self._has_ended = True
        self._feed(data)
        return True

    def _feed(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        self._buffer = self._buffer[:MAX_REPORT_BYTES]
        for line in lines:
            # The server can find this pipe and write anything to it.
            with contextlib.suppress(msgspec.MsgspecError, RecursionError, ValueError):
                self._apply(msgspec.json.decode(line, type=_Report))

    def _apply(self, report: _Report) -> None:
        if report.started and report.supervisor and not self.pid:
            # Accept it only from the guard's own child: the server may write here before its supervisor does.
            named = report.supervisor
            if supervisor.parent_of(named) == self._process.pid or not procfs.exists(named):
                self.pid, self._supervisor_pid = report.started, report.supervisor
        elif report.failed and not self.pid:
            self.failure = report.failed
        elif report.exited is not None:
            self._exit_code, self._signal = report.exited.code, report.exited.signal
            self._has_ended = True


def _absolute(path: Path) -> str:
    """Return `path` for a supervisor: one that is forked has another working folder."""
    return str(path.absolute())


@contextlib.contextmanager
def _opened_log(log: Path) -> Iterator[int]:
    # A server that ran earlier can have put anything in the log's place.
    how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        place = os.open(log, how, 0o644)
    except OSError as problem:
        if problem.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise
        place = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        yield place
    finally:
        os.close(place)


def _spawn(errors: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", supervisor.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        start_new_session=True,
        bufsize=0,
    )


def signal_name(number: int) -> str:
    """Return the name of a signal, 'SIGSEGV' for 11; the number as text if it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
