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

from wsgi_gauntlet.harness.load.analysis.grading import GOOD_GOODPUT
from wsgi_gauntlet.harness.model import Claim, ClaimVerdict, Grade
from wsgi_gauntlet.harness.stats.summary import bootstrap_interval

MIN_BOOTSTRAP_ROUNDS = 5
"""Rounds from which on a bootstrap of their median says more than the span of all (see stats.bootstrap_interval)."""

MIN_ROUNDS = 2
"""Rounds below which times decide nothing: one has no interval."""

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True)
class Interval:
    """Where a figure lies: `middle` is the rounds' median, `low` and `high` are the ends of what they leave open."""

    low: float
    median: float
    high: float

    def describe(self, format_value: Callable[[float], str] = lambda value: f"{value:.2f}") -> str:
        """Return it in words: the middle, and from where to where unless that is the same."""
        median, low, high = format_value(self.median), format_value(self.low), format_value(self.high)
        return median if low == high else f"{median} ({low} to {high})"


def interval(values: Iterable[float]) -> Interval:
    """Return where the figure behind `values`, one a round, lies: their span, or a bootstrap interval of
    MIN_BOOTSTRAP_ROUNDS.

    Raises ValueError for no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("an interval of nothing: give at least one value")
    low, high = bootstrap_interval(ordered) if len(ordered) >= MIN_BOOTSTRAP_ROUNDS else (ordered[0], ordered[-1])
    return Interval(low, statistics.median(ordered), high)


def median(values: Sequence[float]) -> float | None:
    """Return the median of `values`, one a round, for a report; None where no round counts."""
    return statistics.median(values) if values else None


class RoundResult(Protocol):
    """What a round of one server says of its answers."""

    @property
    def ok(self) -> int:
        """How many were right."""

    @property
    def goodput(self) -> float:
        """Their share, 0 to 1, of what was asked."""


A = TypeVar("A", bound=RoundResult)


def keep_valid_rounds(
    arms: Mapping[K, Sequence[T]], is_valid: Callable[[T], bool], why: str
) -> tuple[dict[K, list[T]], str]:
    """Return `arms` without the rounds in which one of them does not count, and what is to be said of these: `why`."""
    rounds = list(zip(*arms.values(), strict=True))
    valid_rounds = [each for each in rounds if all(is_valid(one) for one in each)]
    dropped = len(rounds) - len(valid_rounds)
    notes = f"{dropped} round{' does' if dropped == 1 else 's do'} not count: {why}." if dropped else ""
    return {name: [each[place] for each in valid_rounds] for place, name in enumerate(arms)}, notes


def keep_served_rounds(arms: Mapping[K, Sequence[A]]) -> tuple[dict[K, list[A]], str]:
    """Return `arms` without the rounds in which one of them did not answer rightly, and what is to be said of these.

    An error is quick and cheap, so it tells nothing of what an answer costs or how long it takes.
    """
    return keep_valid_rounds(
        arms, lambda each: each.ok > 0 and each.goodput >= GOOD_GOODPUT, "not all answers were right"
    )


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """Return for each round `of` / `to`. Rounds in which `to` is 0 have no ratio and are left out."""
    return [mine / other for mine, other in zip(of, to, strict=True) if other > 0]


def below(values: Sequence[float], limit: float, min_rounds: int = MIN_ROUNDS) -> ClaimVerdict:
    """Say whether what was measured lies below `limit`; INCONCLUSIVE with less than `fewest` values, one a round."""
    if len(values) < max(1, min_rounds):
        return ClaimVerdict.INCONCLUSIVE
    found = interval(values)
    return (
        ClaimVerdict.HELD
        if found.high < limit
        else ClaimVerdict.DID_NOT_HOLD
        if found.low >= limit
        else ClaimVerdict.INCONCLUSIVE
    )


def above(values: Sequence[float], limit: float, min_rounds: int = MIN_ROUNDS) -> ClaimVerdict:
    """Say whether what was measured lies above `limit`; INCONCLUSIVE with less than `fewest` values, one a round."""
    if len(values) < max(1, min_rounds):
        return ClaimVerdict.INCONCLUSIVE
    found = interval(values)
    return (
        ClaimVerdict.HELD
        if found.low > limit
        else ClaimVerdict.DID_NOT_HOLD
        if found.high <= limit
        else ClaimVerdict.INCONCLUSIVE
    )


def unanimous(rounds: Iterable[ClaimVerdict]) -> ClaimVerdict:
    """Return what all rounds say, INCONCLUSIVE where they say different things or there is none."""
    verdicts = set(rounds)
    return verdicts.pop() if len(verdicts) == 1 else ClaimVerdict.INCONCLUSIVE


def with_notes(claim: Claim, *notes: str) -> Claim:
    """Return `claim` with more sentences behind its figures; empty ones are none."""
    return msgspec.structs.replace(claim, figures=" ".join(filter(None, [claim.figures, *notes])))


def undecided_if_lower_bounds(claim: Claim, bounds: Sequence[str]) -> Claim:
    """Return `claim`, which compares rates, where `bounds` say that these are lower bounds; unchanged without any.

    The faster server is then faster than was measured: what held still does, and what did not hold is left open.
    """
    if not bounds or claim.verdict is not ClaimVerdict.DID_NOT_HOLD:
        return claim
    return with_notes(
        msgspec.structs.replace(claim, verdict=ClaimVerdict.INCONCLUSIVE),
        "The generator was at its limit: rates are lower bounds.",
    )


def grade_claims(claims: Sequence[Claim]) -> Grade:
    """Return the cell's grade: figures, unless none of its statements could be decided."""
    undecided = all(each.verdict is ClaimVerdict.INCONCLUSIVE for each in claims)
    return Grade.INCONCLUSIVE if undecided else Grade.MEASURED


def alternating_orders(arms: Sequence[int], rounds: int) -> list[list[int]]:
    """Return for each round the order of its arms: as given, then backwards, and so on."""
    return [list(arms if number % 2 == 0 else reversed(arms)) for number in range(rounds)]
