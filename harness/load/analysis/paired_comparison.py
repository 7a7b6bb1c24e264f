"""Decide a claim by the figures of several rounds. Pure.

Two servers take turns (A B B A ...), and each round gives one ratio. Changes on the machine thus affect both. The
interval of the ratios decides: a claim is decided only if the whole interval is on one side of the threshold.
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
"""With at least this many rounds, a bootstrap of the median says more than the range (see stats.bootstrap_interval)."""

MIN_ROUNDS = 2
"""Rounds that a decision needs: a single one has no interval."""

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True)
class Interval:
    """The median of several rounds, and the ends of its interval."""

    low: float
    median: float
    high: float

    def describe(self, format_value: Callable[[float], str] = lambda value: f"{value:.2f}") -> str:
        """Return it as text: the median, and the interval unless it is a single value."""
        median, low, high = format_value(self.median), format_value(self.low), format_value(self.high)
        return median if low == high else f"{median} ({low} to {high})"


def interval(values: Iterable[float]) -> Interval:
    """Return the interval of `values`, one per round: their range, or a bootstrap interval of many rounds.

    Raises ValueError for no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("an interval needs at least one value")
    low, high = bootstrap_interval(ordered) if len(ordered) >= MIN_BOOTSTRAP_ROUNDS else (ordered[0], ordered[-1])
    return Interval(low, statistics.median(ordered), high)


def median(values: Sequence[float]) -> float | None:
    """Return the median of `values`, one per round, None if no round counts."""
    return statistics.median(values) if values else None


class RoundResult(Protocol):
    """The responses of one server in one round."""

    @property
    def ok(self) -> int:
        """How many were correct."""

    @property
    def goodput(self) -> float:
        """Their share of all requests, 0 to 1."""


A = TypeVar("A", bound=RoundResult)


def keep_valid_rounds(
    arms: Mapping[K, Sequence[T]], is_valid: Callable[[T], bool], why: str
) -> tuple[dict[K, list[T]], str]:
    """Return `arms` without the rounds in which one of them is not valid, and a note with the reason `why`."""
    rounds = list(zip(*arms.values(), strict=True))
    valid_rounds = [each for each in rounds if all(is_valid(one) for one in each)]
    dropped = len(rounds) - len(valid_rounds)
    notes = f"{dropped} round{' does' if dropped == 1 else 's do'} not count: {why}." if dropped else ""
    return {name: [each[place] for each in valid_rounds] for place, name in enumerate(arms)}, notes


def keep_served_rounds(arms: Mapping[K, Sequence[A]]) -> tuple[dict[K, list[A]], str]:
    """Return `arms` without the rounds in which one of them had wrong responses, and a note about them.

    An error is quick and cheap, so it says nothing about the cost or the latency of a correct response.
    """
    return keep_valid_rounds(
        arms, lambda each: each.ok > 0 and each.goodput >= GOOD_GOODPUT, "not all responses were correct"
    )


def ratios(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """Return `of` / `to` for each round, without the rounds in which `to` is 0."""
    return [mine / other for mine, other in zip(of, to, strict=True) if other > 0]


def below(values: Sequence[float], limit: float, min_rounds: int = MIN_ROUNDS) -> ClaimVerdict:
    """Say whether the values are below `limit`. INCONCLUSIVE with fewer than `min_rounds` values, one per round."""
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
    """Say whether the values are above `limit`. INCONCLUSIVE with fewer than `min_rounds` values, one per round."""
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
    """Return the verdict of all rounds, INCONCLUSIVE if they differ or if there is none."""
    verdicts = set(rounds)
    return verdicts.pop() if len(verdicts) == 1 else ClaimVerdict.INCONCLUSIVE


def with_notes(claim: Claim, *notes: str) -> Claim:
    """Return `claim` with more sentences after its figures. Empty ones are left out."""
    return msgspec.structs.replace(claim, figures=" ".join(filter(None, [claim.figures, *notes])))


def undecided_if_lower_bounds(claim: Claim, bounds: Sequence[str]) -> Claim:
    """Return `claim`, which compares rates, for rates that are only lower bounds. `bounds` says why; empty if not.

    The faster server is then even faster. A claim that held still holds; one that did not becomes inconclusive.
    """
    if not bounds or claim.verdict is not ClaimVerdict.DID_NOT_HOLD:
        return claim
    return with_notes(
        msgspec.structs.replace(claim, verdict=ClaimVerdict.INCONCLUSIVE),
        "The generator was at its limit: the rates are lower bounds.",
    )


def grade_claims(claims: Sequence[Claim]) -> Grade:
    """Return the grade of the result: `measured`, or `inconclusive` if no claim could be decided."""
    undecided = all(each.verdict is ClaimVerdict.INCONCLUSIVE for each in claims)
    return Grade.INCONCLUSIVE if undecided else Grade.MEASURED


def alternating_orders(arms: Sequence[int], rounds: int) -> list[list[int]]:
    """Return the order of the arms in each round: forwards, backwards, and so on."""
    return [list(arms if number % 2 == 0 else reversed(arms)) for number in range(rounds)]
