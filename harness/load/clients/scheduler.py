"""Drives the scripts of thousands of clients from one task: timers in ticks and an epoll object, nested in trio.

    script  --yields-->  (seconds, link)  --its tick, or the link's events-->  resumed with False or True

Ten thousand clients that each send a byte a second are ten thousand timers a second. A trio task for each would take
the whole of a core; here a client costs its socket, its generators and a place in the list of a tick.

The loop never holds trio up for longer than MAX_SLICE_NS, and stands back while a healthy user's request is about to
go out: those are sent on time from the same thread.
"""

from __future__ import annotations

import heapq
import math
import select
import time
from collections.abc import Callable

import trio

from wsgi_gauntlet.harness.load.clients.slow_connection import CLOSED_EVENTS, Script, SlowConnection

MAX_SLICE_NS = 500_000
"""Nanoseconds in plain code before others have their turn; each turn costs a pass through trio, as much as two slow
clients' bytes. Healthy users wake three times as long before they send."""

TICK_NS = 10_000_000
"""Nanoseconds to which timers are rounded up."""

COARSE_FROM_SECONDS, COARSE_TICKS = 0.5, 5
"""Waits from this many seconds on are rounded up to so many ticks: a client that waits for a second is no slower for a
twentieth of it, and to wake 20 times a second costs a fifth of what 100 times do."""

MAX_EVENTS = 64
"""Events taken from epoll at once."""

MAX_IMMEDIATE_RESUMES = 16
"""Waits that are over before they began, until others have their turn."""

WATCHED_EVENTS = select.EPOLLIN | select.EPOLLOUT | CLOSED_EVENTS | select.EPOLLET


class ScheduledClient:
    """A script on its way: it waits for the tick `due` (0 for none) or for `link`, whichever comes first."""

    __slots__ = ("connection", "due", "script")

    def __init__(self, script: Script) -> None:
        self.script: Script | None = script
        self.due = 0
        self.connection: SlowConnection | None = None


class Scheduler:
    """Runs scripts until they end. A script ends by itself, or by `stop`, which closes its generator.

    While `should_pause` says so nothing is done: somebody else in this thread is about to do what must be on time.
    """

    def __init__(self, should_pause: Callable[[], bool] = lambda: False) -> None:
        self._should_pause = should_pause
        self._epoll = select.epoll()
        self._scheduled_clients: set[ScheduledClient] = set()
        self._connections: dict[int, SlowConnection] = {}
        self._client_by_fd: dict[int, ScheduledClient] = {}
        self._ticks: dict[int, list[ScheduledClient]] = {}
        self._tick_heap: list[int] = []
        self._sleep_scope: trio.CancelScope | None = None

    def start(self, script: Script) -> ScheduledClient:
        """Take `script` to its first wait, and drive it from then on. Raises what it raises on the way."""
        scheduled_client = ScheduledClient(script)
        self._scheduled_clients.add(scheduled_client)
        self._resume(scheduled_client, None, time.perf_counter_ns())
        return scheduled_client

    def stop(self, scheduled_client: ScheduledClient) -> None:
        """End the script of `ride` where it stands; again is harmless."""
        script, scheduled_client.script = scheduled_client.script, None
        self._scheduled_clients.discard(scheduled_client)
        scheduled_client.due, scheduled_client.connection = 0, None
        if script is not None:
            script.close()

    def watch(self, connection: SlowConnection) -> None:
        """Hear of what happens on `link` until it is closed."""
        self._connections[connection.fd] = connection
        self._epoll.register(connection.fd, WATCHED_EVENTS)

    async def run(self) -> None:
        """Drive all scripts, for ever; what one of them raises ends it, and all scripts with it.

        Run it in one task; the scripts are started and stopped from any other.
        """
        try:
            while True:
                if self._should_pause():
                    await trio.lowlevel.checkpoint()
                    continue
                more_events = self._poll_events()
                more_timers = self._fire_timers()
                if more_timers or more_events:
                    await trio.lowlevel.checkpoint()
                    continue
                gap = (self._tick_heap[0] * TICK_NS - time.perf_counter_ns()) / 1e9 if self._tick_heap else math.inf
                with trio.move_on_after(max(gap, 0.0)) as self._sleep_scope:
                    await trio.lowlevel.wait_readable(self._epoll.fileno())
                self._sleep_scope = None
        finally:
            for scheduled_client in list(self._scheduled_clients):
                self.stop(scheduled_client)
            self._epoll.close()

    def _poll_events(self) -> bool:
        """Take events; say whether there may be more."""
        events = self._epoll.poll(0, MAX_EVENTS)
        for fd, mask in events:
            connection = self._connections.get(fd)
            if connection is None:
                continue
            connection.ready |= mask
            scheduled_client = self._client_by_fd.get(fd)
            if scheduled_client is not None and scheduled_client.connection is connection and mask & connection.wanted:
                self._resume(scheduled_client, True, time.perf_counter_ns())
        return len(events) == MAX_EVENTS

    def _fire_timers(self) -> bool:
        """Resume those whose tick has come; say whether some of them had to be left for the next turn."""
        clock, tick_heap, resume = time.perf_counter_ns, self._tick_heap, self._resume
        now = clock()
        end = now + MAX_SLICE_NS
        while tick_heap and tick_heap[0] * TICK_NS <= now:
            tick = tick_heap[0]
            scheduled_clients = self._ticks[tick]
            while scheduled_clients:
                scheduled_client = scheduled_clients.pop()
                if scheduled_client.due == tick:
                    resume(scheduled_client, False, now)
                    now = clock()
                    if now > end:
                        return True
            del self._ticks[tick]
            heapq.heappop(tick_heap)
        return False

    def _resume(self, scheduled_client: ScheduledClient, value: bool | None, now: int) -> None:
        """Take the script to its next wait; `now` is the time in nanoseconds."""
        script = scheduled_client.script
        assert script is not None
        scheduled_client.due = 0
        for _ in range(MAX_IMMEDIATE_RESUMES):
            try:
                # A fresh generator is sent None, which its type has no word for.
                seconds, connection = script.send(value)  # type: ignore[arg-type]
            except StopIteration:
                self.stop(scheduled_client)
                return
            except BaseException:
                self.stop(scheduled_client)
                raise
            if connection is None or not connection.ready & connection.wanted:
                break
            value = True
        else:
            seconds = 0.0
        # Most clients wait for the same link again and again, and are known to do so already.
        if connection is not scheduled_client.connection:
            scheduled_client.connection = connection
            if connection is not None:
                self._client_by_fd[connection.fd] = scheduled_client
        if seconds != math.inf:
            # Rounded up, and always past the tick that may be going off now.
            tick = (now + int(seconds * 1e9)) // TICK_NS + 1
            if seconds >= COARSE_FROM_SECONDS:
                tick += -tick % COARSE_TICKS
            scheduled_client.due = tick
            scheduled_clients = self._ticks.get(tick)
            if scheduled_clients is None:
                self._add_tick(tick, scheduled_client)
            else:
                scheduled_clients.append(scheduled_client)

    def _add_tick(self, tick: int, scheduled_client: ScheduledClient) -> None:
        self._ticks[tick] = [scheduled_client]
        heapq.heappush(self._tick_heap, tick)
        if self._sleep_scope is not None:
            gap = (tick * TICK_NS - time.perf_counter_ns()) / 1e9
            self._sleep_scope.deadline = min(self._sleep_scope.deadline, trio.current_time() + max(gap, 0.0))
