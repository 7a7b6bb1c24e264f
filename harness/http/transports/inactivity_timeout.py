"""How long is waited for what comes, or goes, in parts."""

from __future__ import annotations

import time

import trio

TOTAL_TIME_FACTOR = 4
"""How many times the longest silence all of it may take: what comes on and on must end, too."""


SLOW_TOTAL_TIME_FACTOR = 2
"""As TOTAL_TIME_FACTOR, for what comes slower than MIN_BYTES_PER_SECOND."""

MIN_BYTES_PER_SECOND = 10_000
"""Bytes a second. An answer that comes in drops is no busy machine's: what that is late with, it has all at once."""


RESPONSE_LIMIT_BYTES = 64 << 20
"""Bytes of one answer that are read. The cases' largest has 4 MiB: what goes on so long has no end."""


class InactivityTimeout:
    """The scope of a block that is given up once nothing has happened in it for `silence` seconds.

    What is in time on an idle machine may take much longer on a busy one: that it goes on tells it from a server that
    hangs. To be made in the block's own task.
    """

    def __init__(self, inactivity_seconds: float) -> None:
        self._inactivity_seconds = inactivity_seconds
        self._last_activity = time.monotonic()
        self._started = trio.current_time()
        self._latest_deadline = self._started + TOTAL_TIME_FACTOR * inactivity_seconds
        self.size = 0
        self.scope = trio.CancelScope(deadline=trio.current_time() + inactivity_seconds)

    def on_progress(self) -> None:
        """Hear that something has happened."""
        self._last_activity = time.monotonic()
        self.scope.deadline = min(self._latest_deadline, trio.current_time() + self._inactivity_seconds)

    def on_received(self, size: int) -> None:
        """Hear that so many bytes of an answer have come: with a few at a time it is not waited for that long."""
        self.size += size
        longest = SLOW_TOTAL_TIME_FACTOR * self._inactivity_seconds + self.size / MIN_BYTES_PER_SECOND
        self._latest_deadline = self._started + min(TOTAL_TIME_FACTOR * self._inactivity_seconds, longest)
        self.on_progress()

    @property
    def closed_late(self) -> bool:
        """Whether nothing has happened for longer than that, which a clock that stood still meanwhile does not show."""
        return time.monotonic() - self._last_activity > self._inactivity_seconds

    @property
    def timeout_message(self) -> str:
        """Why it was given up, as the end of a sentence; '' where it was not."""
        if not self.scope.cancelled_caught:
            return ""
        if self.scope.deadline >= self._latest_deadline:
            return f"within {self._latest_deadline - self._started:.3g} s"
        return f"and nothing more for {self._inactivity_seconds:g} s"
