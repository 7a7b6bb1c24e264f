"""From what users got around a surge to a grade, in the words of the scenarios. Values in, values out.

the generator could not keep up                                   invalid
the users before the surge were not served                        inconclusive
no good service within 60 s after it                              wedged
half of the surge's users or more lost, or of those after it      collapses
99 % of all answered, and well served again in due time           immune
else                                                              degrades

A surge beyond capacity leaves a queue that nobody can avoid. A server that loses none of it and answers as fast as it
can is through with it after a time that is plain arithmetic; "in due time" is SLACK times that.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..model import GeneratorHealth, Grade, Phase
from .grading import COLLAPSED_GOODPUT, FEWEST, GOOD, WEDGED, collapsed, seconds, told

LOW = 0.2
"""The rate before and after, as a share of capacity (SCENARIOS.md)."""

PEAK = 3.0
"""The rate of the surge, as a share of capacity (SCENARIOS.md)."""

SLACK = 1.5
"""What the capacity, which is only estimated, may be wrong by: a server at 80 % of it takes 1.5 times as long."""


@dataclass(frozen=True)
class Surge:
    """What users got who came before, in and after a surge of `length` seconds.

    `recovered` is seconds from its end until they were well served, None where `patience` seconds did not suffice.
    """

    before: Phase
    during: Phase
    after: Phase
    length: float
    patience: float
    recovered: float | None

    @property
    def lost(self) -> int:
        """How many requests of the surge and after it were not rightly answered."""
        return sum(round(each.scheduled * (1 - each.goodput)) for each in (self.during, self.after))

    @property
    def due(self) -> float:
        """Seconds in which a server answers what is left, if it answers as many as its capacity says."""
        return (PEAK - 1) * self.length / (1 - LOW)


def grade_surge(surge: Surge, generator: GeneratorHealth) -> tuple[Grade, str]:
    """Return the grade and, in words, what it rests on."""
    before, during, after = surge.before, surge.during, surge.after
    if not generator.valid:
        return Grade.INVALID, f"Not a measurement of the server: {generator.why}."
    if min(before.scheduled, during.scheduled, after.scheduled) < FEWEST:
        return Grade.INCONCLUSIVE, "Too few requests fell into a phase: measure longer, or at a higher rate."
    if before.goodput < GOOD or collapsed(before):
        return Grade.INCONCLUSIVE, f"Already before the surge users got this: {told(before)}."
    asked = during.scheduled + after.scheduled
    lost = f"{surge.lost:,} of {asked:,} requests were lost" if surge.lost else f"None of {asked:,} requests was lost"
    if surge.recovered is None:
        back = f"users were not well served again within {surge.patience:g} s"
    elif not surge.recovered:
        back = "users were well served as soon as it was over"
    else:
        back = f"users were well served again {seconds(surge.recovered)} after the surge"
    reason = f"{lost}, and {back}; to get through with the queue takes about {seconds(surge.due)}."
    if surge.recovered is None and surge.patience >= WEDGED:
        return Grade.WEDGED, reason
    if min(during.goodput, after.goodput) < COLLAPSED_GOODPUT:
        return Grade.COLLAPSES, reason
    in_time = surge.recovered is not None and surge.recovered <= SLACK * surge.due
    if surge.lost <= (1 - GOOD) * asked and in_time:
        return Grade.IMMUNE, reason
    return Grade.DEGRADES, reason
