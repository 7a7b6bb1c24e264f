"""The app events of a target, fetched with control requests in place of the Unix socket.

Gaps in the numbers of the events are found as in app_events.py. In addition the harness knows whether its last request
for events was answered. If not, the server may be busy with the request of a case. The events until now are unknown
then, and a case that asks for them has no verdict.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable

import msgspec
import trio

from wsgi_gauntlet.harness.errors import EventsLost, Unsupported
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.server.app_events import UNKNOWN_SEQUENCE, AppEventChannel
from wsgi_gauntlet.harness.server.background_tasks import background_nursery
from wsgi_gauntlet.harness.server.remote.control import Control, ControlRefused, ControlResponse, NoControlResponse

SEVERAL_PLACES = (
    "several containers or machines answer at this address, or a proxy changes requests; "
    "name the address of one of them"
)
"""The end of a message to whoever checks a target that responds as if it was another one now and then."""

BLOCKING_SECONDS, BUSY_BLOCKING_SECONDS = 0.3, 0.03
"""Seconds for which a request may stop the event loop, and the same while the target is known to be busy. Together they
are less than the stall that makes an attempt invalid."""

FETCH_SECONDS = 2.0
"""Seconds in which an idle target must respond to a request for events."""

MIN_POLL_SECONDS, MAX_POLL_SECONDS = 0.002, 0.05
"""Seconds between two requests while a case waits for an event: first short, then longer."""

MAX_FETCHES = 256
"""Requests in a row that read one backlog of events: 128 MiB, more than a target keeps."""

RENEW_BYTES = 4 << 20
"""Bytes of events after which the target begins a new file, between two attempts."""

RENEW_GATES = 1000
"""Opened barriers after which it does so too: it keeps two thousand."""

KEEP_ALIVE_SECONDS = 5.0
"""Seconds after the last control request until the next one, so that the target goes on observing."""

CLOCK_TOLERANCE_SECONDS = 1.0
"""A difference between the clocks of harness and target that a slow response explains."""

BARRIER_SKIPPED_EVENT = "barrier-skipped"
"""The app event of a barrier at which the app did not wait, because nobody could have released it."""

SECOND_REQUEST_NEEDED = (
    "the target answers one request at a time, and this case needs a second one while the app waits; start it with two "
    "workers or threads"
)

ALL_BUSY = (
    "all workers of the target were busy with the requests of this case, so the harness could not let the app go on; "
    "start it with one more worker or thread"
)


class TargetEventChannel(AppEventChannel):
    """The app events of one target, in the session of `control`. `app_clock` is the app's clock less our own."""

    def __init__(self, control: Control, app_clock: float = 0.0) -> None:
        super().__init__({})
        control.while_waiting = lambda: self.while_waiting()
        self._control = control
        self._clock_offset = app_clock if abs(app_clock) > CLOCK_TOLERANCE_SECONDS else 0.0
        self._generation = self._offset = 0
        self._gates_opened = 0
        self._unread = ""
        self._gates: list[str] = []
        self._unsupported = ""

    # ------------------------------------------------------------------ events

    def begin_attempt(self) -> int:
        mark = super().begin_attempt()
        self._unsupported = ""
        if (self._offset > RENEW_BYTES or self._gates_opened > RENEW_GATES) and not self._unread:
            self._renew()
        return mark

    async def wait(self, mark: int, predicate: Callable[[AppEvent], object], count: int = 1) -> AppEvent:
        async with background_nursery() as nursery:
            nursery.start_soon(self._poll)
            return await super().wait(mark, predicate, count)
        raise AssertionError  # background_nursery suppresses no error

    async def read_pending(self) -> None:
        await self.fetch(FETCH_SECONDS)

    def require_read(self) -> None:
        if self._failure:
            raise EventsLost(self._failure)
        if self._unread:
            raise Unsupported(
                f"the events of the app could not be read while the request of the case ran ({self._unread}); start "
                "the target with one more worker or thread"
            )

    @property
    def unsupported_reason(self) -> str:
        return self._unsupported

    async def fetch(self, seconds: float) -> bool:
        """Read all events of the app; return whether the target responded within `seconds` each time."""
        for _ in range(MAX_FETCHES):
            start, gates = self._start, list(self._gates)
            try:
                response, events = await self._control.send("fetch", seconds, **_fetch_values(start, gates))
            except (NoControlResponse, ControlRefused) as problem:
                self._note(problem)
                return False
            if not self._take(start, gates, response, events):
                return True
        return True

    async def keep_alive(self) -> None:
        """Send a control request now and then, until cancelled."""
        while not self._failure:
            await trio.sleep(KEEP_ALIVE_SECONDS)
            if time.monotonic() - self._control.sent_at >= KEEP_ALIVE_SECONDS:
                await self.fetch(FETCH_SECONDS)

    async def _poll(self) -> None:
        pause = MIN_POLL_SECONDS
        while not self._failure:
            await self.fetch(FETCH_SECONDS)
            await trio.sleep(pause)
            pause = min(MAX_POLL_SECONDS, 2 * pause)
        await trio.sleep_forever()

    def _drain(self) -> bool:
        for _ in range(MAX_FETCHES):
            if self._failure:
                return False
            start, gates = self._start, list(self._gates)
            try:
                seconds = BUSY_BLOCKING_SECONDS if self._unread else BLOCKING_SECONDS
                response, events = self._control.send_blocking("fetch", seconds, **_fetch_values(start, gates))
            except (NoControlResponse, ControlRefused) as problem:
                self._note(problem)
                return False
            if not self._take(start, gates, response, events):
                return False
        return False

    @property
    def _start(self) -> tuple[int, int]:
        return self._generation, self._offset

    def _take(self, start: tuple[int, int], gates: list[str], response: ControlResponse, events: bytes) -> bool:
        """Take the events of a response; return whether the target has more."""
        if response.error:
            self._failure = f"the target cannot keep events: {response.error}"
            return False
        self._unread = ""
        self._gates = [each for each in self._gates if each not in gates]
        self._gates_opened += len(gates)
        if start != self._start:  # another request has brought the same events
            return False
        if response.generation != self._generation:
            # A late event of an earlier attempt may be in the file that is gone now.
            self._next_sequence = dict.fromkeys(self._next_sequence, UNKNOWN_SEQUENCE)
            self._generation, self._offset, self._gates_opened = response.generation, 0, 0
        self._offset += len(events)
        for line in events.splitlines():
            self._accept_line(line)
        if events:
            self._arrived.set()
            self._arrived = trio.Event()
        return response.more

    def _accept_line(self, line: bytes) -> None:
        known = len(self._events)
        self._accept(line)
        for event in self._events[known:]:
            if event.kind == BARRIER_SKIPPED_EVENT:
                self._unsupported = SECOND_REQUEST_NEEDED
            if self._clock_offset:
                self._events[known] = msgspec.structs.replace(event, at=event.at - self._clock_offset)

    def _note(self, problem: NoControlResponse | ControlRefused) -> None:
        """Keep why events could not be read: for now, or for good if the target refused."""
        if isinstance(problem, ControlRefused):
            why = f"its app was started again, or {SEVERAL_PLACES}"
            self._failure = f"the target does not know this check any more: {problem}; {why}"
        else:
            self._unread = str(problem)

    def _renew(self) -> None:
        with contextlib.suppress(NoControlResponse, ControlRefused):  # the next response for events shows what happened
            self._control.send_blocking("renew", BLOCKING_SECONDS)

    # ------------------------------------------------------------------ barriers

    def release(self, name: str) -> None:
        self._gates.append(gate_hash(name))
        self._drain()
        if self._gates:
            self._unsupported = ALL_BUSY

    def release_all(self, token_prefix: str) -> None:
        # The request goes out with the next one for events: the case's connections are closed then.
        self._gates.append(gate_hash(token_prefix))


def gate_hash(name: str) -> str:
    """Return the name of a barrier as a target knows it (suites/testapp/core/event_store.py has the same)."""
    return hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _fetch_values(start: tuple[int, int], gates: list[str]) -> dict[str, object]:
    return {"g": start[0], "from": start[1], "open": ".".join(gates)}
