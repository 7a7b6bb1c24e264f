"""Why what was seen in an attempt may not count against the server: what the harness, its machine or somebody else did.

Each answer is a sentence that says what was wrong and what to do; the attempt then comes to `error`. It is looked for
when a server is about to be blamed, or a case passed over; whether the harness stood still also where a case passes,
because what came late may then have been taken for what came at once.
"""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import trio

from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.server.instance import ServerInstance
from wsgi_gauntlet.harness.server.process.procfs import stopped_pids
from wsgi_gauntlet.harness.server.temp_dirs import require_descriptors

WATCHDOG_INTERVAL_SECONDS = 0.1
"""Seconds between two beats of a pulse."""

STALL_LIMIT_SECONDS = 0.5
"""Seconds without a beat from which on what rests on time proves nothing: the shortest patience that blames a server is
twice as long."""

DISK_PROBE_BYTES = 4096
"""Bytes that must find room wherever a server or its log writes: one block of most file systems."""


class EventLoopWatchdog:
    """Tells how long the harness's own loop stood still: starved of processor time, stopped, or asleep."""

    def __init__(self) -> None:
        self._longest_stall = 0.0
        self._last = time.monotonic()

    @property
    def longest_stall(self) -> float:
        """The longest time without a beat that was due, in seconds, until now."""
        return max(self._longest_stall, time.monotonic() - self._last - WATCHDOG_INTERVAL_SECONDS)

    async def watch(self) -> None:
        """Beat until cancelled."""
        while True:
            await trio.sleep(WATCHDOG_INTERVAL_SECONDS)
            self._longest_stall, self._last = self.longest_stall, time.monotonic()


def stall_message(watchdog: EventLoopWatchdog, *, closed_late: bool) -> str:
    """Return that the harness stood still, and what to do; '' where it did not.

    `late` says that it saw a connection's end later than it meant to wait: many short stops come to that.
    """
    if closed_late:
        return (
            "the harness saw a connection's end later than it meant to wait for it, and cannot tell whether it came "
            "at once; run the case again on a quieter machine"
        )
    if watchdog.longest_stall < STALL_LIMIT_SECONDS:
        return ""
    return (
        f"the harness itself stood still for {watchdog.longest_stall:.1f} s, so times and time-outs prove nothing; "
        "run the case again on a quieter machine"
    )


def invalid_reason(server: ServerInstance, since: float) -> str:
    """Return why the attempt made with `server` since then (CLOCK_MONOTONIC) proves nothing; '' where it stands."""
    return next(filter(None, _invalid_reasons(server, since)), "")


def _invalid_reasons(server: ServerInstance, since: float) -> Iterator[str]:
    if pids := stopped_pids(server.processes()):
        pid_list = " ".join(map(str, pids))
        yield f"somebody stopped the server's process {pid_list} (SIGSTOP); `kill -CONT {pid_list}` lets it go on"
    yield server.channel.failure_message(since)
    try:
        require_descriptors()
    except OutOfResources as trouble:
        yield str(trouble)
    for folder in server.folders:
        yield _disk_full_message(folder)


def _disk_full_message(folder: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            os.write(probe.fileno(), b"\0" * DISK_PROBE_BYTES)
    except OSError as trouble:
        if trouble.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS):
            return (
                f"nothing can be written to {folder} ({trouble.strerror}), by the server neither; free some room there"
            )
    return ""
