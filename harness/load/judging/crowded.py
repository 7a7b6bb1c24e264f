"""Whether other programs took so much of the machine that figures are theirs as much as the server's. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from ...model import GeneratorHealth, Grade, Load

TAKEN = 0.1
"""The share of the machine's cores that others may take where less than that is left idle."""

STOLEN = 0.05
"""The share that the host of a virtual machine may keep for others: that time is missed whatever is idle."""

WORTH_SAYING = 0.1
"""The share from which a reader is told of others, though enough was left idle."""

STRETCH = 1.0
"""Seconds over which shares are taken: a burst that is shorter is a hiccup."""

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
    """What was taken in one stretch of `seconds`, in cores of `cores`; `idle` was left."""

    seconds: float
    cores: int
    others: float
    stolen: float
    idle: float

    @property
    def unfit(self) -> bool:
        """Say whether figures of this stretch are others' as much as the server's."""
        taken = self.others > TAKEN * self.cores and self.others > self.idle
        return taken or self.stolen > STOLEN * self.cores

    @property
    def told(self) -> str:
        """Say what was taken, in words."""
        taken = [f"other programs took {self.others:.1f}"] if self.others >= 0.05 else []
        taken += [f"the host of this virtual machine kept {self.stolen:.1f}"] if self.stolen >= 0.05 else []
        return f"{' and '.join(taken)} of {self.cores} cores for {self.seconds:.1f} s, and {self.idle:.1f} were idle"


def stretches(looks: Sequence[Look]) -> list[Crowd]:
    """Return what was taken in each stretch of at least STRETCH seconds, or in all of a shorter time."""
    found: list[Crowd] = []
    first = 0
    for last in range(1, len(looks)):
        while looks[last].at - looks[first + 1].at >= STRETCH:
            first += 1
        long_enough = looks[last].at - looks[first].at >= STRETCH
        if long_enough or (not found and last == len(looks) - 1):
            found += _between(looks[first], looks[last])
    return found


def worst(looks: Sequence[Look]) -> Crowd | None:
    """Return the stretch that is hardest on the figures; None where nothing is known."""
    return max(stretches(looks), key=lambda each: (each.unfit, each.stolen + each.others - each.idle), default=None)


def seen_beside(cell: Load, looks: list[Look]) -> Load:
    """Return `cell` as it stands beside what the machine did meanwhile. What was measured stays.

    It is invalid where others took too much in some stretch, and has a caveat where they took less than that.
    """
    if cell.grade not in JUDGED:
        return cell
    # What decides a claim is many rounds, which are judged by themselves: one burst is not all of them.
    found = worst(looks[:1] + looks[-1:] if cell.claims else looks)
    if found is not None and found.unfit:
        why = f"{found.told}: close other programs, or measure on a machine of its own"
        return replace(
            cell,
            grade=Grade.INVALID,
            generator=replace(cell.generator or GeneratorHealth(True), valid=False, why=why),
            claims=(),
            note=f"Not a measurement of the server: {why}. {cell.note}".strip(),
        )
    busiest = max(stretches(looks), key=lambda each: each.others + each.stolen, default=None)
    if busiest is not None and busiest.others + busiest.stolen > WORTH_SAYING * busiest.cores:
        return replace(cell, artefacts=(*cell.artefacts, f"not alone: {busiest.told}"))
    return cell


def _between(one: Look, other: Look) -> list[Crowd]:
    seconds = other.at - one.at
    if seconds <= 0 or one.cores != other.cores:
        return []
    busy, idle, stolen, ours = (
        max(0.0, getattr(other, name) - getattr(one, name)) / seconds for name in ("busy", "idle", "stolen", "ours")
    )
    return [Crowd(seconds, one.cores, max(0.0, busy - ours), stolen, idle)]
