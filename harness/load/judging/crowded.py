"""Whether other programs took so much of the machine that figures are theirs as much as the server's. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from msgspec.structs import replace

from ...model import GeneratorHealth, Grade, Load

TAKEN = 0.1
"""The share of the machine's cores that others may take, on average, while less than that is left idle.

A rate that falls with the cores is then a tenth too low at worst, which is the noise of figures from one machine.
"""

STOLEN = 0.05
"""The share that the host of a virtual machine may keep for others: that time is missed whatever is idle."""

WORTH_SAYING = 0.05
"""The share from which a reader is told of others, though figures stand."""

WINDOW = 5.0
"""Seconds over which shares are taken: about what one step or phase lasts. One busy second in it stays below TAKEN."""

PART = 0.1
"""The share of a longer scenario that takes the place of WINDOW: its steps are longer, and no burst decides them."""

JUDGED = frozenset({Grade.IMMUNE, Grade.DEGRADES, Grade.COLLAPSES, Grade.WEDGED, Grade.MEASURED})
"""Grades that say something of the server."""


@dataclass(frozen=True)
class Look:
    """The seconds so far that `cores` were busy, idle and stolen, and that this program's processes took of them."""

    at: float
    cores: int
    busy: float
    idle: float
    stolen: float
    ours: float


@dataclass(frozen=True)
class Crowd:
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
    def unfit(self) -> bool:
        """Say whether figures of this stretch are others' as much as the server's."""
        return self.missed > TAKEN * self.cores or self.stolen > STOLEN * self.cores

    @property
    def told(self) -> str:
        """Say what was taken, in words."""
        taken = [f"other programs took {self.others:.1f}"] if self.others >= 0.05 else []
        taken += [f"the host of this virtual machine kept {self.stolen:.1f}"] if self.stolen >= 0.05 else []
        return f"{' and '.join(taken)} of {self.cores} cores for {self.seconds:.1f} s, and {self.idle:.1f} were idle"

    @property
    def advice(self) -> str:
        """Say what to do where it is unfit."""
        if self.missed > TAKEN * self.cores:
            return "close other programs (`top` shows them), or measure on a machine of its own"
        return "measure on a machine of its own"


def stretches(looks: Sequence[Look], seconds: float = WINDOW) -> list[Crowd]:
    """Return what was taken in each stretch of at least so many `seconds`, or in all of a shorter time."""
    pieces = [_between(one, other) for one, other in pairwise(looks)]
    found: list[Crowd] = []
    first = 0
    for last in range(1, len(looks)):
        while looks[last].at - looks[first + 1].at >= seconds:
            first += 1
        long_enough = looks[last].at - looks[first].at >= seconds
        if long_enough or (not found and last == len(looks) - 1):
            found += _together(pieces[first:last])
    return found


def seen_beside(cell: Load, looks: Sequence[Look], *, started_here: bool = True) -> Load:
    """Return `cell` as it stands beside what the machine did meanwhile. What was measured stays.

    It is invalid where others took too much in some stretch, and has a caveat where they took less than that. Of a
    server that was not `started_here` nobody knows which processes are its own: others are then a caveat at most.
    """
    if cell.grade not in JUDGED or len(looks) < 2:
        return cell
    whole = looks[-1].at - looks[0].at
    # What decides a claim is many rounds, which are judged by themselves: one burst is not all of them.
    found = stretches(looks, whole if cell.claims else max(WINDOW, PART * whole))
    worst = max(found, key=lambda each: (each.unfit, each.missed + each.stolen), default=None)
    if worst is not None and not started_here and all(each.stolen <= STOLEN * each.cores for each in found):
        words = f"maybe not alone: this server and {worst.told}; which of them took it nobody here can tell"
        return replace(cell, artefacts=(*cell.artefacts, words)) if worst.unfit else cell
    if worst is not None and worst.unfit:
        why = f"{worst.told}: {worst.advice}"
        return replace(
            cell,
            grade=Grade.INVALID,
            generator=replace(cell.generator or GeneratorHealth(True), valid=False, why=why),
            claims=(),
            note=f"Not a measurement of the server: {why}. {cell.note}".strip(),
        )
    busiest = max(found, key=lambda each: each.others + each.stolen, default=None)
    if busiest is not None and busiest.others + busiest.stolen > WORTH_SAYING * busiest.cores:
        return replace(cell, artefacts=(*cell.artefacts, f"not alone: {busiest.told}"))
    return cell


def _between(one: Look, other: Look) -> Crowd | None:
    seconds = other.at - one.at
    if seconds <= 0 or one.cores != other.cores:
        return None
    busy, idle, stolen, ours = (
        max(0.0, getattr(other, name) - getattr(one, name)) / seconds for name in ("busy", "idle", "stolen", "ours")
    )
    others = max(0.0, busy - ours)
    return Crowd(seconds, one.cores, others, stolen, idle, others if others > idle else 0.0)


def _together(pieces: Sequence[Crowd | None]) -> list[Crowd]:
    """Return the mean of `pieces`; none where nothing is known."""
    known = [each for each in pieces if each is not None]
    if not known:
        return []
    seconds = sum(each.seconds for each in known)
    means = {
        name: sum(getattr(each, name) * each.seconds for each in known) / seconds
        for name in ("others", "stolen", "idle", "missed")
    }
    return [Crowd(seconds, known[0].cores, **means)]
