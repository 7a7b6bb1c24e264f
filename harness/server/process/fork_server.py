"""Fork servers of a check: each starts supervisors, and servers, by a fork in place of a new interpreter.

A start of a server takes as much CPU time as thirty quick cases, and most of it goes into imports. See
fork_server_main.py for what a fork server is. Where none can run, a start is slower, and nothing else is different.
"""

from __future__ import annotations

import array
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

MAIN = Path(__file__).with_name("fork_server_main.py")

FORK_SECONDS = 10.0
"""Seconds in which a fork server must fork. The first time it has to import its modules."""

EXIT_SECONDS = 2.0
"""Seconds in which a fork server must end after the harness has closed its socket."""

MAX_REPLY_BYTES = 32
"""Bytes of a response, which is a pid and a newline."""


@dataclass(frozen=True)
class Preload:
    """What a fork server has ready: `modules`, imported by the interpreter `python` with `environment` and `files`.

    `files` (name to text) are in the folder that is first on its path. Without modules it forks supervisors alone.
    """

    python: str = sys.executable
    modules: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()


class ForkedProcess:
    """A child of this process that a fork server made. It has what SupervisedProcess uses of subprocess.Popen."""

    def __init__(self, pid: int, stdin: int, stdout: int) -> None:
        self.pid = pid
        self.stdin = os.fdopen(stdin, "wb", buffering=0)
        self.stdout = os.fdopen(stdout, "rb", buffering=0)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int | None:
        """Return how it ended when it has."""
        return self._wait(0)

    def kill(self) -> None:
        """End it at once."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _wait(self, options: int) -> int | None:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, options)
            except ChildProcessError:  # this process ignores SIGCHLD
                pid, status = self.pid, 0
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class ForkServers:
    """The fork servers of a check, which start when they are needed first. `ForkServers.open` makes them."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._started: dict[Preload, _ForkServer] = {}
        self._closing = ExitStack()

    @classmethod
    @asynccontextmanager
    async def open(cls, scratch: Path) -> AsyncIterator[ForkServers]:
        """Yield an object that starts fork servers; end them after the block. Their files are in `scratch`."""
        servers = cls(scratch)
        try:
            yield servers
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(servers._closing.close)

    async def fork(self, preload: Preload, log: int) -> ForkedProcess | None:
        """Return a new supervisor whose stderr is the descriptor `log`; None if no fork server can make one."""
        if preload not in self._started:
            self._started[preload] = _ForkServer(preload, self._scratch)
            self._closing.callback(self._started[preload].close)
        return await self._started[preload].fork(log)


class _ForkServer:
    """One fork server. After a failure it is asked no more."""

    def __init__(self, preload: Preload, scratch: Path) -> None:
        self._preload = preload
        self._scratch = scratch
        self._lock = trio.Lock()
        self._resources = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._failed = False

    async def fork(self, log: int) -> ForkedProcess | None:
        async with self._lock:
            if self._failed:
                return None
            try:
                if self._socket is None:
                    self._socket = self._start()
                with trio.fail_after(FORK_SECONDS):
                    return await self._fork(self._socket, log)
            except (OSError, ValueError, subprocess.SubprocessError, trio.TooSlowError):
                self._failed = True
                return None
            except trio.Cancelled:
                self._failed = True  # its response may still come
                raise

    def _start(self) -> socket.socket:
        folder = Path(self._resources.enter_context(TemporaryDirectory(prefix="f-", dir=self._scratch)))
        for name, text in self._preload.files:
            file = folder / name
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._resources.callback(own.close)
        own.setblocking(False)
        isolated = () if self._preload.modules else ("-E", "-s", "-S")
        # Its streams must be what those of a server are: Python remembers what it can do with them. Nobody reads these.
        unread, output = os.pipe()
        self._resources.callback(os.close, unread)
        self._resources.callback(os.close, output)
        with other:
            self._process = subprocess.Popen(
                [self._preload.python, *isolated, MAIN, str(other.fileno()), folder, *self._preload.modules],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,  # if a module cannot be imported, the server itself says why
                pass_fds=(other.fileno(),),
                cwd=folder,
                env=dict(self._preload.environment),
                start_new_session=True,
            )
        return own

    async def _fork(self, own: socket.socket, log: int) -> ForkedProcess:
        with ExitStack() as open_until_sent, ExitStack() as open_until_failure:
            child_stdin, to_child = os.pipe()
            open_until_sent.callback(os.close, child_stdin)
            open_until_failure.callback(os.close, to_child)
            from_child, child_stdout = os.pipe()
            open_until_sent.callback(os.close, child_stdout)
            open_until_failure.callback(os.close, from_child)
            descriptors = array.array("i", [child_stdin, child_stdout, log])
            own.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
            reply = b""
            while not reply.endswith(b"\n"):
                await trio.lowlevel.wait_readable(own)
                piece = own.recv(MAX_REPLY_BYTES)
                if not piece or len(reply) > MAX_REPLY_BYTES:
                    raise OSError("the fork server has ended")
                reply += piece
            if (pid := int(reply)) <= 0:
                raise OSError("the kernel refused to fork")
            open_until_failure.pop_all()
            return ForkedProcess(pid, to_child, from_child)

    def close(self) -> None:
        """End it, and remove its files."""
        self._resources.close()
        if self._process is None:
            return
        try:
            self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
