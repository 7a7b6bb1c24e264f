"""The event channel: app events from the server's process, and barriers that hold the test app.

The test app sends each event as one JSON datagram to a Unix socket. To wait at a barrier it connects to a second one, a
stream: it sends `<token>:<name>` and a newline, and waits for one byte. Environment variables name both paths. The app
waits for the harness only at a barrier that its request asked for.

A Unix datagram socket queues few datagrams (net.unix.max_dgram_qlen, 10 on most machines). So the channel reads
eagerly, and each process numbers its events, so that a lost one is noticed.

Everything that arrives may be forged. A file beside the socket holds a key that starts each datagram; a datagram
without it is dropped. Code in the server's own process can read the key. So form, depth, amount and rate are limited.
Events beyond a limit count as lost, and then there is no verdict.
"""

from __future__ import annotations

import contextlib
import math
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import trio

from wsgi_gauntlet.harness.errors import InternalError
from wsgi_gauntlet.harness.limits import EXHAUSTION_ERRNOS
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.server.background_tasks import background_nursery

EVENTS_VARIABLE = "WSGI_GAUNTLET_EVENTS"
"""The environment variable with the path of the datagram socket."""

CONTROL_VARIABLE = "WSGI_GAUNTLET_CONTROL"
"""The environment variable with the path of the stream socket of the barriers."""

MAX_SOCKET_PATH_BYTES = 107
"""Bytes of a path in sockaddr_un on Linux, without the final NUL (unix(7))."""

KEY_SUFFIX = ".key"
"""The key's file is named like the socket with this suffix (suites/testapp/core/event_channel.py uses it too)."""

MAX_DATAGRAM_BYTES = 1 << 18
"""Bytes of one read. Linux refuses to send more than net.core.wmem_default, 208 KiB on most machines."""

MEMORY_BUDGET_BYTES = 8 << 20
"""Approximate bytes of memory for the events of one attempt. The largest case needs a tenth."""

BYTES_PER_VALUE = 64
"""Approximate bytes of memory of each value in an event, beside its text."""

MAX_DEPTH = 16
"""Levels of lists and objects in an event; the app uses four."""

MAX_NAME_LENGTH = 1000
"""Characters of the kind and the token of an event."""

MAX_PROCESSES = 20_000
"""Processes whose numbering is remembered. A server that starts one for each request has a tenth of that."""

UNKNOWN_SEQUENCE = -1
"""The number before a process's next event if some of its events were dropped without being counted."""

DATAGRAMS_PER_TURN = 64
"""Datagrams that are read before other tasks run."""

MAX_DRAIN_ROUNDS = 32
"""Times in a row that the queue is emptied: a sender may never stop."""

FLOOD_PAUSE_SECONDS = 0.01
"""Seconds between two reads after the budget is used up, so that a flood leaves time for other tasks."""

MAX_WAITING_BARRIERS = 64
"""Barriers of one instance that the app may wait at; the largest case has 48. Each needs a descriptor, and a process on
many machines may have 1024. A server has up to 14 instances, and most of them have none."""

BARRIER_FAILED_EVENT = "barrier-failed"
"""The app event of a barrier that the harness did not release within the app's time-out."""

MAX_BARRIERS = 4000
"""Barriers opened in one attempt."""


class AppEventChannel:
    """The app events of one server instance, and its barriers.

    `AppEventChannel.open` makes one; `AppEventChannel.unobserved()` makes one for a server that is not observed.
    """

    def __init__(self, environment: Mapping[str, str], events: socket.socket | None = None, key: bytes = b"") -> None:
        self.environment = dict(environment)
        self.while_waiting: Callable[[], None] = lambda: None
        """Called now and then while the harness waits for a target to respond with events."""

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
        self._barrier_failed = False
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

        Raises InternalError if the path is too long for a Unix socket, or if the sockets cannot be made.
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
            key = secrets.token_hex(16).encode()
            key_path = _write_key_file(events_path, key)
            channel = cls({EVENTS_VARIABLE: str(events_path), CONTROL_VARIABLE: str(control_path)}, events, key)
            channel._inodes = {path: path.stat().st_ino for path in (events_path, control_path)}
            try:
                async with background_nursery() as nursery:
                    nursery.start_soon(channel._read)
                    nursery.start_soon(channel._serve_barriers, control, nursery)
                    yield channel
            finally:
                channel._socket, channel._buffer = None, bytearray()
                for path in (events_path, control_path, key_path):
                    with contextlib.suppress(OSError):  # an app can have put anything in its place
                        path.unlink(missing_ok=True)

    @classmethod
    def unobserved(cls) -> AppEventChannel:
        """Return a channel without environment and events."""
        return cls({})

    # ------------------------------------------------------------------ events

    def begin_attempt(self) -> int:
        """Begin an attempt with an event budget of its own, and return its mark.

        Events from before the previous attempt are forgotten.
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
        self._losses_by_position.pop(mark, None)  # lost before now, with no event since
        self._attempt_start = mark
        if self._flooded:  # the events dropped until now must not show as a gap in this attempt
            self._next_sequence = dict.fromkeys(self._next_sequence, UNKNOWN_SEQUENCE)
        self._bytes_used, self._flooded, self._barriers_opened, self._barrier_failed = 0, False, 0, False
        return mark

    def mark(self) -> int:
        """Return a mark of the present moment, for `since`, `wait` and `lost_count`."""
        self._drain()
        return self._discarded + len(self._events)

    def since(self, mark: int) -> list[AppEvent]:
        """Return the events that arrived after `mark`, in the order of the app's clock."""
        self._drain()
        return sorted(self._events[max(0, mark - self._discarded) :], key=lambda event: event.at)

    async def wait(self, mark: int, predicate: Callable[[AppEvent], object], count: int = 1) -> AppEvent:
        """Return the `count`-th event after `mark`, in order of arrival, for which `predicate` is true.

        There is no time-out: the caller sets the deadline.
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

    def arrived_event(self, mark: int, predicate: Callable[[AppEvent], object], count: int = 1) -> AppEvent | None:
        """Return the event that `wait` would return at once, None if it would wait."""
        if self._socket is not None:  # nothing else is asked: a target would take a request
            self._drain()
        return next(islice(filter(predicate, self.arrived_since(mark)), count - 1, None), None)

    def lost_count(self, mark: int) -> int:
        """Return how many events are known to be lost: gaps in a process's numbering that showed after `mark`."""
        return sum(count for position, count in self._losses_by_position.items() if position >= mark)

    @property
    def flooded(self) -> str:
        """Why events of this attempt were dropped on purpose, and what to do; '' if none were."""
        if not self._flooded:
            return ""
        return (
            f"the app reported more than {MEMORY_BUDGET_BYTES >> 20} MiB in one attempt, and the rest was dropped; "
            "read its log"
        )

    def failure_message(self, since: float) -> str:
        """Return why app events may not reach the harness, and what to do; '' if they can.

        `since` is a CLOCK_MONOTONIC time: an earlier barrier that could not be served does not count.
        """
        if missing := self._missing_socket():
            return f"the event channel is cut: its socket {missing} was removed; run the case again"
        if self._inodes and (why := _send_error(next(iter(self._inodes)))):
            return f"the event channel is dead ({why}); run the case again"
        if self._flooded:
            return self.flooded
        if self._overloaded_at >= since:
            return (
                f"the app waited at too many barriers: the limits are {MAX_WAITING_BARRIERS} at once and "
                f"{MAX_BARRIERS} in total"
            )
        if self._barrier_failed:
            return (
                "the app gave up at a barrier before the harness released it, so a request did not wait as the case "
                "asked; run the case again on a quieter machine"
            )
        if self._out_of_descriptors_at >= since:
            return "the event channel could not serve a barrier: no descriptors were left; raise `ulimit -n`"
        return self._failure

    def require_read(self) -> None:
        """Raise EventsLost or Unsupported if the events until now could not be read. A socket can always be read."""

    @property
    def unsupported_reason(self) -> str:
        """Why the server cannot be observed in this attempt, '' if it can."""
        return ""

    @property
    def intact(self) -> bool:
        """Whether both sockets are still in their places."""
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

    def arrived_since(self, mark: int) -> list[AppEvent]:
        """Return the events after `mark` that were read until now, in order of arrival."""
        return self._events[max(0, mark - self._discarded) :]

    async def read_pending(self) -> None:
        """Read every event that the app has sent so far."""
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
        """Read the queued datagrams, within limits; return whether there may be more."""
        if self._socket is None or self._failure:
            return False
        read = 0
        while read < DATAGRAMS_PER_TURN:
            try:
                # The kernel drops an unwanted datagram without a copy.
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
        self._bytes_used += _memory_bytes(datagram)
        if self._bytes_used > MEMORY_BUDGET_BYTES:
            self._flooded = True
            self._count_lost(1)
            return
        event = _decode_app_event(datagram)
        if event is None or (event.pid not in self._next_sequence and len(self._next_sequence) >= MAX_PROCESSES):
            # It has the key, and is cut short or forged.
            self._count_lost(1)
            return
        expected = self._next_sequence.get(event.pid, 0)
        missing = event.sequence - expected
        self._next_sequence[event.pid] = event.sequence + 1
        if missing > 0 and expected != UNKNOWN_SEQUENCE:
            self._count_lost(missing)
        if event.kind == BARRIER_FAILED_EVENT:
            self._barrier_failed = True
        self._events.append(event)

    def _count_lost(self, count: int) -> None:
        position = self._discarded + len(self._events)
        self._losses_by_position[position] = self._losses_by_position.get(position, 0) + count

    # ------------------------------------------------------------------ barriers

    def release(self, name: str) -> None:
        """Release all requests that wait at the barrier `name` (`<token>:<name>`), and all that will."""
        self._released.add(name)
        self._open_gates(lambda waiting: waiting == name)

    def release_all(self, token_prefix: str) -> None:
        """Release all requests that wait, or will wait, at a barrier whose name begins with `token_prefix`."""
        self._released_prefixes.add(token_prefix)
        self._open_gates(lambda waiting: waiting.startswith(token_prefix))

    def waiting(self, name: str) -> int:
        """Return how many requests wait at the barrier `name`."""
        return len(self._waiting.get(name, ()))

    @property
    def any_waits(self) -> bool:
        """Whether the app waits at a barrier."""
        return bool(self._waiting_count)

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
                except OSError as error:
                    if error.errno not in EXHAUSTION_ERRNOS:
                        raise
                    # The app waits in the backlog until its own time-out.
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
            # The app's process ended or stopped waiting.
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
    # The limit is far above any name of a case.
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
            # The app sends nothing more, so this read returns at the end of its connection.
            await stream.receive_some(1)
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        await gate.wait()
        nursery.cancel_scope.cancel()


def _bind(each: socket.socket, path: Path) -> None:
    if len(str(path).encode()) > MAX_SOCKET_PATH_BYTES:
        raise InternalError(
            f"the path of the folder {path.parent} is too long for a Unix socket ({MAX_SOCKET_PATH_BYTES} bytes); "
            "set TMPDIR to a shorter one"
        )
    try:
        each.bind(str(path))
    except OSError as error:
        raise InternalError(f"cannot open the socket {path}: {error.strerror}; is its folder writable?") from error


def _write_key_file(events: Path, key: bytes) -> Path:
    path = events.with_name(events.name + KEY_SUFFIX)
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(key)
    except OSError as error:
        raise InternalError(f"cannot write {path}: {error.strerror}; is its folder writable?") from error
    return path


def _send_error(path: Path) -> str:
    """Return why a datagram to `path` is not delivered; '' if it is, or if the queue is just full."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            probe.sendto(b"?", str(path))
    except BlockingIOError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _memory_bytes(datagram: bytes) -> int:
    """Return roughly how much memory an event takes: an empty list has two characters and takes 56 bytes."""
    return len(datagram) + BYTES_PER_VALUE * sum(datagram.count(sign) for sign in (b",", b"[", b"{"))


def _decode_app_event(datagram: bytes) -> AppEvent | None:
    """Return the event in `datagram`; None if it is no app event, or an event that the test app never sends."""
    try:
        event = msgspec.json.decode(datagram, type=AppEvent)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    valid = (
        0 < event.pid < 1 << 31
        and 0 <= event.sequence < 1 << 53
        and abs(event.thread) < 1 << 64
        and 0 <= event.at < math.inf
        and len(event.kind) <= MAX_NAME_LENGTH
        and len(event.token) <= MAX_NAME_LENGTH
    )
    # Most events have fewer containers than levels are allowed.
    flat = datagram.count(b"[") + datagram.count(b"{") <= MAX_DEPTH
    return event if valid and (flat or not _exceeds_depth(event.detail, MAX_DEPTH)) else None


def _exceeds_depth(value: dict[str, Any], levels: int) -> bool:
    containers: list[Any] = [value]
    for _ in range(levels):
        inner = [each.values() if type(each) is dict else each for each in containers]
        containers = [each for values in inner for each in values if type(each) is dict or type(each) is list]
        if not containers:
            return False
    return True
