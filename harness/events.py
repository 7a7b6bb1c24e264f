"""The app's side channel: events out of the server's process, and barriers that hold the app in it.

The reference app sends each event as one JSON datagram to a Unix socket; it asks to be held at a barrier by connecting
to a second one, a stream, on which it sends `<token>:<name>` and a newline and waits for one byte. Both paths are
told to it by environment variables. The app never waits for the harness except at a barrier that its request asked for.

A Unix datagram socket queues few datagrams (net.unix.max_dgram_qlen, 10 on most machines), so the reader drains it
eagerly, and each process numbers its events so that a lost one shows.

Whatever comes here may be forged. A file beside the socket holds a key, with which the app begins each datagram: what
lacks it is a stranger's and is dropped. Code in the server's own process can read the key and forge all the same. So
form, depth, amount and rate are bounded; what goes beyond them counts as lost, and then there is no verdict.
"""

from __future__ import annotations

import contextlib
import errno
import math
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from .channelfiles import bind, lay_key, refused
from .model import AppEvent
from .reported import event_in, weight
from .tasks import beside

EVENTS_VARIABLE = "GAUNTLET_EVENTS"
"""The environment variable that tells the app the path of the datagram socket."""

CONTROL_VARIABLE = "GAUNTLET_CONTROL"
"""The environment variable that tells the app the path of the barriers' stream socket."""

LARGEST_DATAGRAM = 1 << 18
"""Bytes read at once; Linux refuses to send more than net.core.wmem_default, 208 KiB on most machines."""

BUDGET = 8 << 20
"""Bytes of memory, roughly, that the events of one attempt may take. The largest case takes a tenth of that."""

MOST_PROCESSES = 20_000
"""Processes whose numbering is remembered. A server that starts one for each request has a tenth of that."""

UNKNOWN = -1
"""The number that a process's next event has after some of its events were dropped uncounted."""

AT_A_TIME = 64
"""Datagrams read before other tasks get their turn."""

SETTLING = 32
"""Times that a queue is emptied in a row: a sender that never stops must not hold us for ever."""

RESPITE = 0.01
"""Seconds between two turns of reading once the budget is spent, so that a flood does not take our time from others."""

MOST_HELD = 64
"""Barriers held at once by one instance; the largest case has 48. Each takes a descriptor, of which many machines allow
1024. A server has up to six instances, and the other servers need some, too."""

MOST_BARRIERS = 4000
"""Barriers opened in one attempt."""


class Channel:
    """What one running server's app reports, and the barriers that it waits at.

    Made by `Channel.open`, or by `Channel.silent()` for a server that is not observed.
    """

    def __init__(self, environment: Mapping[str, str], events: socket.socket | None = None, key: bytes = b"") -> None:
        self.environment = dict(environment)
        self._socket = events
        self._key = key
        self._buffer = bytearray(LARGEST_DATAGRAM)
        self._events: list[AppEvent] = []
        self._forgotten = 0
        self._begun = 0
        self._spent = 0
        self._flooded = False
        self._held = 0
        self._opened = 0
        self._crowded = -math.inf
        self._next_sequence: dict[int, int] = {}
        self._losses: dict[int, int] = {}
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
                bind(each, path)
                each.setblocking(False)
            control.listen(128)
            key = secrets.token_hex(16).encode()
            key_path = lay_key(events_path, key)
            channel = cls({EVENTS_VARIABLE: str(events_path), CONTROL_VARIABLE: str(control_path)}, events, key)
            channel._inodes = {path: path.stat().st_ino for path in (events_path, control_path)}
            try:
                async with beside() as nursery:
                    nursery.start_soon(channel._read)
                    nursery.start_soon(channel._attend, control, nursery)
                    yield channel
            finally:
                channel._socket = None
                for path in (events_path, control_path, key_path):
                    with contextlib.suppress(OSError):  # an app can have put anything in its place
                        path.unlink(missing_ok=True)

    @classmethod
    def silent(cls) -> Channel:
        """Return a channel for a server that is not observed: no environment, no events, ever."""
        return cls({})

    # ------------------------------------------------------------------ events

    def begin(self) -> int:
        """Begin an attempt: return the present moment, and give its events a budget of their own.

        Events from before the attempt that came before this one are forgotten.
        """
        mark = self.mark()
        if (outdated := self._begun - self._forgotten) > 0:
            del self._events[:outdated]
            self._forgotten = self._begun
            self._losses = {position: count for position, count in self._losses.items() if position >= self._begun}
        self._losses.pop(mark, None)  # dropped before now, and no event has come since
        self._begun = mark
        if self._flooded:  # what was dropped then must not show as a gap in this attempt
            self._next_sequence = dict.fromkeys(self._next_sequence, UNKNOWN)
        self._spent, self._flooded, self._opened = 0, False, 0
        return mark

    def mark(self) -> int:
        """Return the present moment, for `since`, `wait` and `lost`."""
        self._drain()
        return self._forgotten + len(self._events)

    def since(self, mark: int) -> list[AppEvent]:
        """Return the events that arrived after `mark`, in the order of the app's clock."""
        self._drain()
        return sorted(self._events[max(0, mark - self._forgotten) :], key=lambda event: event.at)

    async def wait(self, mark: int, predicate: Callable[[AppEvent], object], count: int = 1) -> AppEvent:
        """Return the `count`-th event after `mark`, in order of arrival, of which `predicate` holds.

        Waits for ever: the caller sets the deadline.
        """
        position, found = mark, 0
        while True:
            arrived = self._arrived
            position = max(position, self._forgotten)
            while position - self._forgotten < len(self._events):
                event = self._events[position - self._forgotten]
                position += 1
                if predicate(event):
                    found += 1
                    if found >= count:
                        await trio.lowlevel.checkpoint()
                        return event
            await arrived.wait()

    def lost(self, mark: int) -> int:
        """Return how many events are known lost, by gaps in a process's numbering that showed after `mark`."""
        return sum(count for position, count in self._losses.items() if position >= mark)

    @property
    def flooded(self) -> str:
        """Why events of this attempt were dropped on purpose, with what to do; '' where none were."""
        if not self._flooded:
            return ""
        return (
            f"the app reported more than {BUDGET >> 20} MiB in one attempt, and the rest was dropped; look at its log"
        )

    def broken(self, since: float) -> str:
        """Return why the app's word may not reach us, with what to do; '' where nothing stands in its way.

        `since` is the CLOCK_MONOTONIC time from which on a barrier that we could not serve counts.
        """
        if cut := self._cut():
            return f"the event channel is cut: somebody removed its socket {cut}; run the case again"
        if self._inodes and (why := refused(next(iter(self._inodes)))):
            return f"the event channel is dead ({why}); run the case again"
        if self._flooded:
            return self.flooded
        if self._crowded >= since:
            return f"the app waited at too many barriers: {MOST_HELD} at once or {MOST_BARRIERS} in all are served"
        if self._starved >= since:
            return "the event channel could take no barrier: no descriptors were left; raise `ulimit -n`"
        return self._dead

    @property
    def intact(self) -> bool:
        """Say whether both sockets are still where they were made."""
        return self._cut() is None

    def _cut(self) -> Path | None:
        for path, inode in self._inodes.items():
            try:
                same = path.stat().st_ino == inode
            except OSError:
                same = False
            if not same:
                return path
        return None

    async def settle(self) -> None:
        """Read every event that the app has already sent."""
        for _ in range(SETTLING):
            if not self._drain():
                break
            await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()

    async def _read(self) -> None:
        while self._socket is not None and not self._dead:
            try:
                await trio.lowlevel.wait_readable(self._socket)
            except (OSError, ValueError, trio.ClosedResourceError) as gone:
                self._dead = f"the event channel is dead ({gone}); run the case again"
                return
            if self._drain() or self._flooded:
                await trio.sleep(RESPITE if self._flooded else 0)

    def _drain(self) -> bool:
        """Read what is queued, within bounds; say whether there may be more."""
        if self._socket is None or self._dead:
            return False
        read = 0
        while read < AT_A_TIME:
            try:
                # What is not wanted is left to the kernel, which drops it without a copy.
                wanted = not self._flooded and self._socket.recv(len(self._key), socket.MSG_PEEK) == self._key
                size = self._socket.recv_into(self._buffer, LARGEST_DATAGRAM if wanted else 1)
            except BlockingIOError:
                break
            except OSError as gone:
                self._dead = f"the event channel is dead ({gone}); run the case again"
                break
            read += 1
            if self._flooded:
                self._lose(1)
            elif wanted:
                self._take(bytes(memoryview(self._buffer)[len(self._key) : size]))
        if read:
            self._arrived.set()
            self._arrived = trio.Event()
        return read == AT_A_TIME

    def _take(self, datagram: bytes) -> None:
        self._spent += weight(datagram)
        if self._spent > BUDGET:
            self._flooded = True
            self._lose(1)
            return
        event = event_in(datagram)
        if event is None or (event.pid not in self._next_sequence and len(self._next_sequence) >= MOST_PROCESSES):
            # It has our key and is cut short, or forged.
            self._lose(1)
            return
        expected = self._next_sequence.get(event.pid, 0)
        missing = event.sequence - expected
        self._next_sequence[event.pid] = event.sequence + 1
        if missing > 0 and expected != UNKNOWN:
            self._lose(missing)
        self._events.append(event)

    def _lose(self, count: int) -> None:
        position = self._forgotten + len(self._events)
        self._losses[position] = self._losses.get(position, 0) + count

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
                self._opened += 1
                if self._held >= MOST_HELD or self._opened > MOST_BARRIERS:
                    self._crowded = time.monotonic()
                    await trio.aclose_forcefully(stream)
                    await trio.sleep(RESPITE)
                    continue
                self._held += 1
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
        finally:
            self._held -= 1

    def _forget(self, name: str, gate: trio.Event) -> None:
        gates = self._waiting.get(name, [])
        if gate in gates:
            gates.remove(gate)
        if not gates:
            self._waiting.pop(name, None)


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
