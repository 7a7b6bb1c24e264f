"""The search for the highest arrival rate that a server holds: its capacity.

It starts at a guess, goes up or down by steps that grow until it has one rate that held and one that did not, and cuts
the stretch between them in half, as a ratio, until it is as narrow as was asked for:

    guess 400 held    500 held    780 did not        next: 625
    625 did not    559 held    590 did not ...       capacity lies in [559, 590)

A single try is one throw of the dice near the edge: one stall of the machine fails it, and a lucky draw of the arrivals
lets it pass. So a failure that is not `clear` is tried again, and so is the rate that would be the answer; where two
tries of one rate contradict each other, a third decides. A try in which the generator itself was not fit says nothing
of the server; twice in a row makes it a ceiling: the capacity is then at least what held below it.

What to try next is a pure function of the tries so far, so a search that ran out of time still says what it has.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from ...model import Outcome
from ..judging.grading import NOTICED, seconds
from ..lanes.lane_result import LaneResult

ERRORS = 0.001
"""The share of requests that may come to a wrong answer, an error or a time-out (SCENARIOS.md)."""

ACHIEVED = 0.99
"""The share of requests that must be rightly answered (SCENARIOS.md)."""

FAR = 5.0
"""A p99 of so many times its limit is no matter of chance; nor is a median beyond it, or so many times the share lost
that is allowed."""

FIRST_STEP = 1.25
"""The first step from the guess, which is seldom wrong by more; each further one is the square of the one before."""

LONGEST_STEP = 4.0
"""No step is longer: with a guess of 100 a second, a million is nine steps away."""

TRIES = 3
"""Tries of one rate at most."""

PROBES = 100
"""More than any search takes."""

OUT_OF_REACH = 1.15
"""How near the rate that held and one that the generator could not offer are to be: the answer is a bound anyway."""

NOISE = 0.1
"""The width, as a share of the rate, in which tries may contradict each other before the answer is worth nothing; where
the search itself is coarser, twice its precision."""


class Said(enum.Enum):
    """What one try came to."""

    HELD = "held"
    FAILED = "failed"
    UNFIT = "the generator was not fit"


@dataclass(frozen=True)
class Try:
    """One try of `rate` requests a second. `clear` says that a failure was far from the limits, `why` what failed."""

    rate: float
    said: Said
    clear: bool = False
    why: str = ""


@dataclass(frozen=True)
class Bracket:
    """Where the capacity lies, in requests per second: at least `held`, below `failed`.

    `held` is None where no rate held, `failed` where none failed. `ceiling` is the lowest rate that the generator could
    not offer, None where it could offer all. `noise` is the width, as a share, of the stretch in which tries contradict
    each other: between rates that held at one time and failed at another. Only one such rate is a hiccup and no noise.
    """

    held: float | None
    failed: float | None
    ceiling: float | None
    noise: float = 0.0

    @property
    def above(self) -> float | None:
        """The end of the stretch, whoever sets it."""
        return min((each for each in (self.failed, self.ceiling) if each is not None), default=None)

    @property
    def bound(self) -> bool:
        """Say whether `held` is only a lower bound: no rate that the generator could offer failed."""
        return self.held is not None and (
            self.failed is None or (self.ceiling is not None and self.ceiling < self.failed)
        )


def a_second(rate: float) -> str:
    """Return `rate` as a person reads it: `1,733/s`, `31.4/s`."""
    return f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.3g}/s"


def judge(rate: float, found: LaneResult, limit: float = NOTICED) -> Try:
    """Return what trying `rate` came to: p99 below `limit` seconds, few errors, most answered."""
    health = found.health(judged=limit)
    if not health.valid:
        return Try(rate, Said.UNFIT, why=health.why)
    mark = found.quantile(0.99)
    p99, bound = mark or (0.0, False)
    bad = found.wrong + found.errors + found.timeouts
    why = []
    if mark is None or p99 >= limit:
        why.append(f"p99 of {'at least ' if bound else ''}{seconds(p99)}" if mark else "no answers")
    if bad >= ERRORS * found.scheduled and bad:
        kinds = {Outcome.WRONG: found.wrong, Outcome.ERROR: found.errors, Outcome.TIMEOUT: found.timeouts}
        why.append(", ".join(f"{count} x {kind}" for kind, count in kinds.items() if count))
    if found.goodput < ACHIEVED:
        why.append(f"{found.goodput * 100:.3g} % answered")
    half = found.quantile(0.5)
    far = half is None or half[0] >= limit or p99 >= FAR * limit or found.goodput < 1 - FAR * (1 - ACHIEVED)
    return Try(rate, Said.FAILED if why else Said.HELD, clear=bool(why) and far, why="; ".join(why))


def bracket(tries: Iterable[Try]) -> Bracket:
    """Return where the capacity lies after `tries`: below the lowest rate that failed, whatever higher ones did."""
    tries = list(tries)
    verdicts = {rate: _verdict(tries, rate) for rate in {each.rate for each in tries}}
    failed = min((rate for rate, said in verdicts.items() if said is Said.FAILED), default=None)
    unfit = (rate for rate, said in verdicts.items() if said is Said.UNFIT)
    held = max(
        (rate for rate, said in verdicts.items() if said is Said.HELD and (failed is None or rate < failed)),
        default=None,
    )
    # What could be offered at some time is no ceiling below it.
    ceiling = min((rate for rate in unfit if held is None or rate > held), default=None)
    highest = max((rate for rate, said in verdicts.items() if said is Said.HELD), default=0.0)
    split = [rate for rate in verdicts if _count(tries, rate, Said.HELD) and _count(tries, rate, Said.FAILED)]
    over = max(highest / failed if failed else 1.0, max(split) / min(split) if split else 1.0)
    return Bracket(held, failed, ceiling, max(0.0, over - 1))


def inconclusive(found: Bracket, precision: float) -> bool:
    """Say whether tries contradicted each other over a stretch too wide for an answer."""
    return found.noise > max(NOISE, 2 * precision)


def following(
    tries: Sequence[Try], first: float, precision: float, *, least: float = 1.0, most: float = math.inf
) -> float | None:
    """Return the rate to try next, None where the search is over.

    `first` is the guess; no rate below `least` or above `most` is tried. The search ends when the stretch is no wider
    than `precision` (0.02 is 2 %) and the rate that held has held twice.
    """
    if not tries:
        return min(max(first, least), most)
    last = tries[-1].rate
    if _undecided(tries, last):
        return last
    found = bracket(tries)
    above = found.above
    if found.held is None:
        return _lower(tries, least)
    if above is None:
        if found.held < most:
            return min(found.held * _step(tries, Said.HELD), most)
    else:
        wide = OUT_OF_REACH if found.bound else 1 + precision
        if above > found.held * wide:
            return math.sqrt(found.held * above)
    # At the edge one try is a throw of the dice.
    tried = sum(each.rate == found.held for each in tries)
    return None if found.bound or tried >= TRIES or _count(tries, found.held, Said.HELD) > 1 else found.held


async def search(
    probe: Callable[[float], Awaitable[Try]],
    first: float,
    precision: float,
    *,
    least: float = 1.0,
    most: float = math.inf,
    more: Callable[[], bool] = lambda: True,
) -> tuple[Try, ...]:
    """Try rates with `probe` and return all tries; `bracket` says where the capacity lies.

    Before every try `more` says whether there is time for it.
    """
    tries: list[Try] = []
    for _ in range(PROBES):
        rate = following(tries, first, precision, least=least, most=most)
        if rate is None or not more():
            break
        tries.append(await probe(rate))
    return tuple(tries)


def _lower(tries: Sequence[Try], least: float) -> float | None:
    lowest = min(each.rate for each in tries)
    return None if lowest <= least else max(least, lowest / _step(tries, Said.FAILED, Said.UNFIT))


def _step(tries: Sequence[Try], *said: Said) -> float:
    """Return how far to go after so many rates that all came to the same."""
    rates = {each.rate for each in tries if _verdict(tries, each.rate) in said}
    return float(min(FIRST_STEP ** (2 ** min(max(0, len(rates) - 1), 5)), LONGEST_STEP))


def _count(tries: Iterable[Try], rate: float, said: Said) -> int:
    return sum(each.rate == rate and each.said is said for each in tries)


def _undecided(tries: Sequence[Try], rate: float) -> bool:
    """Say whether `rate` is to be tried again at once."""
    held, failed, unfit = (_count(tries, rate, said) for said in Said)
    if held + failed + unfit >= TRIES:
        return False
    if not held and not failed:
        return unfit < 2
    return held == failed or (not held and failed == 1 and not _clear(tries, rate))


def _verdict(tries: Iterable[Try], rate: float) -> Said:
    tries = list(tries)
    held, failed, unfit = (_count(tries, rate, said) for said in Said)
    # A failure that was a near thing and never seen again, since the generator had its own, is not the server's.
    if not held and (not failed or (failed == 1 and unfit > 1 and not _clear(tries, rate))):
        return Said.UNFIT
    return Said.HELD if held > failed else Said.FAILED


def _clear(tries: Iterable[Try], rate: float) -> bool:
    return any(each.clear for each in tries if each.rate == rate and each.said is Said.FAILED)
