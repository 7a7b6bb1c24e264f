"""How long is waited for what comes, or goes, in parts."""

from __future__ import annotations

import time

import trio

LONG = 4
"""How many times the longest silence all of it may take: what comes on and on must end, too."""


class Patience:
    """The scope of a block that is given up once nothing has happened in it for `silence` seconds.

    What is in time on an idle machine may take much longer on a busy one: that it goes on tells it from a server that
    hangs. To be made in the block's own task.
    """

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._really = time.monotonic()
        self._last = trio.current_time() + LONG * silence
        self.scope = trio.CancelScope(deadline=trio.current_time() + silence)

    def more(self) -> None:
        """Hear that something has happened."""
        self._really = time.monotonic()
        self.scope.deadline = min(self._last, trio.current_time() + self._silence)

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
            return f"within {LONG * self._silence:g} s"
        return f"and nothing more for {self._silence:g} s"
