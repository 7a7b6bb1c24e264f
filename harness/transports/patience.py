"""How long is waited for what comes, or goes, in parts."""

from __future__ import annotations

import time

import trio

LONG = 4
"""How many times the longest silence all of it may take: what comes on and on must end, too."""


SHORT = 2
"""As LONG, for what comes slower than SLOWEST."""

SLOWEST = 10_000
"""Bytes a second. An answer that comes in drops is no busy machine's: what that is late with, it has all at once."""


ANSWER_LIMIT = 64 << 20
"""Bytes of one answer that are read. The cases' largest has 4 MiB: what goes on so long has no end."""


class Patience:
    """The scope of a block that is given up once nothing has happened in it for `silence` seconds.

    What is in time on an idle machine may take much longer on a busy one: that it goes on tells it from a server that
    hangs. To be made in the block's own task.
    """

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._really = time.monotonic()
        self._began = trio.current_time()
        self._last = self._began + LONG * silence
        self.size = 0
        self.scope = trio.CancelScope(deadline=trio.current_time() + silence)

    def more(self) -> None:
        """Hear that something has happened."""
        self._really = time.monotonic()
        self.scope.deadline = min(self._last, trio.current_time() + self._silence)

    def came(self, size: int) -> None:
        """Hear that so many bytes of an answer have come: with a few at a time it is not waited for that long."""
        self.size += size
        longest = SHORT * self._silence + self.size / SLOWEST
        self._last = self._began + min(LONG * self._silence, longest)
        self.more()

    @property
    def late(self) -> bool:
        """Whether nothing has happened for longer than that, which a clock that stood still meanwhile does not show."""
        return time.monotonic() - self._really > self._silence

    @property
    def over(self) -> str:
        """Why it was given up, as the end of a sentence; '' where it was not."""
        if not self.scope.cancelled_caught:
            return ""
        if self.scope.deadline >= self._last:
            return f"within {self._last - self._began:.3g} s"
        return f"and nothing more for {self._silence:g} s"
