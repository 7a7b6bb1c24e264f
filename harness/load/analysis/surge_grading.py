"""From what users got around a surge to a grade, in the words of the scenarios. Values in, values out.

the generator could not keep up                                   invalid
the users before the surge were not served                        inconclusive
no good service within 60 s after it                              wedged
half of the surge's users or more lost, or of those after it      collapses
99 % of all answered, and well served again in due time           immune
else                                                              degrades

A surge beyond capacity leaves a queue that nobody can avoid. A server that loses none of it and goes on to answer as
fast as it did in the surge is through with it after a time that is plain arithmetic; "in due time" is
MAX_RECOVERY_FACTOR times that. Where the course was watched for less than that, nothing is said of recovery.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.grading import (
    COLLAPSED_GOODPUT,
    GOOD_GOODPUT,
    MIN_JUDGED_REQUESTS,
    WEDGED_AFTER_SECONDS,
    collapsed,
    describe_phase,
    format_seconds,
)
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Phase

BASE_RATE_SHARE = 0.2
"""The rate before and after, as a share of capacity (SCENARIOS.md)."""

SURGE_RATE_SHARE = 3.0
"""The rate of the surge, as a share of capacity (SCENARIOS.md)."""

MAX_RECOVERY_FACTOR = 1.5
"""So much longer than it must a server may take to get through with the queue: its pace is only known roughly."""


IMMEDIATE_RECOVERY = 1.0
"""Seconds within which a recovery is always in due time: no queue is known to better than that."""


@dataclass(frozen=True)
class Surge:
    """What users got who came before, in and after a surge.

    `recovered` is seconds from its end until they were well served, None where `patience` seconds did not suffice.
    At its end `queued` requests were waiting, and in it `pace` a second were answered.
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
        """How many requests of the surge and after it were not rightly answered."""
        return sum(round(each.scheduled * (1 - each.goodput)) for each in (self.during, self.after))

    @property
    def drain_time(self) -> float:
        """Seconds in which a server gets through with what is queued, if it goes on as in the surge; may be inf."""
        comes = self.after.scheduled / (self.after.ended - self.after.started)
        return self.queued / (self.drain_rate - comes) if self.drain_rate > comes else math.inf


def grade_surge(surge: Surge, generator: GeneratorHealth) -> tuple[Grade, str]:
    """Return the grade and, in words, what it rests on."""
    before, during, after = surge.before, surge.during, surge.after
    if not generator.valid:
        return Grade.INVALID, f"Not a measurement of the server: {generator.why}."
    if min(before.scheduled, during.scheduled, after.scheduled) < MIN_JUDGED_REQUESTS:
        return Grade.INCONCLUSIVE, "Too few requests fell into a phase: measure longer, or at a higher rate."
    if before.goodput < GOOD_GOODPUT or collapsed(before):
        return Grade.INCONCLUSIVE, f"Already before the surge users got this: {describe_phase(before)}."
    asked = during.scheduled + after.scheduled
    lost = f"{surge.lost:,} of {asked:,} requests were lost" if surge.lost else f"None of {asked:,} requests was lost"
    if surge.recovery_time is None:
        back = f"users were not well served again within {surge.patience:g} s"
    elif not surge.recovery_time:
        back = "users were well served as soon as it was over"
    else:
        back = f"users were well served again {format_seconds(surge.recovery_time)} after the surge"
    must = (
        f"; to get through with the queue takes {format_seconds(surge.drain_time)} at the pace of the surge"
        if surge.queued
        else ""
    )
    reason = f"{lost}, and {back}{must if math.isfinite(surge.drain_time) else ''}."
    if surge.recovery_time is None and surge.patience >= WEDGED_AFTER_SECONDS:
        return Grade.NOT_RECOVERED, reason
    if min(during.goodput, after.goodput) < COLLAPSED_GOODPUT:
        return Grade.COLLAPSED, reason
    if surge.lost > (1 - GOOD_GOODPUT) * asked:
        return Grade.DEGRADED, reason
    if surge.recovery_time is None and surge.patience < MAX_RECOVERY_FACTOR * surge.drain_time:
        return Grade.INCONCLUSIVE, f"{reason} That is longer than was watched: measure longer, or a shorter surge."
    in_time = surge.recovery_time is not None and surge.recovery_time <= max(
        IMMEDIATE_RECOVERY, MAX_RECOVERY_FACTOR * surge.drain_time
    )
    return Grade.UNAFFECTED if in_time else Grade.DEGRADED, reason
