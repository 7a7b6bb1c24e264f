"""The scheduler: one task of trio that runs the scripts of thousands of clients, with timers and an epoll object.

    script  --yields-->  (seconds, connection)  --its tick, or an event-->  resumed with False or True

Ten thousand clients that send a byte per second need ten thousand timers per second. A trio task per client would use a
whole core. Here a client costs its socket, its generators and an entry in the list of a tick.

The scheduler never runs for longer than MAX_SLICE_NS without giving other tasks a turn. It also pauses while a request
of a healthy user is about to be sent, because this thread must send it on time.
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
"""Nanoseconds before other tasks get a turn. Each turn costs a pass through trio, as much as two bytes of slow clients.
Healthy users wake three times as long before they send."""

TICK_NS = 10_000_000
"""Nanoseconds to which timers are rounded up."""

COARSE_FROM_SECONDS, COARSE_TICKS = 0.5, 5
"""Waits of at least COARSE_FROM_SECONDS are rounded up to a multiple of COARSE_TICKS. A twentieth of a second does not
matter to a client that waits for a second. Waking 20 times per second costs a fifth of waking 100 times."""

MAX_EVENTS = 64
"""Events taken from epoll in one call."""

MAX_IMMEDIATE_RESUMES = 16
"""Waits of one script that end at once, before other scripts get a turn."""

WATCHED_EVENTS = select.EPOLLIN | select.EPOLLOUT | CLOSED_EVENTS | select.EPOLLET


class ScheduledClient:
    """A running script. It waits for the tick `due` (0 for none) or for `connection`, whichever comes first."""

    __slots__ = ("connection", "due", "script")

    def __init__(self, script: Script) -> None:
        self.script: Script | None = script
        self.due = 0
        self.connection: SlowConnection | None = None


class Scheduler:
    """Runs scripts until they end. A script ends by itself, or by `stop`, which closes its generator.

    While `should_pause` returns True nothing runs, because another task of this thread must act on time.
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
        """Run `script` to its first wait, and schedule the rest. Raises the errors of the script until then."""
        scheduled_client = ScheduledClient(script)
        self._scheduled_clients.add(scheduled_client)
        self._resume(scheduled_client, None, time.perf_counter_ns())
        return scheduled_client

    def stop(self, scheduled_client: ScheduledClient) -> None:
        """Stop the script of a client at its current wait. Calling it again does nothing."""
        script, scheduled_client.script = scheduled_client.script, None
        self._scheduled_clients.discard(scheduled_client)
        scheduled_client.due, scheduled_client.connection = 0, None
        if script is not None:
            script.close()

    def watch(self, connection: SlowConnection) -> None:
        """Watch the events of `connection` until it is closed."""
        self._connections[connection.fd] = connection
        self._epoll.register(connection.fd, WATCHED_EVENTS)

    async def run(self) -> None:
        """Run all scripts for ever. An exception of one script ends all of them.

        Run it in one task. Other tasks may start and stop scripts.
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
        """Process events; return whether there may be more."""
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
        """Resume the scripts whose tick has come; return whether some are left for the next turn."""
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
        """Run the script to its next wait; `now` is the time in nanoseconds."""
        script = scheduled_client.script
        assert script is not None
        scheduled_client.due = 0
        for _ in range(MAX_IMMEDIATE_RESUMES):
            try:
                # A new generator must be sent None, which its type does not allow.
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
        # Most clients wait for the same connection again and again.
        if connection is not scheduled_client.connection:
            scheduled_client.connection = connection
            if connection is not None:
                self._client_by_fd[connection.fd] = scheduled_client
        if seconds != math.inf:
            # Rounded up, and always after the tick that may be firing now.
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
