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

from wsgi_gauntlet.harness.load.analysis.grading import NOTICEABLE_SECONDS, format_seconds, format_share
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.model import Outcome

MAX_ERROR_SHARE = 0.001
"""The share of requests that may come to a wrong answer, an error or a time-out (SCENARIOS.md)."""

MIN_SENT_SHARE = 0.99
"""The share of requests that must be rightly answered (SCENARIOS.md)."""

DECISIVE_FACTOR = 5.0
"""A p99 of so many times its limit is no matter of chance; nor is a median beyond it, or so many times the share lost
that is allowed."""

FIRST_STEP = 1.25
"""The first step from the guess, which is seldom wrong by more; each further one is the square of the one before."""

MAX_STEP = 4.0
"""No step is longer: with a guess of 100 a second, a million is nine steps away."""

MAX_PROBES_PER_RATE = 3
"""Tries of one rate at most."""

MAX_PROBES = 100
"""More than any search takes."""

GENERATOR_LIMIT_PRECISION = 1.15
"""How near the rate that held and one that the generator could not offer are to be: the answer is a bound anyway."""

MAX_NOISE = 0.1
"""The width, as a share of the rate, in which tries may contradict each other before the answer is worth nothing; where
the search itself is coarser, twice its precision."""


class ProbeOutcome(enum.Enum):
    """What one try came to."""

    PASSED = "held"
    FAILED = "failed"
    UNFIT = "the generator was not fit"


@dataclass(frozen=True)
class RateProbe:
    """One try of `rate` requests a second. `clear` says that a failure was far from the limits, `why` what failed."""

    rate: float
    outcome: ProbeOutcome
    decisive: bool = False
    why: str = ""


@dataclass(frozen=True)
class CapacityBounds:
    """Where the capacity lies, in requests per second: at least `held`, below `failed`.

    `held` is None where no rate held, `failed` where none failed. `ceiling` is the lowest rate that the generator could
    not offer, None where it could offer all. `noise` is the width, as a share, of the stretch in which tries contradict
    each other: between rates that held at one time and failed at another. Only one such rate is a hiccup and no noise.
    """

    passed: float | None
    failed: float | None
    generator_limit: float | None
    noise: float = 0.0

    @property
    def upper_limit(self) -> float | None:
        """The end of the stretch, whoever sets it."""
        return min((each for each in (self.failed, self.generator_limit) if each is not None), default=None)

    @property
    def bound(self) -> bool:
        """Say whether `held` is only a lower bound: no rate that the generator could offer failed."""
        return self.passed is not None and (
            self.failed is None or (self.generator_limit is not None and self.generator_limit < self.failed)
        )


def format_rate(rate: float) -> str:
    """Return `rate` as a person reads it: `1,733/s`, `31.4/s`."""
    return f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.3g}/s"


def evaluate_probe(rate: float, found: GeneratorResult, limit: float = NOTICEABLE_SECONDS) -> RateProbe:
    """Return what trying `rate` came to: p99 below `limit` seconds, few errors, most answered."""
    health = found.health(time_resolution=limit)
    if not health.valid:
        return RateProbe(rate, ProbeOutcome.UNFIT, why=health.why)
    mark = found.quantile(0.99)
    p99, bound = mark or (0.0, False)
    bad = found.wrong + found.errors + found.timeouts
    why = []
    if mark is None or p99 >= limit:
        why.append(f"p99 of {'at least ' if bound else ''}{format_seconds(p99)}" if mark else "no answers")
    if bad >= MAX_ERROR_SHARE * found.scheduled and bad:
        kinds = {Outcome.WRONG: found.wrong, Outcome.ERROR: found.errors, Outcome.TIMEOUT: found.timeouts}
        why.append(", ".join(f"{count} x {kind.label}" for kind, count in kinds.items() if count))
    if found.goodput < MIN_SENT_SHARE:
        why.append(f"{format_share(found.goodput)} answered")
    half = found.quantile(0.5)
    far = (
        half is None
        or half[0] >= limit
        or p99 >= DECISIVE_FACTOR * limit
        or found.goodput < 1 - DECISIVE_FACTOR * (1 - MIN_SENT_SHARE)
    )
    return RateProbe(
        rate, ProbeOutcome.FAILED if why else ProbeOutcome.PASSED, decisive=bool(why) and far, why="; ".join(why)
    )


def capacity_bounds(tries: Iterable[RateProbe]) -> CapacityBounds:
    """Return where the capacity lies after `tries`: below the lowest rate that failed, whatever higher ones did."""
    tries = list(tries)
    verdicts = {rate: _rate_outcome(tries, rate) for rate in {each.rate for each in tries}}
    failed = min((rate for rate, outcome in verdicts.items() if outcome is ProbeOutcome.FAILED), default=None)
    unfit = (rate for rate, outcome in verdicts.items() if outcome is ProbeOutcome.UNFIT)
    passed = max(
        (
            rate
            for rate, outcome in verdicts.items()
            if outcome is ProbeOutcome.PASSED and (failed is None or rate < failed)
        ),
        default=None,
    )
    # What could be offered at some time is no ceiling below it.
    generator_limit = min((rate for rate in unfit if passed is None or rate > passed), default=None)
    highest = max((rate for rate, outcome in verdicts.items() if outcome is ProbeOutcome.PASSED), default=0.0)
    split = [
        rate
        for rate in verdicts
        if _count(tries, rate, ProbeOutcome.PASSED) and _count(tries, rate, ProbeOutcome.FAILED)
    ]
    over = max(highest / failed if failed else 1.0, max(split) / min(split) if split else 1.0)
    return CapacityBounds(passed, failed, generator_limit, max(0.0, over - 1))


def is_inconclusive(found: CapacityBounds, precision: float) -> bool:
    """Say whether tries contradicted each other over a stretch too wide for an answer."""
    return found.noise > max(MAX_NOISE, 2 * precision)


def next_probe_rate(
    tries: Sequence[RateProbe], first: float, precision: float, *, min_rate: float = 1.0, max_rate: float = math.inf
) -> float | None:
    """Return the rate to try next, None where the search is over.

    `first` is the guess; no rate below `least` or above `most` is tried. The search ends when the stretch is no wider
    than `precision` (0.02 is 2 %) and the rate that held has held twice.
    """
    if not tries:
        return min(max(first, min_rate), max_rate)
    last = tries[-1].rate
    if _needs_another_probe(tries, last):
        return last
    found = capacity_bounds(tries)
    upper_limit = found.upper_limit
    if found.passed is None:
        return _next_lower_rate(tries, min_rate)
    if upper_limit is None:
        if found.passed < max_rate:
            return min(found.passed * _step(tries, ProbeOutcome.PASSED), max_rate)
    else:
        wide = GENERATOR_LIMIT_PRECISION if found.bound else 1 + precision
        if upper_limit > found.passed * wide:
            return math.sqrt(found.passed * upper_limit)
    # At the edge one try is a throw of the dice.
    tried = sum(each.rate == found.passed for each in tries)
    return (
        None
        if found.bound or tried >= MAX_PROBES_PER_RATE or _count(tries, found.passed, ProbeOutcome.PASSED) > 1
        else found.passed
    )


async def search_capacity(
    probe: Callable[[float], Awaitable[RateProbe]],
    first: float,
    precision: float,
    *,
    min_rate: float = 1.0,
    max_rate: float = math.inf,
    has_time: Callable[[], bool] = lambda: True,
) -> tuple[RateProbe, ...]:
    """Try rates with `probe` and return all tries; `bracket` says where the capacity lies.

    Before every try `more` says whether there is time for it.
    """
    tries: list[RateProbe] = []
    for _ in range(MAX_PROBES):
        rate = next_probe_rate(tries, first, precision, min_rate=min_rate, max_rate=max_rate)
        if rate is None or not has_time():
            break
        tries.append(await probe(rate))
    return tuple(tries)


def _next_lower_rate(tries: Sequence[RateProbe], min_rate: float) -> float | None:
    lowest = min(each.rate for each in tries)
    return None if lowest <= min_rate else max(min_rate, lowest / _step(tries, ProbeOutcome.FAILED, ProbeOutcome.UNFIT))


def _step(tries: Sequence[RateProbe], *outcome: ProbeOutcome) -> float:
    """Return how far to go after so many rates that all came to the same."""
    rates = {each.rate for each in tries if _rate_outcome(tries, each.rate) in outcome}
    return float(min(FIRST_STEP ** (2 ** min(max(0, len(rates) - 1), 5)), MAX_STEP))


def _count(tries: Iterable[RateProbe], rate: float, outcome: ProbeOutcome) -> int:
    return sum(each.rate == rate and each.outcome is outcome for each in tries)


def _needs_another_probe(tries: Sequence[RateProbe], rate: float) -> bool:
    """Say whether `rate` is to be tried again at once."""
    passed, failed, unfit = (_count(tries, rate, outcome) for outcome in ProbeOutcome)
    if passed + failed + unfit >= MAX_PROBES_PER_RATE:
        return False
    if not passed and not failed:
        return unfit < 2
    return passed == failed or (not passed and failed == 1 and not _decisive(tries, rate))


def _rate_outcome(tries: Iterable[RateProbe], rate: float) -> ProbeOutcome:
    tries = list(tries)
    passed, failed, unfit = (_count(tries, rate, outcome) for outcome in ProbeOutcome)
    # A failure that was a near thing and never seen again, since the generator had its own, is not the server's.
    if not passed and (not failed or (failed == 1 and unfit > 1 and not _decisive(tries, rate))):
        return ProbeOutcome.UNFIT
    return ProbeOutcome.PASSED if passed > failed else ProbeOutcome.FAILED


def _decisive(tries: Iterable[RateProbe], rate: float) -> bool:
    return any(each.decisive for each in tries if each.rate == rate and each.outcome is ProbeOutcome.FAILED)
