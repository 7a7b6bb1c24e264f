"""From figures of several rounds to whether a statement held. Values in, values out.

Two servers take turns (A B B A ...), and each round gives one ratio, so what changes on the machine meanwhile falls on
both. The ratios' interval decides: where all of it lies on one side of the threshold there is an answer, and where it
lies on both there is none.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec

from ...claim import Claim, Held
from ...model import Grade
from ...stats import bootstrap_interval
from .grading import GOOD

ENOUGH = 5
"""Rounds from which on a bootstrap of their median says more than the span of all (see stats.bootstrap_interval)."""

FEWEST = 2
"""Rounds below which times decide nothing: one has no interval."""

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True)
class Interval:
    """Where a figure lies: `middle` is the rounds' median, `low` and `high` are the ends of what they leave open."""

    low: float
    middle: float
    high: float

    def told(self, shown: Callable[[float], str] = lambda value: f"{value:.2f}") -> str:
        """Return it in words: the middle, and from where to where unless that is the same."""
        middle, low, high = shown(self.middle), shown(self.low), shown(self.high)
        return middle if low == high else f"{middle} ({low} to {high})"


def interval(values: Iterable[float]) -> Interval:
    """Return where the figure behind `values`, one a round, lies: their span, or a bootstrap interval of ENOUGH.

    Raises ValueError for no values.
    """
    seen = sorted(values)
    if not seen:
        raise ValueError("an interval of nothing: give at least one value")
    low, high = bootstrap_interval(seen) if len(seen) >= ENOUGH else (seen[0], seen[-1])
    return Interval(low, statistics.median(seen), high)


def middle(values: Sequence[float]) -> float | None:
    """Return the median of `values`, one a round, for a report; None where no round counts."""
    return statistics.median(values) if values else None


class Answers(Protocol):
    """What a round of one server says of its answers."""

    @property
    def ok(self) -> int:
        """How many were right."""

    @property
    def goodput(self) -> float:
        """Their share, 0 to 1, of what was asked."""


A = TypeVar("A", bound=Answers)


def counting(arms: Mapping[K, Sequence[T]], counts: Callable[[T], bool], why: str) -> tuple[dict[K, list[T]], str]:
    """Return `arms` without the rounds in which one of them does not count, and what is to be said of these: `why`."""
    rounds = list(zip(*arms.values(), strict=True))
    kept = [each for each in rounds if all(counts(one) for one in each)]
    lost = len(rounds) - len(kept)
    told = f"{lost} round{' does' if lost == 1 else 's do'} not count: {why}." if lost else ""
    return {name: [each[place] for each in kept] for place, name in enumerate(arms)}, told


def served(arms: Mapping[K, Sequence[A]]) -> tuple[dict[K, list[A]], str]:
    """Return `arms` without the rounds in which one of them did not answer rightly, and what is to be said of these.

    An error is quick and cheap, so it tells nothing of what an answer costs or how long it takes.
    """
    return counting(arms, lambda each: each.ok > 0 and each.goodput >= GOOD, "not all answers were right")


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """Return for each round `of` / `to`. Rounds in which `to` is 0 have no ratio and are left out."""
    return [mine / other for mine, other in zip(of, to, strict=True) if other > 0]


def below(values: Sequence[float], limit: float, fewest: int = FEWEST) -> Held:
    """Say whether what was measured lies below `limit`; INCONCLUSIVE with less than `fewest` values, one a round."""
    if len(values) < max(1, fewest):
        return Held.INCONCLUSIVE
    found = interval(values)
    return Held.HELD if found.high < limit else Held.BROKEN if found.low >= limit else Held.INCONCLUSIVE


def above(values: Sequence[float], limit: float, fewest: int = FEWEST) -> Held:
    """Say whether what was measured lies above `limit`; INCONCLUSIVE with less than `fewest` values, one a round."""
    if len(values) < max(1, fewest):
        return Held.INCONCLUSIVE
    found = interval(values)
    return Held.HELD if found.low > limit else Held.BROKEN if found.high <= limit else Held.INCONCLUSIVE


def unanimous(rounds: Iterable[Held]) -> Held:
    """Return what all rounds say, INCONCLUSIVE where they say different things or there is none."""
    said = set(rounds)
    return said.pop() if len(said) == 1 else Held.INCONCLUSIVE


def noting(claim: Claim, *told: str) -> Claim:
    """Return `claim` with more sentences behind its figures; empty ones are none."""
    return msgspec.structs.replace(claim, figures=" ".join(filter(None, [claim.figures, *told])))


def bounded(claim: Claim, bounds: Sequence[str]) -> Claim:
    """Return `claim`, which compares rates, where `bounds` say that these are lower bounds; unchanged without any.

    The faster server is then faster than was measured: what held still does, and what did not hold is left open.
    """
    if not bounds or claim.held is not Held.BROKEN:
        return claim
    return noting(
        msgspec.structs.replace(claim, held=Held.INCONCLUSIVE),
        "The generator was at its limit: rates are lower bounds.",
    )


def graded(claims: Sequence[Claim]) -> Grade:
    """Return the cell's grade: figures, unless none of its statements could be decided."""
    undecided = all(each.held is Held.INCONCLUSIVE for each in claims)
    return Grade.INCONCLUSIVE if undecided else Grade.MEASURED


def in_turn(arms: Sequence[int], rounds: int) -> list[list[int]]:
    """Return for each round the order of its arms: as given, then backwards, and so on."""
    return [list(arms if number % 2 == 0 else reversed(arms)) for number in range(rounds)]
