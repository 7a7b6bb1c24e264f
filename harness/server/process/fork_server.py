"""Fork servers of a check: each starts supervisors, and servers, by a fork in place of a new interpreter.

A start of a server takes as much CPU time as twenty quick cases, and most of it goes into imports. See
fork_server_main.py for what a fork server is. Where none can run, a start is slower, and nothing else is different.
"""

from __future__ import annotations

import array
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trio

MAIN = Path(__file__).with_name("fork_server_main.py")

FORK_SECONDS = 10.0
"""Seconds in which a fork server must fork. The first time it has to import its modules."""

MAX_REPLY_BYTES = 32
"""Bytes of a response, which is a pid and a newline."""

MAX_FORK_SERVERS = 8
"""Fork servers of a check at the same time. Each has three descriptors here, and the memory of an interpreter."""

READ_AT_START = ("PYTHON", "LC_", "LD_", "MALLOC_", "OPENSSL_", "SSL_", "GLIBC_")
"""Prefixes of variables that the interpreter or its libraries read when they start. A fork does not read them again."""

NAMES_READ_AT_START = frozenset({"LANG", "LANGUAGE", "TZ"})


def is_read_at_start(name: str) -> bool:
    """Return whether the variable `name` has no effect on a fork."""
    return name in NAMES_READ_AT_START or name.startswith(READ_AT_START)


def runs_module_or_script(argv: Sequence[str], python: str) -> bool:
    """Return whether `argv` is the interpreter `python` with `-m MODULE` or with a script, and no other option."""
    return len(argv) > 1 and argv[0] == python and (argv[1] == "-m" or not argv[1].startswith("-"))


@dataclass(frozen=True)
class Preload:
    """What a fork server has ready: `modules`, imported by the interpreter `python` with `environment` and `files`.

    `files` (name to text) are those of the server's command. Without modules it forks supervisors alone.
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

    def __init__(self) -> None:
        self._started: dict[Preload, _ForkServer] = {}

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[ForkServers]:
        """Yield an object that starts fork servers; end them after the block."""
        servers = cls()
        try:
            yield servers
        finally:
            for each in servers._started.values():
                each.close()

    async def fork(self, preload: Preload, folder: Path, log: int) -> ForkedProcess | None:
        """Return a new supervisor whose stderr is the descriptor `log`; None if no fork server can make one.

        `folder` has the files of `preload`.
        """
        server = self._started.pop(preload, None) or _ForkServer(preload)
        self._started[preload] = server  # the last one is the one that was used last
        running = [each for each in self._started.values() if each.running and each is not server]
        for each in running[: max(0, len(running) - MAX_FORK_SERVERS + 1)]:
            if not each.busy:
                each.close()  # if it is needed once more, it starts again
        return await server.fork(folder, log)


class _ForkServer:
    """One fork server. After a failure it is asked no more."""

    def __init__(self, preload: Preload) -> None:
        self._preload = preload
        self._lock = trio.Lock()
        self._resources = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._failed = False

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self._process is not None

    @property
    def busy(self) -> bool:
        """Whether somebody waits for a fork."""
        return self._lock.locked()

    async def fork(self, folder: Path, log: int) -> ForkedProcess | None:
        """Return a new supervisor, None after a failure."""
        async with self._lock:
            if self._failed:
                return None
            try:
                own = self._socket = self._socket or self._start(folder)
                with trio.fail_after(FORK_SECONDS):
                    return await self._fork(own, log)
            except (OSError, ValueError, subprocess.SubprocessError, trio.TooSlowError):
                self._failed = True
                self.close()
                return None
            except BaseException:
                self.close()  # its response may still come
                raise

    def _start(self, folder: Path) -> socket.socket:
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._resources.callback(own.close)
        own.setblocking(False)
        # Its streams must be what those of a server are: Python remembers what it can do with them. Nobody reads these.
        unread, output = os.pipe()
        self._resources.callback(os.close, unread)
        self._resources.callback(os.close, output)
        modules = self._preload.modules
        isolated = () if modules else ("-E", "-s", "-S")
        with other:
            self._process = subprocess.Popen(
                [self._preload.python, *isolated, MAIN, str(other.fileno()), folder, *modules],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,  # if a module cannot be imported, the server itself says why
                pass_fds=(other.fileno(),),
                cwd="/",
                env=dict(self._preload.environment) if modules else None,
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
        """End it. It has nothing to clean up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._end_unknown_child()
        self._process = self._socket = None
        self._resources.close()

    def _end_unknown_child(self) -> None:
        """End a supervisor whose pid came too late. It is a child of this process.

        If the fork server was killed between the fork and its response, that child ends by itself, as nobody holds its
        stdin. The kernel keeps its exit code until this process ends.
        """
        if self._socket is None:
            return
        with suppress(OSError, ValueError):
            if (pid := int(self._socket.recv(MAX_REPLY_BYTES))) > 0:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
