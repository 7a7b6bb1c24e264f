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

from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.server.app_event_decoder import decode_app_event, memory_bytes
from wsgi_gauntlet.harness.server.app_event_files import bind, send_error, write_key_file
from wsgi_gauntlet.harness.server.background_tasks import background_nursery

EVENTS_VARIABLE = "GAUNTLET_EVENTS"
"""The environment variable that tells the app the path of the datagram socket."""

CONTROL_VARIABLE = "GAUNTLET_CONTROL"
"""The environment variable that tells the app the path of the barriers' stream socket."""

MAX_DATAGRAM_BYTES = 1 << 18
"""Bytes read at once; Linux refuses to send more than net.core.wmem_default, 208 KiB on most machines."""

MEMORY_BUDGET_BYTES = 8 << 20
"""Bytes of memory, roughly, that the events of one attempt may take. The largest case takes a tenth of that."""

MAX_PROCESSES = 20_000
"""Processes whose numbering is remembered. A server that starts one for each request has a tenth of that."""

UNKNOWN_SEQUENCE = -1
"""The number that a process's next event has after some of its events were dropped uncounted."""

DATAGRAMS_PER_TURN = 64
"""Datagrams read before other tasks get their turn."""

MAX_DRAIN_ROUNDS = 32
"""Times that a queue is emptied in a row: a sender that never stops must not hold us for ever."""

FLOOD_PAUSE_SECONDS = 0.01
"""Seconds between two turns of reading once the budget is spent, so that a flood does not take our time from others."""

MAX_WAITING_BARRIERS = 64
"""Barriers held at once by one instance; the largest case has 48. Each takes a descriptor, of which many machines allow
1024. A server has up to six instances, and the other servers need some, too."""

MAX_BARRIERS = 4000
"""Barriers opened in one attempt."""


class AppEventChannel:
    """What one running server's app reports, and the barriers that it waits at.

    Made by `AppEventChannel.open`, or by `AppEventChannel.unobserved()` for a server that is not observed.
    """

    def __init__(self, environment: Mapping[str, str], events: socket.socket | None = None, key: bytes = b"") -> None:
        self.environment = dict(environment)
        self._socket = events
        self._key = key
        self._buffer = bytearray(MAX_DATAGRAM_BYTES)
        self._events: list[AppEvent] = []
        self._discarded = 0
        self._attempt_start = 0
        self._bytes_used = 0
        self._flooded = False
        self._waiting_count = 0
        self._barriers_opened = 0
        self._overloaded_at = -math.inf
        self._next_sequence: dict[int, int] = {}
        self._losses_by_position: dict[int, int] = {}
        self._arrived = trio.Event()
        self._waiting: dict[str, list[trio.Event]] = {}
        self._released: set[str] = set()
        self._released_prefixes: set[str] = set()
        self._inodes: dict[Path, int] = {}
        self._failure = ""
        self._out_of_descriptors_at = -math.inf

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[AppEventChannel]:
        """Open both sockets in `folder`, which must be private (0700), and serve them until the block ends.

        Raises InternalError where the folder's path is too long for a Unix socket or the sockets cannot be made.
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
            key_path = write_key_file(events_path, key)
            channel = cls({EVENTS_VARIABLE: str(events_path), CONTROL_VARIABLE: str(control_path)}, events, key)
            channel._inodes = {path: path.stat().st_ino for path in (events_path, control_path)}
            try:
                async with background_nursery() as nursery:
                    nursery.start_soon(channel._read)
                    nursery.start_soon(channel._serve_barriers, control, nursery)
                    yield channel
            finally:
                channel._socket = None
                for path in (events_path, control_path, key_path):
                    with contextlib.suppress(OSError):  # an app can have put anything in its place
                        path.unlink(missing_ok=True)

    @classmethod
    def unobserved(cls) -> AppEventChannel:
        """Return a channel for a server that is not observed: no environment, no events, ever."""
        return cls({})

    # ------------------------------------------------------------------ events

    def begin_attempt(self) -> int:
        """Begin an attempt: return the present moment, and give its events a budget of their own.

        Events from before the attempt that came before this one are forgotten.
        """
        mark = self.mark()
        if (outdated := self._attempt_start - self._discarded) > 0:
            del self._events[:outdated]
            self._discarded = self._attempt_start
            self._losses_by_position = {
                position: count
                for position, count in self._losses_by_position.items()
                if position >= self._attempt_start
            }
        self._losses_by_position.pop(mark, None)  # dropped before now, and no event has come since
        self._attempt_start = mark
        if self._flooded:  # what was dropped then must not show as a gap in this attempt
            self._next_sequence = dict.fromkeys(self._next_sequence, UNKNOWN_SEQUENCE)
        self._bytes_used, self._flooded, self._barriers_opened = 0, False, 0
        return mark

    def mark(self) -> int:
        """Return the present moment, for `since`, `wait` and `lost`."""
        self._drain()
        return self._discarded + len(self._events)

    def since(self, mark: int) -> list[AppEvent]:
        """Return the events that arrived after `mark`, in the order of the app's clock."""
        self._drain()
        return sorted(self._events[max(0, mark - self._discarded) :], key=lambda event: event.at)

    async def wait(self, mark: int, predicate: Callable[[AppEvent], object], count: int = 1) -> AppEvent:
        """Return the `count`-th event after `mark`, in order of arrival, of which `predicate` holds.

        Waits for ever: the caller sets the deadline.
        """
        position, found = mark, 0
        while True:
            arrived = self._arrived
            position = max(position, self._discarded)
            while position - self._discarded < len(self._events):
                event = self._events[position - self._discarded]
                position += 1
                if predicate(event):
                    found += 1
                    if found >= count:
                        await trio.lowlevel.checkpoint()
                        return event
            await arrived.wait()

    def lost_count(self, mark: int) -> int:
        """Return how many events are known lost, by gaps in a process's numbering that showed after `mark`."""
        return sum(count for position, count in self._losses_by_position.items() if position >= mark)

    @property
    def flooded(self) -> str:
        """Why events of this attempt were dropped on purpose, with what to do; '' where none were."""
        if not self._flooded:
            return ""
        return (
            f"the app reported more than {MEMORY_BUDGET_BYTES >> 20} MiB in one attempt, and the rest was dropped; "
            "look at its log"
        )

    def failure_message(self, since: float) -> str:
        """Return why the app's word may not reach us, with what to do; '' where nothing stands in its way.

        `since` is the CLOCK_MONOTONIC time from which on a barrier that we could not serve counts.
        """
        if missing := self._missing_socket():
            return f"the event channel is cut: somebody removed its socket {missing}; run the case again"
        if self._inodes and (why := send_error(next(iter(self._inodes)))):
            return f"the event channel is dead ({why}); run the case again"
        if self._flooded:
            return self.flooded
        if self._overloaded_at >= since:
            return (
                f"the app waited at too many barriers: {MAX_WAITING_BARRIERS} at once or {MAX_BARRIERS} in all are "
                "served"
            )
        if self._out_of_descriptors_at >= since:
            return "the event channel could take no barrier: no descriptors were left; raise `ulimit -n`"
        return self._failure

    @property
    def intact(self) -> bool:
        """Say whether both sockets are still where they were made."""
        return self._missing_socket() is None

    def _missing_socket(self) -> Path | None:
        for path, inode in self._inodes.items():
            try:
                same = path.stat().st_ino == inode
            except OSError:
                same = False
            if not same:
                return path
        return None

    async def read_pending(self) -> None:
        """Read every event that the app has already sent."""
        for _ in range(MAX_DRAIN_ROUNDS):
            if not self._drain():
                break
            await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()

    async def _read(self) -> None:
        while self._socket is not None and not self._failure:
            try:
                await trio.lowlevel.wait_readable(self._socket)
            except (OSError, ValueError, trio.ClosedResourceError) as error:
                self._failure = f"the event channel is dead ({error}); run the case again"
                return
            if self._drain() or self._flooded:
                await trio.sleep(FLOOD_PAUSE_SECONDS if self._flooded else 0)

    def _drain(self) -> bool:
        """Read what is queued, within bounds; say whether there may be more."""
        if self._socket is None or self._failure:
            return False
        read = 0
        while read < DATAGRAMS_PER_TURN:
            try:
                # What is not wanted is left to the kernel, which drops it without a copy.
                wanted = not self._flooded and self._socket.recv(len(self._key), socket.MSG_PEEK) == self._key
                size = self._socket.recv_into(self._buffer, MAX_DATAGRAM_BYTES if wanted else 1)
            except BlockingIOError:
                break
            except OSError as error:
                self._failure = f"the event channel is dead ({error}); run the case again"
                break
            read += 1
            if self._flooded:
                self._count_lost(1)
            elif wanted:
                self._accept(bytes(memoryview(self._buffer)[len(self._key) : size]))
        if read:
            self._arrived.set()
            self._arrived = trio.Event()
        return read == DATAGRAMS_PER_TURN

    def _accept(self, datagram: bytes) -> None:
        self._bytes_used += memory_bytes(datagram)
        if self._bytes_used > MEMORY_BUDGET_BYTES:
            self._flooded = True
            self._count_lost(1)
            return
        event = decode_app_event(datagram)
        if event is None or (event.pid not in self._next_sequence and len(self._next_sequence) >= MAX_PROCESSES):
            # It has our key and is cut short, or forged.
            self._count_lost(1)
            return
        expected = self._next_sequence.get(event.pid, 0)
        missing = event.sequence - expected
        self._next_sequence[event.pid] = event.sequence + 1
        if missing > 0 and expected != UNKNOWN_SEQUENCE:
            self._count_lost(missing)
        self._events.append(event)

    def _count_lost(self, count: int) -> None:
        position = self._discarded + len(self._events)
        self._losses_by_position[position] = self._losses_by_position.get(position, 0) + count

    # ------------------------------------------------------------------ barriers

    def release(self, name: str) -> None:
        """Let all that wait at the barrier `name` (`<token>:<name>`) go, and all that come to it later."""
        self._released.add(name)
        self._open_gates(lambda waiting: waiting == name)

    def release_all(self, token_prefix: str) -> None:
        """Let all go that wait, or come to wait, at a barrier whose name begins with `token_prefix`."""
        self._released_prefixes.add(token_prefix)
        self._open_gates(lambda waiting: waiting.startswith(token_prefix))

    def waiting(self, name: str) -> int:
        """Return how many wait at the barrier `name`."""
        return len(self._waiting.get(name, ()))

    def _open_gates(self, matches: Callable[[str], bool]) -> None:
        for name in [each for each in self._waiting if matches(each)]:
            for gate in self._waiting.pop(name):
                gate.set()

    def _is_open(self, name: str) -> bool:
        return name in self._released or any(name.startswith(prefix) for prefix in self._released_prefixes)

    async def _serve_barriers(self, control: socket.socket, nursery: trio.Nursery) -> None:
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(control.dup()))
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as trouble:
                    if trouble.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                        raise
                    # The app waits in the backlog, up to its own time-out.
                    self._out_of_descriptors_at = time.monotonic()
                    await trio.sleep(0.05)
                    continue
                self._barriers_opened += 1
                if self._waiting_count >= MAX_WAITING_BARRIERS or self._barriers_opened > MAX_BARRIERS:
                    self._overloaded_at = time.monotonic()
                    await trio.aclose_forcefully(stream)
                    await trio.sleep(FLOOD_PAUSE_SECONDS)
                    continue
                self._waiting_count += 1
                nursery.start_soon(self._serve_barrier, stream)

    async def _serve_barrier(self, stream: trio.SocketStream) -> None:
        try:
            async with stream:
                name = await _read_line(stream)
                if name is None:
                    return
                if not self._is_open(name):
                    gate = trio.Event()
                    self._waiting.setdefault(name, []).append(gate)
                    try:
                        await _wait_for_gate_or_disconnect(gate, stream)
                    finally:
                        self._remove_gate(name, gate)
                await stream.send_all(b".")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            # The app's process ended or gave the wait up.
            return
        finally:
            self._waiting_count -= 1

    def _remove_gate(self, name: str, gate: trio.Event) -> None:
        gates = self._waiting.get(name, [])
        if gate in gates:
            gates.remove(gate)
        if not gates:
            self._waiting.pop(name, None)


async def _read_line(stream: trio.SocketStream) -> str | None:
    # Far longer than any name that a case uses.
    line = b""
    while b"\n" not in line and len(line) < 4096:
        piece = await stream.receive_some(4096)
        if not piece:
            return None
        line += piece
    return line.partition(b"\n")[0].decode("utf-8", "replace")


async def _wait_for_gate_or_disconnect(gate: trio.Event, stream: trio.SocketStream) -> None:
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            # The app sends nothing more: whatever is read here is the end of its connection.
            await stream.receive_some(1)
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        await gate.wait()
        nursery.cancel_scope.cancel()
