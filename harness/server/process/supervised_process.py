"""The harness's end of one supervisor: start a server below it, watch it, signal it, stop it.

Nothing runs in the background: what the supervisor has reported is read when somebody asks, so a load generator in the
same loop is not disturbed.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import trio

from wsgi_gauntlet.harness.errors import InternalError, OutOfResources
from wsgi_gauntlet.harness.server.process import procfs, supervisor
from wsgi_gauntlet.harness.server.process.unprivileged_user import User

LOG_LIMIT_BYTES = 16 << 20
"""Bytes of a server's output that are kept."""

UNKNOWN_EXIT = "an unknown end: its supervisor was killed"
"""How a server ended whose supervisor cannot tell. Somebody killed that, the server itself perhaps."""

MAX_REPORT_BYTES = 1 << 16
"""Bytes of one report; a supervisor's have fewer than a hundred."""

MAX_KILL_ROUNDS = 50
"""At most so many rounds of killing, each of which finds whatever was started during the one before."""

POLL_INTERVAL = 0.02
"""Seconds between two looks where somebody else waits for a report already."""

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


class SupervisedProcess:
    """One server below one supervisor. Make it with `start`; whatever happens then, `stop` must be called."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
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
        remove: Path,
        prune: Path | None = None,
        user: User | None = None,
    ) -> SupervisedProcess:
        """Start `argv` in `folder` as `user`, or as whom we are, and return once it runs, or `failure` says why not.

        `remove` is deleted if the harness dies, and `prune` with it where it is empty then. Raises OutOfResources.
        """
        launch_request = {
            "argv": list(argv),
            "environment": dict(environment),
            "folder": str(folder),
            "log": str(log),
            "keep": LOG_LIMIT_BYTES,
            "parent": os.getpid(),
            "remove": str(remove),
            "prune": str(prune or ""),
            "user": [user.uid, user.gid] if user is not None else None,
        }
        try:
            process = _spawn(log, environment)
        except OSError as error:
            raise OutOfResources(f"no process to be had: {error.strerror}; raise `ulimit -n` and `-u`") from error
        supervised = cls(process)
        try:
            supervised._send(launch_request)
            if process.stdin is not None:
                os.set_blocking(process.stdin.fileno(), False)  # the server can fill this pipe, and stop who reads it
            while not (supervised.pid or supervised.failure or supervised._reports_closed):
                await supervised._wait_for_report()
        except BaseException:
            # We are still there to clear away what is ours: others may have the folder that it would prune.
            supervised._send({"do": "leave"})
            supervised._release()
            raise
        if not supervised.pid and not supervised.failure:
            supervised._release()
            raise InternalError(f"the supervisor of {argv[0]} ended before the server started; see {log}")
        return supervised

    @property
    def ended(self) -> str:
        """How it ended, as 'exit code 3' or 'signal SIGSEGV'; '' while it runs."""
        watched = (self._supervisor_pid, self._process.pid)
        processes_missing = self.pid and not self._has_ended and not all(map(procfs.exists, watched))
        self._read_reports()
        if self.failure:
            return self.failure
        if not self._has_ended:
            # Whichever of the two is left clears away now.
            return UNKNOWN_EXIT if processes_missing else ""
        if self._signal is not None:
            return f"signal {signal_name(self._signal)}"
        return f"exit code {self._exit_code}" if self._exit_code is not None else UNKNOWN_EXIT

    def processes(self) -> list[int]:
        """Return the pids of the server and all that it started."""
        return [] if self._process.returncode is not None else procfs.descendant_pids(self._supervisor_pid)

    def send_signal(self, number: signal.Signals) -> None:
        """Send `number` to the server's first process."""
        self._send({"do": "signal", "number": int(number)})

    async def wait_ended(self) -> None:
        """Return when the server has ended."""
        while not self.ended:
            await self._wait_for_report()

    async def stop(self, number: signal.Signals, grace: float) -> None:
        """End it in good order, kill what is left after `grace` seconds, and return when all of it is gone."""
        with trio.CancelScope(shield=True):
            self._send({"do": "leave"})  # we are still there to clear away what is ours
            for supervisor in (self._supervisor_pid, self._process.pid):
                with contextlib.suppress(OSError):
                    os.kill(supervisor, signal.SIGCONT)  # the server may have stopped them
            if not self.ended:
                self._send({"do": "stop", "number": int(number), "grace": grace})
                with trio.move_on_after(grace + SUPERVISOR_EXIT_TIMEOUT):
                    await self.wait_ended()
            self._close_stdin()
            with trio.move_on_after(SUPERVISOR_EXIT_TIMEOUT):
                while self._process.poll() is None:  # noqa: ASYNC110 - the kernel has no event of ours for it
                    await trio.sleep(0.002)
            self._release()

    def _release(self) -> None:
        """Let go of the supervisor without waiting for the server: it ends everything by itself."""
        self._close_stdin()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._reports_closed = self._has_ended = True
        if self._process.poll() is not None:
            return
        for _ in range(MAX_KILL_ROUNDS):
            # Of a supervisor that does not do it, for whatever reason.
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

    def _send(self, message: dict[str, Any]) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(OSError):
                self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _wait_for_report(self) -> None:
        """Wait for something new from the supervisor."""
        if not self._read_reports() and self._process.stdout is not None and not self._reports_closed:
            try:
                await trio.lowlevel.wait_readable(self._process.stdout.fileno())
            except trio.BusyResourceError:
                await trio.sleep(POLL_INTERVAL)  # somebody else waits for the same, and takes it in
            self._read_reports()
        else:
            await trio.lowlevel.checkpoint()

    def _read_reports(self) -> bool:
        """Take in what the supervisor has reported so far, without waiting; say whether there was anything."""
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
            # A server can find this pipe, and write to it what it likes.
            with contextlib.suppress(msgspec.MsgspecError, RecursionError, ValueError):
                self._apply(msgspec.json.decode(line, type=_Report))

    def _apply(self, report: _Report) -> None:
        if report.started and report.supervisor and not self.pid:
            # Only from the guard's own child: the server may write here before its supervisor does.
            named = report.supervisor
            if supervisor.parent_of(named) == self._process.pid or not procfs.exists(named):
                self.pid, self._supervisor_pid = report.started, report.supervisor
        elif report.failed and not self.pid:
            self.failure = report.failed
        elif report.exited is not None:
            self._exit_code, self._signal = report.exited.code, report.exited.signal
            self._has_ended = True


def _spawn(log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # A server started earlier can have put anything in the log's place.
    how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        place = os.open(log, how, 0o644)
    except OSError as problem:
        if problem.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise
        place = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    with os.fdopen(place, "wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-I", supervisor.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            start_new_session=True,
            bufsize=0,
        )
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    return process


def signal_name(number: int) -> str:
    """Return 'SIGSEGV' for 11, and the number as text for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
