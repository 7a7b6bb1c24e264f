"""Decide whether other programs took so much CPU time that the figures do not describe the server. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from msgspec.structs import replace

from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, ScenarioResult

MAX_OTHERS_SHARE = 0.1
"""The share of the cores that other programs may take on average while less than that is idle.

A rate that depends on the cores is then at most a tenth too low. That is the noise of figures from one machine.
"""

MAX_STEAL_SHARE = 0.05
"""The share that the host of a virtual machine may take. That time is lost, however much is idle."""

CAVEAT_SHARE = 0.05
"""From this share on, the result has a caveat, although it is valid."""

MIN_WINDOW_SECONDS = 5.0
"""Seconds over which shares are computed: about one step or phase. One busy second stays below MAX_OTHERS_SHARE."""

WINDOW_SHARE = 0.1
"""The share of a longer scenario that replaces MIN_WINDOW_SECONDS: its steps are longer, and a burst decides none."""


@dataclass(frozen=True)
class CpuSample:
    """The seconds so far that `cores` were busy, idle and stolen, and used by the harness and its child processes."""

    at: float
    cores: int
    busy: float
    idle: float
    stolen: float
    own: float


@dataclass(frozen=True)
class CpuContention:
    """The cores that other programs used within `seconds`, out of `cores`, and the cores that were `idle`.

    `missed` counts only the samples in which they used more cores than were idle.
    """

    seconds: float
    cores: int
    others: float
    stolen: float
    idle: float
    missed: float

    @property
    def is_excessive(self) -> bool:
        """Say whether other programs took too much in this window."""
        return self.missed > MAX_OTHERS_SHARE * self.cores or self.stolen > MAX_STEAL_SHARE * self.cores

    @property
    def description(self) -> str:
        """The used cores in words, for the report."""
        parts = [f"other programs took {self.others:.1f}"] if self.others >= 0.05 else []
        parts += [f"the host of this virtual machine took {self.stolen:.1f}"] if self.stolen >= 0.05 else []
        return f"{' and '.join(parts)} of {self.cores} cores for {self.seconds:.1f} s, and {self.idle:.1f} were idle"

    @property
    def advice(self) -> str:
        """Advice to the user if other programs used too much."""
        if self.missed > MAX_OTHERS_SHARE * self.cores:
            return "close other programs (`top` shows them), or measure on a dedicated machine"
        return "measure on a dedicated machine"


def contention_windows(cpu_samples: Sequence[CpuSample], seconds: float = MIN_WINDOW_SECONDS) -> list[CpuContention]:
    """Return the contention of each window of at least `seconds`, or of all samples if they are shorter."""
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
    """Return `cell`, made invalid or with a caveat if other programs disturbed it. The figures stay.

    It becomes invalid if they took too much in some window, and gets a caveat if they took less. The processes of a
    server that was not `started_here` are unknown: other programs are then at most a caveat.
    """
    if not cell.grade.is_judged or len(cpu_samples) < 2:
        return cell
    whole = cpu_samples[-1].at - cpu_samples[0].at
    # A claim rests on many rounds, which are judged one by one. One burst does not disturb all of them.
    found = contention_windows(cpu_samples, whole if cell.claims else max(MIN_WINDOW_SECONDS, WINDOW_SHARE * whole))
    worst = max(found, key=lambda each: (each.is_excessive, each.missed + each.stolen), default=None)
    if worst is not None and not started_here and all(each.stolen <= MAX_STEAL_SHARE * each.cores for each in found):
        words = (
            f"the machine may have been shared: this server and {worst.description}; the harness cannot separate them"
        )
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
        return replace(cell, caveats=(*cell.caveats, f"the machine was shared: {busiest.description}"))
    return cell


def _difference(one: CpuSample, other: CpuSample) -> CpuContention | None:
    seconds = other.at - one.at
    if seconds <= 0 or one.cores != other.cores:
        return None
    busy, idle, stolen, own = (
        max(0.0, getattr(other, name) - getattr(one, name)) / seconds for name in ("busy", "idle", "stolen", "own")
    )
    others = max(0.0, busy - own)
    return CpuContention(seconds, one.cores, others, stolen, idle, others if others > idle else 0.0)


def _mean(pieces: Sequence[CpuContention | None]) -> list[CpuContention]:
    """Return the mean of `pieces`, an empty list if nothing is known."""
    known = [each for each in pieces if each is not None]
    if not known:
        return []
    seconds = sum(each.seconds for each in known)
    means = {
        name: sum(getattr(each, name) * each.seconds for each in known) / seconds
        for name in ("others", "stolen", "idle", "missed")
    }
    return [CpuContention(seconds, known[0].cores, **means)]
