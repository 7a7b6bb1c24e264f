"""Drives the scripts of thousands of clients from one task: a heap of timers and an epoll object, nested in trio.

    script  --yields-->  (seconds, link)  --a timer in the heap, and the link's events-->  resumed with True or False

Ten thousand clients that each send a byte a second are ten thousand timers a second. A trio task for each would take
the whole of a core; here a client costs its socket, its generators and one entry in the heap.

The loop never holds trio up for longer than SLICE: the healthy users' requests go out on time from the same thread.
"""

from __future__ import annotations

import heapq
import math
import select
import time

import trio

from .slowlink import ENDED, Script, SlowLink

SLICE = 200_000
"""Nanoseconds in plain code before others have their turn: a fifth of the lateness that the healthy users may have."""

TICK = 0.004
"""Seconds of sleep at least: timers that are due within it go off together. A pass through trio costs as much as five
slow clients' bytes, and no slow client is slower or faster for 4 ms."""

BATCH = 64
"""Events taken from epoll at once."""

AT_ONCE = 16
"""Waits that are over before they began, until others have their turn."""

EVENTS = select.EPOLLIN | select.EPOLLOUT | ENDED | select.EPOLLET


class Ride:
    """A script on its way. `due` is its timer in nanoseconds, 0 where none runs."""

    __slots__ = ("due", "link", "script")

    def __init__(self, script: Script) -> None:
        self.script: Script | None = script
        self.due = 0
        self.link: SlowLink | None = None


class Drive:
    """Runs scripts until they end. A script ends by itself, or by `stop`, which closes its generator."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._timers: list[tuple[int, int, Ride]] = []
        self._rides: set[Ride] = set()
        self._waiting: dict[int, Ride] = {}
        self._links: dict[int, SlowLink] = {}
        self._count = 0
        self._nap: trio.CancelScope | None = None

    def start(self, script: Script) -> Ride:
        """Take `script` to its first wait, and drive it from then on. Raises what it raises on the way."""
        ride = Ride(script)
        self._rides.add(ride)
        self._resume(ride, None)
        return ride

    def stop(self, ride: Ride) -> None:
        """End the script of `ride` where it stands; again is harmless."""
        script, ride.script = ride.script, None
        self._rides.discard(ride)
        self._forget(ride)
        if script is not None:
            script.close()

    def watch(self, link: SlowLink) -> None:
        """Hear of what happens on `link` until it is closed."""
        self._links[link.fd] = link
        self._epoll.register(link.fd, EVENTS)

    async def run(self) -> None:
        """Drive all scripts, for ever; what one of them raises ends it, and all scripts with it.

        Run it in one task; the scripts are started and stopped from any other.
        """
        clock = time.perf_counter_ns
        try:
            while True:
                began = clock()
                heard = self._hear()
                late = self._go_off(began)
                if late or heard:
                    await trio.lowlevel.checkpoint()
                    continue
                gap = (self._timers[0][0] - clock()) / 1e9 if self._timers else math.inf
                with trio.move_on_after(max(gap, TICK)) as self._nap:
                    await trio.lowlevel.wait_readable(self._epoll.fileno())
                self._nap = None
        finally:
            for ride in list(self._rides):
                self.stop(ride)
            self._epoll.close()

    def _hear(self) -> bool:
        """Take events; say whether there may be more."""
        events = self._epoll.poll(0, BATCH)
        for fd, mask in events:
            link = self._links.get(fd)
            if link is None:
                continue
            link.ready |= mask
            ride = self._waiting.get(fd)
            if ride is not None and ride.link is link and mask & link.wanted:
                self._resume(ride, True)
        return len(events) == BATCH

    def _go_off(self, began: int) -> bool:
        """Resume those whose time has come; say whether some of them had to be left for the next turn."""
        clock, timers = time.perf_counter_ns, self._timers
        now = began
        while timers and timers[0][0] <= now:
            due, _, ride = heapq.heappop(timers)
            if ride.due == due:
                self._resume(ride, False)
            now = clock()
            if now - began > SLICE:
                return bool(timers) and timers[0][0] <= now
        return False

    def _resume(self, ride: Ride, value: bool | None) -> None:
        script = ride.script
        if script is None:
            return
        self._forget(ride)
        for _ in range(AT_ONCE):
            try:
                # A fresh generator is sent None, which its type has no word for.
                seconds, link = script.send(value)  # type: ignore[arg-type]
            except StopIteration:
                self.stop(ride)
                return
            except BaseException:
                self.stop(ride)
                raise
            if link is None or not link.ready & link.wanted:
                break
            value = True
        else:
            seconds = 0.0
        if link is not None:
            ride.link = link
            self._waiting[link.fd] = ride
        if seconds != math.inf:
            self._count += 1
            now = time.perf_counter_ns()
            ride.due = now + max(int(seconds * 1e9), 1)
            heapq.heappush(self._timers, (ride.due, self._count, ride))
            self._wake(seconds)

    def _forget(self, ride: Ride) -> None:
        ride.due = 0
        if ride.link is not None:
            if self._waiting.get(ride.link.fd) is ride:
                del self._waiting[ride.link.fd]
            ride.link = None

    def _wake(self, seconds: float) -> None:
        nap = self._nap
        if nap is not None:
            nap.deadline = min(nap.deadline, trio.current_time() + max(seconds, TICK))
