"""Grade the service of users before, during and after a surge. Pure.

the generator could not keep up                                   invalid
the users before the surge were not served well                   inconclusive
no good service within 60 s after it                              not recovered
half of the requests lost, during the surge or after it           collapsed
99 % of all answered, and good service again in time              unaffected
else                                                              degraded

A surge above the capacity always leaves a queue. The time to drain it follows from its length and the rate of the
server in the surge. "In time" means MAX_RECOVERY_FACTOR times that. After a shorter measurement recovery is unknown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.grading import (
    COLLAPSED_GOODPUT,
    GOOD_GOODPUT,
    MIN_JUDGED_REQUESTS,
    NOT_RECOVERED_AFTER_SECONDS,
    collapsed,
    describe_phase,
)
from wsgi_gauntlet.harness.load.analysis.units import format_seconds
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Phase

BASE_RATE_SHARE = 0.2
"""The rate before and after the surge, as a share of the capacity (SCENARIOS.md)."""

SURGE_RATE_SHARE = 3.0
"""The rate of the surge, as a share of the capacity (SCENARIOS.md)."""

MAX_RECOVERY_FACTOR = 1.5
"""The factor on the computed drain time that is allowed, because the rate is only an estimate."""

IMMEDIATE_RECOVERY = 1.0
"""Seconds within which a recovery is always in time: the length of the queue is not known more precisely."""


@dataclass(frozen=True)
class Surge:
    """The phases before, during and after a surge.

    `recovery_time` is the seconds from its end to good service, None if that took more than `patience` seconds.
    `queued` requests waited at its end. `drain_rate` is the responses per second during the surge.
    """

    before: Phase
    during: Phase
    after: Phase
    patience: float
    recovery_time: float | None
    queued: float
    drain_rate: float

    @property
    def lost(self) -> int:
        """Requests without a correct response, during the surge and after it."""
        return sum(round(each.scheduled * (1 - each.goodput)) for each in (self.during, self.after))

    @property
    def drain_time(self) -> float:
        """Seconds to drain the queue at the rate of the surge; may be inf."""
        arriving = self.after.scheduled / (self.after.ended - self.after.started)
        return self.queued / (self.drain_rate - arriving) if self.drain_rate > arriving else math.inf


def grade_surge(surge: Surge, generator: GeneratorHealth) -> tuple[Grade, str]:
    """Return the grade and its reason."""
    before, during, after = surge.before, surge.during, surge.after
    if not generator.valid:
        return Grade.INVALID, f"Not a measurement of the server: {generator.why}."
    if min(before.scheduled, during.scheduled, after.scheduled) < MIN_JUDGED_REQUESTS:
        return Grade.INCONCLUSIVE, "Too few requests were due in a phase: measure longer, or at a higher rate."
    if before.goodput < GOOD_GOODPUT or collapsed(before):
        return Grade.INCONCLUSIVE, f"Users were not served well even before the surge: {describe_phase(before)}."
    asked = during.scheduled + after.scheduled
    lost = f"{surge.lost:,} of {asked:,} requests were lost" if surge.lost else f"None of {asked:,} requests was lost"
    if surge.recovery_time is None:
        recovery = f"users were not served well again within {surge.patience:g} s"
    elif not surge.recovery_time:
        recovery = "users were served well as soon as the surge was over"
    else:
        recovery = f"users were served well again {format_seconds(surge.recovery_time)} after the surge"
    drain = f"; the queue takes {format_seconds(surge.drain_time)} at the rate of the surge" if surge.queued else ""
    reason = f"{lost}, and {recovery}{drain if math.isfinite(surge.drain_time) else ''}."
    if surge.recovery_time is None and surge.patience >= NOT_RECOVERED_AFTER_SECONDS:
        return Grade.NOT_RECOVERED, reason
    if min(during.goodput, after.goodput) < COLLAPSED_GOODPUT:
        return Grade.COLLAPSED, reason
    if surge.lost > (1 - GOOD_GOODPUT) * asked:
        return Grade.DEGRADED, reason
    if surge.recovery_time is None and surge.patience < MAX_RECOVERY_FACTOR * surge.drain_time:
        return (
            Grade.INCONCLUSIVE,
            f"{reason} The measurement was shorter than that: measure longer, or use a shorter surge.",
        )
    in_time = surge.recovery_time is not None and surge.recovery_time <= max(
        IMMEDIATE_RECOVERY, MAX_RECOVERY_FACTOR * surge.drain_time
    )
    return Grade.UNAFFECTED if in_time else Grade.DEGRADED, reason
