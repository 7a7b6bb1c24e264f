"""A process between the harness and one server, so that nothing of the server outlives either of them.

It runs as a script, with the standard library alone: `python -I -S supervisor.py`. It leads its own session, so Ctrl-C
at the terminal does not reach the server. It is a child subreaper, so all processes that the server forks or abandons
stay below it and can be found and ended.

The harness writes JSON lines to its stdin and reads JSON lines from its stdout.

    in   first the request:  {"argv", "environment", "folder", "log", "keep", "parent", "remove", "prune", "user",
                           "fork"}
         then commands:   {"do": "signal", "number": 1}
                          {"do": "stop", "number": 15, "grace": 1.0}      seconds until SIGKILL
                          {"do": "leave"}                                 do not delete the folders
    out  {"started": pid, "supervisor": pid} or {"failed": "why"}
         {"exited": {"code": 3, "signal": null}}                          everything below has ended by then

An end of file on stdin, or another parent than `parent`, means that the harness has ended. Then everything is killed at
once, the folder `remove` is deleted, and the folder `prune` too if it is empty then.

The server may be hostile: it is a child of the supervisor and has the same user. So the supervisor ignores signals and
invalid lines, and a second process, the guard, stands above it. If one of the two is killed, the other one ends
everything below. Neither deletes a folder while the harness lives.

    harness ── guard ── supervisor ── server ── its processes
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import subprocess
import time

TYPE_CHECKING = False  # each start of a server waits for these imports, so they are few
if TYPE_CHECKING:
    from pathlib import Path
    from typing import TypedDict

    class LaunchRequest(TypedDict):
        """The first line from the harness."""

        argv: list[str]
        environment: dict[str, str]
        folder: str
        log: str
        keep: int
        parent: int
        remove: str
        prune: str
        user: list[int] | None
        fork: bool

    class ControlCommand(TypedDict, total=False):
        """A later line from the harness."""

        do: str
        number: int
        grace: float


PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h

LIVENESS_INTERVAL = 1.0
"""Seconds between checks whether the harness lives, in case another process keeps the pipe open."""

MAX_KILL_ROUNDS = 1000
"""Rounds of killing at most, 5 ms apart. A fork bomb ends long before; a process in state D does not end."""

IGNORED_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
"""Signals that the supervisor ignores: a server can send them to its parent. The server starts with their defaults."""

READ_BYTES = 1 << 16

MAX_COMMAND_BYTES = 1 << 16
"""Bytes of one command; the harness's commands have fewer than a hundred."""

MAX_FOLDER_DEPTH = 20
"""Levels of folders that are deleted in place; each needs a descriptor."""

MAX_FOLDERS = 1_000_000
"""Folders after which deep folders are not moved up any more: a process may make new ones all the time."""

RESOURCE_TRACKER = b"multiprocessing.resource_tracker"
"""Text in the command line of the process that removes the semaphores of a Python server after its end."""

TRACKER_EXIT_TIMEOUT = 3.0
"""Seconds for that process to end; on an idle machine it needs milliseconds."""


class Log:
    """The server's output: the first `keep` bytes stay; the rest is read and dropped, so the server never blocks."""

    def __init__(self, path: str, keep: int) -> None:
        self._keep = keep
        self._left = 0
        # A server that ran earlier can have put anything in its place; opening it must not block.
        how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        with contextlib.suppress(OSError):
            self._file = os.open(path, how, 0o600)
            self._left = max(0, keep - os.fstat(self._file).st_size)

    def write(self, data: bytes) -> None:
        """Append `data` up to the limit, and a note at the limit."""
        if self._left <= 0:
            return
        note = f"\n[the log ends here: it grew beyond {self._keep} bytes]\n" if len(data) >= self._left else ""
        piece = data[: self._left] + note.encode()
        self._left -= len(data)
        try:
            os.write(self._file, piece)
        except OSError:  # a full disk must not take the server down
            self._left = 0


class Supervisor:
    """One server from its start to the end of its last process."""

    def __init__(self, launch_request: LaunchRequest, rest: bytes) -> None:
        self._launch_request = launch_request
        self._commands = b""
        self._log = Log(launch_request["log"], launch_request["keep"])
        self._selector = selectors.DefaultSelector()
        self._deadline: float | None = None
        self._orphaned = False
        self._status: int | None = None
        self._initial_data = rest
        self._guard = os.getppid()
        self._server = 0

    def run(self, *, fork: bool) -> bool:
        """Start the server, obey the harness's commands, and return when no process is left below.

        With `fork` the server is a fork of this process. In that one, return true at once.
        """
        wakeup_read, wakeup_write = os.pipe()
        for descriptor in (wakeup_read, wakeup_write, 0):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        output, input_ = os.pipe()
        os.set_blocking(output, False)
        try:
            self._server = self._fork(input_) if fork else self._start(input_)
        except (OSError, subprocess.SubprocessError) as error:
            report({"failed": str(error)})
            return False
        finally:
            os.close(input_)
        if not self._server:
            self._selector.close()
            return True
        report({"started": self._server, "supervisor": os.getpid()})
        self._selector.register(0, selectors.EVENT_READ)
        self._selector.register(wakeup_read, selectors.EVENT_READ)
        self._selector.register(output, selectors.EVENT_READ)
        try:
            self._feed(self._initial_data)
            self._serve_until_exit(wakeup_read, output)
        finally:
            wait_statuses = kill_descendants()
            self._drain(output)
            if self._orphaned:
                remove(self._launch_request["remove"], self._launch_request["prune"])
        self._report_end(wait_statuses)
        return False

    def _fork(self, output: int) -> int:
        """Return the pid of a fork that is to become the server; in the fork return 0."""
        own = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED_SIGNALS)  # until the fork no longer ignores them
        if pid := os.fork():
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            return pid
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            null = os.open(os.devnull, os.O_RDWR)
            for target, each in enumerate((null, output, output)):
                os.dup2(each, target)
            os.close(null)
            prepare_server(own)
            # What Python does at its start, before any module is imported.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
        except OSError:
            os._exit(1)
        return 0

    def _start(self, output: int) -> int:
        """Start the command, and return its pid."""
        own = os.getpid()

        def prepare() -> None:
            prepare_server(own)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())

        uid, gid = self._launch_request.get("user") or (None, None)
        if uid is not None and gid is not None:
            os.fchown(output, uid, gid)  # servers open /dev/stderr again, which only the pipe's owner may

        process = subprocess.Popen(
            self._launch_request["argv"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=self._launch_request["folder"],
            env=self._launch_request["environment"],
            start_new_session=True,
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
            preexec_fn=prepare,  # safe: this process has one thread
        )
        process.returncode = 0  # Popen must not wait for it
        return process.pid

    def _serve_until_exit(self, wakeup_read: int, output: int) -> None:
        while not self._reap_ended() and not self._orphaned:
            if os.getppid() != self._guard:
                return  # the end of the pipe shows whether the harness lives
            if parent_of(self._guard) != self._launch_request["parent"]:
                self._orphaned = True
                return
            wait = LIVENESS_INTERVAL
            if self._deadline is not None:
                wait = self._deadline - time.monotonic()
                if wait <= 0:
                    return
            for key, _ in self._selector.select(min(wait, LIVENESS_INTERVAL)):
                if key.fd == output:
                    self._read_output(output)
                elif key.fd == wakeup_read:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wakeup_read, READ_BYTES)
                else:
                    self._read_commands()

    def _reap_ended(self) -> bool:
        """Reap all ended children, also adopted ones; return whether the server is one of them."""
        while self._status is None:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid == self._server:
                self._status = status
        return self._status is not None

    def _read_output(self, output: int) -> bool:
        try:
            data = os.read(output, READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._log.write(data)
        else:
            self._selector.unregister(output)
        return bool(data)

    def _drain(self, output: int) -> None:
        """Read the output that ended processes left in the pipe."""
        if output in self._selector.get_map():
            while self._read_output(output):
                pass

    def _read_commands(self) -> None:
        try:
            data = os.read(0, READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._orphaned = True
            return
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        *lines, self._commands = (self._commands + data).split(b"\n")
        self._commands = self._commands[:MAX_COMMAND_BYTES]
        for line in lines:
            # The server can find this pipe and write anything to it.
            with contextlib.suppress(ValueError, TypeError, KeyError, OverflowError, RecursionError, OSError):
                self._execute(json.loads(line))

    def _execute(self, command: ControlCommand) -> None:
        if command["do"] == "leave":
            self._launch_request["remove"] = self._launch_request["prune"] = ""
            return
        if command["do"] == "stop":
            self._deadline = time.monotonic() + command["grace"]
            if not command["grace"]:
                return  # it is killed, and shall not begin with anything before
        if self._status is None:
            os.kill(self._server, command["number"])

    def _report_end(self, wait_statuses: dict[int, int]) -> None:
        status = self._status if self._status is not None else wait_statuses.get(self._server, int(signal.SIGKILL))
        report(
            {
                "exited": {
                    "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
                    "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
                }
            }
        )


def prepare_server(supervisor: int) -> None:
    """Prepare a child of the process `supervisor` to be the server."""
    # If the supervisor is killed, the kernel kills the server too; its workers watch their own parent.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in IGNORED_SIGNALS:  # a shell's `&` hands down an ignored SIGINT, too
        signal.signal(number, signal.SIG_DFL)


def kill_descendants() -> dict[int, int]:
    """Kill and reap every descendant of this process until there is none; return their wait statuses by pid.

    Resource trackers end by themselves after all other processes.
    """
    wait_statuses: dict[int, int] = {}
    tracker_deadline = time.monotonic() + TRACKER_EXIT_TIMEOUT
    for _ in range(MAX_KILL_ROUNDS):
        # This process is a subreaper: without a child it has no descendant, and the kernel says so without a search.
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                wait_statuses[ended[0]] = ended[1]
        except ChildProcessError:
            break
        for pid in descendants(os.getpid()):
            if time.monotonic() >= tracker_deadline or not _is_resource_tracker(pid):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    return wait_statuses


def _is_resource_tracker(pid: int) -> bool:
    try:
        return RESOURCE_TRACKER in _read_of_process(pid, "cmdline")
    except OSError:
        return False


def parent_of(pid: int) -> int:
    """Return the parent of `pid`, 0 if there is no such process."""
    try:
        stat = _read_of_process(pid, "stat")
        # The name of the command stands in parentheses and may contain any byte; the parent is the second field after.
        return int(stat.rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def _read_of_process(pid: int, name: str) -> bytes:
    with open(f"/proc/{pid}/{name}", "rb") as file:  # noqa: PTH123 - loading pathlib takes a fifth of a start
        return file.read()


def descendants(root: int) -> list[int]:
    """Return the pids of all processes below `root`, zombies included, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - it takes a tenth of the time, and runs at every end
        if entry.isdigit():
            children.setdefault(parent_of(int(entry)), []).append(int(entry))
    found = list(children.get(root, ()))
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def remove(folder: str, prune: str) -> None:
    """Delete `folder`, and `prune` if it is empty then; the harness has ended and cannot do it."""
    from pathlib import Path

    if folder:
        clear(Path(folder))
    if prune:
        with contextlib.suppress(OSError):
            Path(prune).rmdir()


def clear(folder: Path) -> None:
    """Delete `folder` and its contents as far as possible, whatever a server did to it. Links are not followed."""
    if folder.is_symlink() or not folder.is_dir():
        with contextlib.suppress(OSError):
            folder.unlink(missing_ok=True)
        return
    import shutil

    # A server can have removed its own permissions. It can have made folders deeper than Python's stack, the longest
    # path or the number of descriptors allows: deep folders are moved up first.
    found = [(folder, 0)]
    for each, depth in found:
        with contextlib.suppress(OSError):
            each.chmod(0o700)
            for inner in [each / entry.name for entry in os.scandir(each) if entry.is_dir(follow_symlinks=False)]:
                if depth < MAX_FOLDER_DEPTH:
                    found.append((inner, depth + 1))
                elif len(found) < MAX_FOLDERS:
                    inner.chmod(0o700)
                    found.append((inner.rename(folder / os.urandom(8).hex()), 1))
    with contextlib.suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)


def report(message: dict[str, object]) -> None:
    """Send `message` to the harness, if it still lives."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")


def guard(supervisor: int, parent: int, launch_request: LaunchRequest) -> None:
    """Wait for the end of the process `supervisor`, then end everything below."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while os.waitpid(supervisor, os.WNOHANG)[0] == 0:
        if os.getppid() != parent:
            # The supervisor notices this too, unless it was stopped.
            time.sleep(LIVENESS_INTERVAL)
            kill_descendants()
            remove(launch_request["remove"], launch_request["prune"])
            return
        signal.sigtimedwait({signal.SIGCHLD}, LIVENESS_INTERVAL)
    kill_descendants()


def main(*, fork: bool = False) -> LaunchRequest | None:
    """Read the request from stdin and carry it out. With `fork`, return the request in the fork that is the server."""
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(PermissionError):  # already the leader of its session
        os.setsid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    data = b""
    while b"\n" not in data:
        piece = os.read(0, READ_BYTES)
        if not piece:
            return None
        data += piece
    line, _, rest = data.partition(b"\n")
    launch_request: LaunchRequest = json.loads(line)
    parent = os.getppid()
    if supervisor := os.fork():
        guard(supervisor, parent, launch_request)
    else:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # a fork does not inherit it
        if Supervisor(launch_request, rest).run(fork=fork and launch_request.get("fork", False)):
            return launch_request
    return None


if __name__ == "__main__":
    main()
