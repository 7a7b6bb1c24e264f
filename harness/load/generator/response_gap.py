"""How long no answer came although requests waited for one: a hole that percentiles of answers hide. Pure.

answers   ||||||||| | |||||||                      |||||||||||||||||
                             `------ silence -----'
"""

from __future__ import annotations


class ResponseGap:
    """The longest silence, in nanoseconds of one clock. Somebody waits from `since` on."""

    __slots__ = ("began", "longest", "since")

    def __init__(self, since: int) -> None:
        self.since = self.began = since
        self.longest = 0

    def start_waiting(self, now: int) -> None:
        """Hear that a request waits again, after a time in which none did."""
        self.since = now

    def still_waiting(self, now: int) -> None:
        """Hear that there is still no answer."""
        if now - self.since > self.longest:
            self.longest, self.began = now - self.since, self.since

    def response_received(self, now: int) -> None:
        """Hear that an answer came."""
        self.still_waiting(now)
        self.since = now
