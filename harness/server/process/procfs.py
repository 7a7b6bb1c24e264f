"""The processes below a supervisor, and the processes that listen on a port."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Collection
from pathlib import Path

from wsgi_gauntlet.harness.server.process import supervisor as below

SIGSTOP_BIT = 1 << (signal.SIGSTOP - 1)
"""SIGSTOP in the masks of /proc/PID/status, proc(5)."""

STAT_BYTES = 4096
"""Bytes of /proc/PID/stat that are read, more than it can have: 50 numbers and a name (proc_pid_stat(5))."""

TCP_LISTEN = "0A"
"""TCP_LISTEN as /proc/net/tcp writes it, include/net/tcp_states.h."""


def descendant_pids(supervisor: int) -> list[int]:
    """Return the pids below `supervisor`, parents before children; zombies are left out."""
    return [pid for pid in _descendants(supervisor) if exists(pid)]


def _descendants(root: int) -> list[int]:
    # The supervisor scans all of /proc, which is certain and takes 40 ms with a thousand processes. It needs certainty
    # at the end. Here the kernel returns the children alone (CONFIG_PROC_CHILDREN of proc(5)).
    if not Path(f"/proc/{root}/task/{root}/children").exists():
        return below.descendants(root)
    found = _children(root)
    for pid in found:
        found.extend(_children(pid))
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - names alone are wanted
            with contextlib.suppress(OSError):
                found.extend(map(int, Path(f"/proc/{pid}/task/{thread}/children").read_bytes().split()))
    return found


def exists(pid: int) -> bool:
    """Return whether `pid` is a process that has not ended."""
    return _state(pid) not in ("Z", "X", "")


def stopped_pids(pids: list[int]) -> list[int]:
    """Return those of `pids` that are stopped by SIGSTOP or a debugger (states T and t of proc(5)), or about to be."""
    # A process stops when it is next given a processor. Asked in this order, it cannot stop unseen in between.
    return [pid for pid in pids if _sigstop_is_pending(pid) or _state(pid) in ("T", "t")]


def _sigstop_is_pending(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/status", encoding="latin-1") as file:  # noqa: PTH123 - a path takes twice the time
            masks = [int(line.split()[1], 16) for line in file if line.startswith(("SigPnd:", "ShdPnd:"))]
    except (OSError, IndexError, ValueError):
        return False
    return any(mask & SIGSTOP_BIT for mask in masks)


def kill(pid: int, among: Callable[[], Collection[int]]) -> bool:
    """Send SIGKILL to `pid` if it is still one of `among()`; return whether it was."""
    return send_signal(pid, signal.SIGKILL, among)


def send_signal(pid: int, number: signal.Signals, among: Callable[[], Collection[int]]) -> bool:
    """Send the signal `number` to `pid` if it is still one of `among()`; return whether it was."""
    if pid <= 1:
        return False
    try:
        # The descriptor keeps naming this process, even if its pid is used again.
        pidfd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if pid not in among():
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, number)
        return True
    finally:
        os.close(pidfd)


def _state(pid: int) -> str:
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)  # a Python file takes twice the time
    except OSError:
        return ""
    try:
        return os.read(file, STAT_BYTES).rpartition(b")")[2].split()[0].decode("latin-1")
    except (OSError, IndexError):
        return ""
    finally:
        os.close(file)


def cpu_seconds(pids: list[int]) -> float:
    """Return the processor time that `pids` have used so far: seconds, in clock ticks of usually 10 ms."""
    used = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = Path("/proc", str(pid), "stat").read_text(encoding="latin-1").rpartition(")")[2].split()
            used += int(fields[11]) + int(fields[12])  # utime and stime, proc_pid_stat(5)
    return used / os.sysconf("SC_CLK_TCK")


def owns_port(pids: list[int], port: int) -> bool:
    """Return whether one of `pids` has a TCP socket that listens on `port`."""
    wanted = {f"socket:[{inode}]" for inode in listening_inodes(port)}
    return bool(wanted) and any(wanted & _open_file_targets(pid) for pid in pids)


def listening_inodes(port: int) -> set[int]:
    """Return the inodes of all sockets that listen on TCP `port`, IPv4 and IPv6."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == TCP_LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(int(fields[9]))
    return inodes


def _open_file_targets(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for entry in Path("/proc", str(pid), "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(entry.readlink()))
    return found
