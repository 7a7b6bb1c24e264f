"""Estimate the time that a stage still needs, from the cells that finished a short time ago. Pure."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 60.0
"""The estimate looks at the cells of this time: early cells are often faster or slower than the rest."""

MIN_WINDOW_CELLS = 8
"""The window has at least this number of cells: a cell of load can take a minute."""

MIN_CELLS = 3
"""Finished cells without which there is no estimate."""

MIN_SECONDS = 10.0
"""Seconds without which there is no estimate: the first servers still start."""


class TimeLeft:
    """The time left of a stage with `total` cells. All times are seconds of one monotonic clock."""

    def __init__(self, total: int, started: float) -> None:
        self._total, self._started, self._done = total, started, 0
        # The first entry is the start of the window; each later one is the end of a cell.
        self._ends: deque[float] = deque([started])

    def finished(self, at: float) -> None:
        """Count one cell that finished at `at`."""
        self._done += 1
        self._ends.append(at)
        while len(self._ends) > MIN_WINDOW_CELLS + 1 and at - self._ends[1] > WINDOW_SECONDS:
            self._ends.popleft()

    def estimate(self, now: float) -> float | None:
        """Return the seconds left at `now`, None if there is no reasonable estimate yet."""
        left = self._total - self._done
        if self._done < MIN_CELLS or now - self._started < MIN_SECONDS or left <= 0:
            return None
        return left * (now - self._ends[0]) / (len(self._ends) - 1)


def describe_time_left(seconds: float | None) -> str:
    """Return `about 4 min left`, '' without an estimate. It is never more exact than the estimate."""
    if seconds is None:
        return ""
    if seconds < 55:
        return f"about {max(10, round(seconds / 10) * 10)} s left"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"about {minutes} min left"
    if minutes >= 600:
        return f"about {round(minutes / 60):,} h left"
    hours, rest = divmod(round(minutes / 10) * 10, 60)
    return f"about {hours} h {rest} min left" if rest else f"about {hours} h left"
