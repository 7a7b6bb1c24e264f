"""The app's side channel: events out of the server's process, and barriers that hold the app in it.

The reference app sends each event as one JSON datagram to a Unix socket; it asks to be held at a barrier by connecting
to a second one, a stream, on which it sends `<token>:<name>` and a newline and waits for one byte. Both paths are
told to it by environment variables. The app never waits for the harness except at a barrier that its request asked for.

A Unix datagram socket queues few datagrams (net.unix.max_dgram_qlen, 10 on most machines), so the reader drains it
eagerly, and each process numbers its events so that a lost one shows.
"""

from __future__ import annotations

import errno
import math
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import trio

from .errors import HarnessTrouble
from .model import AppEvent
from .tasks import beside

EVENTS_VARIABLE = "GAUNTLET_EVENTS"
"""The environment variable that tells the app the path of the datagram socket."""

CONTROL_VARIABLE = "GAUNTLET_CONTROL"
"""The environment variable that tells the app the path of the barriers' stream socket."""

LONGEST_PATH = 107
"""Bytes that sockaddr_un holds on Linux, less the final NUL (unix(7))."""

LARGEST_DATAGRAM = 1 << 18
"""Bytes read at once; Linux refuses to send more than net.core.wmem_default, 208 KiB on most machines."""

MOST_EVENTS = 200_000
"""Events kept by one channel. A server that calls its app without end must not take the harness's memory with it."""

AT_A_TIME = 64
"""Datagrams read before other tasks get their turn."""


class Channel:
    """What one running server's app reports, and the barriers that it waits at.

    Made by `Channel.open`, or by `Channel.silent()` for a server that is not observed.
    """

    def __init__(self, environment: Mapping[str, str], events: socket.socket | None = None) -> None:
        self.environment = dict(environment)
        self._socket = events
        self._events: list[AppEvent] = []
        self._next_sequence: dict[int, int] = {}
        self._losses: list[tuple[int, int]] = []
        self._arrived = trio.Event()
        self._waiting: dict[str, list[trio.Event]] = {}
        self._released: set[str] = set()
        self._released_prefixes: set[str] = set()
        self._inodes: dict[Path, int] = {}
        self._dead = ""
        self._starved = -math.inf

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[Channel]:
        """Open both sockets in `folder`, which must be private (0700), and serve them until the block ends.

        Raises HarnessTrouble where the folder's path is too long for a Unix socket or the sockets cannot be made.
        """
        events_path, control_path = folder / "events", folder / "control"
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as events,
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control,
        ):
            for each, path in ((events, events_path), (control, control_path)):
                _bind(each, path)
                each.setblocking(False)
            control.listen(128)
            channel = cls({EVENTS_VARIABLE: str(events_path), CONTROL_VARIABLE: str(control_path)}, events)
            channel._inodes = {path: path.stat().st_ino for path in (events_path, control_path)}
            try:
                async with beside() as nursery:
                    nursery.start_soon(channel._read)
                    nursery.start_soon(channel._attend, control, nursery)
                    yield channel
            finally:
                channel._socket = None
                events_path.unlink(missing_ok=True)
                control_path.unlink(missing_ok=True)

    @classmethod
    def silent(cls) -> Channel:
        """Return a channel for a server that is not observed: no environment, no events, ever."""
        return cls({})

    # ------------------------------------------------------------------ events

    def mark(self) -> int:
        """Return the present moment, for `since`, `wait` and `lost`."""
        self._drain()
        return len(self._events)

    def since(self, mark: int) -> list[AppEvent]:
        """Return the events that arrived after `mark`, in the order of the app's clock."""
        self._drain()
        return sorted(self._events[mark:], key=lambda event: event.at)

    async def wait(self, mark: int, predicate: Callable[[AppEvent], object], count: int = 1) -> AppEvent:
        """Return the `count`-th event after `mark`, in order of arrival, of which `predicate` holds.

        Waits for ever: the caller sets the deadline.
        """
        position, found = mark, 0
        while True:
            arrived = self._arrived
            while position < len(self._events):
                event = self._events[position]
                position += 1
                if predicate(event):
                    found += 1
                    if found >= count:
                        await trio.lowlevel.checkpoint()
                        return event
            await arrived.wait()

    def lost(self, mark: int) -> int:
        """Return how many events are known lost, by gaps in a process's numbering that showed after `mark`."""
        return sum(count for position, count in self._losses if position >= mark)

    def broken(self, since: float) -> str:
        """Return why the app's word may not reach us, with what to do; '' where nothing stands in its way.

        `since` is the CLOCK_MONOTONIC time from which on a barrier that we could not serve counts.
        """
        for path, inode in self._inodes.items():
            try:
                same = path.stat().st_ino == inode
            except OSError:
                same = False
            if not same:
                return f"the event channel is cut: somebody removed its socket {path}; run the case again"
        if self._inodes and (refused := _refused(next(iter(self._inodes)))):
            return f"the event channel is dead ({refused}); run the case again"
        if self._starved >= since:
            return "the event channel could take no barrier: no descriptors were left; raise `ulimit -n`"
        return self._dead

    async def settle(self) -> None:
        """Read every event that the app has already sent."""
        while self._drain():
            await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()

    async def _read(self) -> None:
        while self._socket is not None and not self._dead:
            try:
                await trio.lowlevel.wait_readable(self._socket)
            except (OSError, ValueError, trio.ClosedResourceError) as gone:
                self._dead = f"the event channel is dead ({gone}); run the case again"
                return
            self._drain()

    def _drain(self) -> bool:
        if self._socket is None or self._dead:
            return False
        read = 0
        while read < AT_A_TIME:
            try:
                datagram = self._socket.recv(LARGEST_DATAGRAM)
            except BlockingIOError:
                break
            except OSError as gone:
                self._dead = f"the event channel is dead ({gone}); run the case again"
                break
            read += 1
            self._take(datagram)
        if read:
            self._arrived.set()
            self._arrived = trio.Event()
        return read == AT_A_TIME

    def _take(self, datagram: bytes) -> None:
        try:
            event = msgspec.json.decode(datagram, type=AppEvent)
        except msgspec.DecodeError:
            # Cut short or not ours; the gap in the numbering shows with the process's next event.
            return
        expected = self._next_sequence.get(event.pid, 0)
        self._next_sequence[event.pid] = event.sequence + 1
        missing = event.sequence - expected
        if len(self._events) >= MOST_EVENTS:
            self._losses.append((len(self._events), 1))
            return
        if missing > 0:
            self._losses.append((len(self._events), missing))
        self._events.append(event)

    # ------------------------------------------------------------------ barriers

    def release(self, name: str) -> None:
        """Let all that wait at the barrier `name` (`<token>:<name>`) go, and all that come to it later."""
        self._released.add(name)
        self._let_go(lambda waiting: waiting == name)

    def release_all(self, token_prefix: str) -> None:
        """Let all go that wait, or come to wait, at a barrier whose name begins with `token_prefix`."""
        self._released_prefixes.add(token_prefix)
        self._let_go(lambda waiting: waiting.startswith(token_prefix))

    def waiting(self, name: str) -> int:
        """Return how many wait at the barrier `name`."""
        return len(self._waiting.get(name, ()))

    def _let_go(self, matches: Callable[[str], bool]) -> None:
        for name in [each for each in self._waiting if matches(each)]:
            for gate in self._waiting.pop(name):
                gate.set()

    def _is_open(self, name: str) -> bool:
        return name in self._released or any(name.startswith(prefix) for prefix in self._released_prefixes)

    async def _attend(self, control: socket.socket, nursery: trio.Nursery) -> None:
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(control.dup()))
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as trouble:
                    if trouble.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                        raise
                    # The app waits in the backlog, up to its own time-out.
                    self._starved = time.monotonic()
                    await trio.sleep(0.05)
                    continue
                nursery.start_soon(self._hold, stream)

    async def _hold(self, stream: trio.SocketStream) -> None:
        try:
            async with stream:
                name = await _line(stream)
                if name is None:
                    return
                if not self._is_open(name):
                    gate = trio.Event()
                    self._waiting.setdefault(name, []).append(gate)
                    try:
                        await _until_set_or_gone(gate, stream)
                    finally:
                        self._forget(name, gate)
                await stream.send_all(b".")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            # The app's process ended or gave the wait up.
            return

    def _forget(self, name: str, gate: trio.Event) -> None:
        gates = self._waiting.get(name, [])
        if gate in gates:
            gates.remove(gate)
        if not gates:
            self._waiting.pop(name, None)


def _refused(path: Path) -> str:
    """Return why a datagram of our own does not get to `path`; '' where it does, or where its queue is just full."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            probe.sendto(b"?", str(path))
    except BlockingIOError:
        return ""
    except OSError as trouble:
        return trouble.strerror or str(trouble)
    return ""


async def _line(stream: trio.SocketStream) -> str | None:
    # Far longer than any name that a case uses.
    line = b""
    while b"\n" not in line and len(line) < 4096:
        piece = await stream.receive_some(4096)
        if not piece:
            return None
        line += piece
    return line.partition(b"\n")[0].decode("utf-8", "replace")


async def _until_set_or_gone(gate: trio.Event, stream: trio.SocketStream) -> None:
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            # The app sends nothing more: whatever is read here is the end of its connection.
            await stream.receive_some(1)
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        await gate.wait()
        nursery.cancel_scope.cancel()


def _bind(each: socket.socket, path: Path) -> None:
    if len(str(path).encode()) > LONGEST_PATH:
        raise HarnessTrouble(
            f"the folder {path.parent} has too long a path for a Unix socket ({LONGEST_PATH} bytes); "
            "set TMPDIR to a shorter one"
        )
    try:
        each.bind(str(path))
    except OSError as trouble:
        raise HarnessTrouble(f"cannot open the socket {path}: {trouble.strerror}; is its folder writable?") from trouble
