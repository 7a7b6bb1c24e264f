"""Drives the scripts of thousands of clients from one task: timers in ticks and an epoll object, nested in trio.

    script  --yields-->  (seconds, link)  --its tick, or the link's events-->  resumed with False or True

Ten thousand clients that each send a byte a second are ten thousand timers a second. A trio task for each would take
the whole of a core; here a client costs its socket, its generators and a place in the list of a tick.

The loop never holds trio up for longer than SLICE, and stands back while a healthy user's request is about to go out:
those are sent on time from the same thread.
"""

from __future__ import annotations

import heapq
import math
import select
import time
from collections.abc import Callable

import trio

from .slowlink import ENDED, Script, SlowLink

SLICE = 500_000
"""Nanoseconds in plain code before others have their turn; each turn costs a pass through trio, as much as two slow
clients' bytes. Healthy users wake three times as long before they send."""

TICK = 10_000_000
"""Nanoseconds to which timers are rounded up."""

LONG, COARSE = 0.5, 5
"""Waits from this many seconds on are rounded up to so many ticks: a client that waits for a second is no slower for a
twentieth of it, and to wake 20 times a second costs a fifth of what 100 times do."""

BATCH = 64
"""Events taken from epoll at once."""

AT_ONCE = 16
"""Waits that are over before they began, until others have their turn."""

EVENTS = select.EPOLLIN | select.EPOLLOUT | ENDED | select.EPOLLET


class Ride:
    """A script on its way: it waits for the tick `due` (0 for none) or for `link`, whichever comes first."""

    __slots__ = ("due", "link", "script")

    def __init__(self, script: Script) -> None:
        self.script: Script | None = script
        self.due = 0
        self.link: SlowLink | None = None


class Drive:
    """Runs scripts until they end. A script ends by itself, or by `stop`, which closes its generator.

    While `held_up` says so nothing is done: somebody else in this thread is about to do what must be on time.
    """

    def __init__(self, held_up: Callable[[], bool] = lambda: False) -> None:
        self._held_up = held_up
        self._epoll = select.epoll()
        self._rides: set[Ride] = set()
        self._links: dict[int, SlowLink] = {}
        self._waiting: dict[int, Ride] = {}
        self._ticks: dict[int, list[Ride]] = {}
        self._order: list[int] = []
        self._nap: trio.CancelScope | None = None

    def start(self, script: Script) -> Ride:
        """Take `script` to its first wait, and drive it from then on. Raises what it raises on the way."""
        ride = Ride(script)
        self._rides.add(ride)
        self._resume(ride, None, time.perf_counter_ns())
        return ride

    def stop(self, ride: Ride) -> None:
        """End the script of `ride` where it stands; again is harmless."""
        script, ride.script = ride.script, None
        self._rides.discard(ride)
        ride.due, ride.link = 0, None
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
        try:
            while True:
                if self._held_up():
                    await trio.lowlevel.checkpoint()
                    continue
                heard = self._hear()
                late = self._go_off()
                if late or heard:
                    await trio.lowlevel.checkpoint()
                    continue
                gap = (self._order[0] * TICK - time.perf_counter_ns()) / 1e9 if self._order else math.inf
                with trio.move_on_after(max(gap, 0.0)) as self._nap:
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
                self._resume(ride, True, time.perf_counter_ns())
        return len(events) == BATCH

    def _go_off(self) -> bool:
        """Resume those whose tick has come; say whether some of them had to be left for the next turn."""
        clock, order, resume = time.perf_counter_ns, self._order, self._resume
        now = clock()
        end = now + SLICE
        while order and order[0] * TICK <= now:
            tick = order[0]
            rides = self._ticks[tick]
            while rides:
                ride = rides.pop()
                if ride.due == tick:
                    resume(ride, False, now)
                    now = clock()
                    if now > end:
                        return True
            del self._ticks[tick]
            heapq.heappop(order)
        return False

    def _resume(self, ride: Ride, value: bool | None, now: int) -> None:
        """Take the script to its next wait; `now` is the time in nanoseconds."""
        script = ride.script
        assert script is not None
        ride.due = 0
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
        # Most clients wait for the same link again and again, and are known to do so already.
        if link is not ride.link:
            ride.link = link
            if link is not None:
                self._waiting[link.fd] = ride
        if seconds != math.inf:
            # Rounded up, and always past the tick that may be going off now.
            tick = (now + int(seconds * 1e9)) // TICK + 1
            if seconds >= LONG:
                tick += -tick % COARSE
            ride.due = tick
            rides = self._ticks.get(tick)
            if rides is None:
                self._open(tick, ride)
            else:
                rides.append(ride)

    def _open(self, tick: int, ride: Ride) -> None:
        self._ticks[tick] = [ride]
        heapq.heappush(self._order, tick)
        if self._nap is not None:
            gap = (tick * TICK - time.perf_counter_ns()) / 1e9
            self._nap.deadline = min(self._nap.deadline, trio.current_time() + max(gap, 0.0))
