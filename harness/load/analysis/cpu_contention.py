"""Whether other programs took so much of the machine that figures are theirs as much as the server's. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from msgspec.structs import replace

from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, ScenarioResult

MAX_OTHERS_SHARE = 0.1
"""The share of the machine's cores that others may take, on average, while less than that is left idle.

A rate that falls with the cores is then a tenth too low at worst, which is the noise of figures from one machine.
"""

MAX_STEAL_SHARE = 0.05
"""The share that the host of a virtual machine may keep for others: that time is missed whatever is idle."""

CAVEAT_SHARE = 0.05
"""The share from which a reader is told of others, though figures stand."""

MIN_WINDOW_SECONDS = 5.0
"""Seconds over which shares are taken: about what one step or phase lasts. One busy second in it stays below
MAX_OTHERS_SHARE."""

WINDOW_SHARE = 0.1
"""The share of a longer scenario that takes the place of MIN_WINDOW_SECONDS: its steps are longer, and no burst
decides them."""

SERVER_GRADES = frozenset({Grade.UNAFFECTED, Grade.DEGRADED, Grade.COLLAPSED, Grade.NOT_RECOVERED, Grade.MEASURED})
"""Grades that say something of the server."""


@dataclass(frozen=True)
class CpuSample:
    """The seconds so far that `cores` were busy, idle and stolen, and that this program's processes took of them."""

    at: float
    cores: int
    busy: float
    idle: float
    stolen: float
    ours: float


@dataclass(frozen=True)
class CpuContention:
    """What was taken in one stretch of `seconds`, in cores of `cores`; `idle` was left.

    `missed` is what others took in those looks in which they took more than was left.
    """

    seconds: float
    cores: int
    others: float
    stolen: float
    idle: float
    missed: float

    @property
    def is_excessive(self) -> bool:
        """Say whether figures of this stretch are others' as much as the server's."""
        return self.missed > MAX_OTHERS_SHARE * self.cores or self.stolen > MAX_STEAL_SHARE * self.cores

    @property
    def description(self) -> str:
        """Say what was taken, in words."""
        taken = [f"other programs took {self.others:.1f}"] if self.others >= 0.05 else []
        taken += [f"the host of this virtual machine kept {self.stolen:.1f}"] if self.stolen >= 0.05 else []
        return f"{' and '.join(taken)} of {self.cores} cores for {self.seconds:.1f} s, and {self.idle:.1f} were idle"

    @property
    def advice(self) -> str:
        """Say what to do where it is unfit."""
        if self.missed > MAX_OTHERS_SHARE * self.cores:
            return "close other programs (`top` shows them), or measure on a machine of its own"
        return "measure on a machine of its own"


def contention_windows(cpu_samples: Sequence[CpuSample], seconds: float = MIN_WINDOW_SECONDS) -> list[CpuContention]:
    """Return what was taken in each stretch of at least so many `seconds`, or in all of a shorter time."""
    pieces = [_difference(one, other) for one, other in pairwise(cpu_samples)]
    found: list[CpuContention] = []
    first = 0
    for last in range(1, len(cpu_samples)):
        while cpu_samples[last].at - cpu_samples[first + 1].at >= seconds:
            first += 1
        long_enough = cpu_samples[last].at - cpu_samples[first].at >= seconds
        if long_enough or (not found and last == len(cpu_samples) - 1):
            found += _mean(pieces[first:last])
    return found


def apply_cpu_contention(
    cell: ScenarioResult, cpu_samples: Sequence[CpuSample], *, started_here: bool = True
) -> ScenarioResult:
    """Return `cell` as it stands beside what the machine did meanwhile. What was measured stays.

    It is invalid where others took too much in some stretch, and has a caveat where they took less than that. Of a
    server that was not `started_here` nobody knows which processes are its own: others are then a caveat at most.
    """
    if cell.grade not in SERVER_GRADES or len(cpu_samples) < 2:
        return cell
    whole = cpu_samples[-1].at - cpu_samples[0].at
    # What decides a claim is many rounds, which are judged by themselves: one burst is not all of them.
    found = contention_windows(cpu_samples, whole if cell.claims else max(MIN_WINDOW_SECONDS, WINDOW_SHARE * whole))
    worst = max(found, key=lambda each: (each.is_excessive, each.missed + each.stolen), default=None)
    if worst is not None and not started_here and all(each.stolen <= MAX_STEAL_SHARE * each.cores for each in found):
        words = f"maybe not alone: this server and {worst.description}; which of them took it nobody here can tell"
        return replace(cell, caveats=(*cell.caveats, words)) if worst.is_excessive else cell
    if worst is not None and worst.is_excessive:
        why = f"{worst.description}: {worst.advice}"
        return replace(
            cell,
            grade=Grade.INVALID,
            generator=replace(cell.generator or GeneratorHealth(True), valid=False, why=why),
            claims=(),
            note=f"Not a measurement of the server: {why}. {cell.note}".strip(),
        )
    busiest = max(found, key=lambda each: each.others + each.stolen, default=None)
    if busiest is not None and busiest.others + busiest.stolen > CAVEAT_SHARE * busiest.cores:
        return replace(cell, caveats=(*cell.caveats, f"not alone: {busiest.description}"))
    return cell


def _difference(one: CpuSample, other: CpuSample) -> CpuContention | None:
    seconds = other.at - one.at
    if seconds <= 0 or one.cores != other.cores:
        return None
    busy, idle, stolen, ours = (
        max(0.0, getattr(other, name) - getattr(one, name)) / seconds for name in ("busy", "idle", "stolen", "ours")
    )
    others = max(0.0, busy - ours)
    return CpuContention(seconds, one.cores, others, stolen, idle, others if others > idle else 0.0)


def _mean(pieces: Sequence[CpuContention | None]) -> list[CpuContention]:
    """Return the mean of `pieces`; none where nothing is known."""
    known = [each for each in pieces if each is not None]
    if not known:
        return []
    seconds = sum(each.seconds for each in known)
    means = {
        name: sum(getattr(each, name) * each.seconds for each in known) / seconds
        for name in ("others", "stolen", "idle", "missed")
    }
    return [CpuContention(seconds, known[0].cores, **means)]
