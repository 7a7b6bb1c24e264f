"""Search for the capacity of a server: the highest arrival rate at which users are served well.

The search starts at an estimate. It goes up or down in growing steps until one rate passed and one failed. Then it
halves the interval between them, as a ratio, until the interval is narrow enough:

    400 passed    500 passed    780 failed           next: 625
    625 failed    559 passed    590 failed ...       the capacity is in [559, 590)

Near the capacity a single try is partly chance: one pause of the machine makes it fail, and lucky arrivals let it pass.
So a failure that is not `decisive` is repeated, and so is the rate that would be the result. If two tries of a rate
differ, a third one decides. A try with an invalid generator says nothing about the server. Two in a row make its rate
the limit of the generator: the capacity is then at least the best rate below it.

The next rate is a pure function of the tries so far, so a search that ran out of time also has a result.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.grading import NOTICEABLE_SECONDS
from wsgi_gauntlet.harness.load.analysis.units import format_seconds, format_share
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.model import Outcome

MAX_ERROR_SHARE = 0.001
"""The allowed share of wrong responses, errors and timeouts (SCENARIOS.md)."""

MIN_GOODPUT = 0.99
"""The smallest share of correct responses (SCENARIOS.md)."""

DECISIVE_FACTOR = 5.0
"""A failure is decisive above this factor on the limit of p99, or on the allowed share of lost requests. A median above
the limit of p99 is decisive too."""

FIRST_STEP = 1.25
"""The first step from the estimate, which is rarely more wrong. Each further step is the square of the one before."""

MAX_STEP = 4.0
"""The largest step: from an estimate of 100 per second, a million is nine steps away."""

MAX_PROBES_PER_RATE = 3
"""The most tries of one rate."""

MAX_PROBES = 100
"""More than any search needs."""

GENERATOR_LIMIT_PRECISION = 1.15
"""The precision if the generator is the limit. The result is then only a lower bound."""

MAX_NOISE = 0.1
"""The allowed width, as a share of the rate, in which tries contradict each other. For a coarser search it is twice its
precision."""


class ProbeOutcome(enum.Enum):
    """The outcome of one try."""

    PASSED = "passed"
    FAILED = "failed"
    UNFIT = "the generator was not valid"


@dataclass(frozen=True)
class RateProbe:
    """One try of `rate` requests per second. A `decisive` failure was far from the limits. `why` is its reason."""

    rate: float
    outcome: ProbeOutcome
    decisive: bool = False
    why: str = ""


@dataclass(frozen=True)
class CapacityBounds:
    """The bounds of the capacity in requests per second: at least `passed`, below `failed`.

    `passed` is None if no rate passed, `failed` if none failed. `generator_limit` is the lowest rate that the generator
    could not offer, None if it could offer all. `noise` is the width of the interval of rates that both passed and
    failed, as a share of the rate. A single such rate is no noise.
    """

    passed: float | None
    failed: float | None
    generator_limit: float | None
    noise: float = 0.0

    @property
    def upper_limit(self) -> float | None:
        """The upper end of the interval, set by the server or the generator."""
        return min((each for each in (self.failed, self.generator_limit) if each is not None), default=None)

    @property
    def bound(self) -> bool:
        """Whether `passed` is only a lower bound: no rate that the generator could offer failed."""
        return self.passed is not None and (
            self.failed is None or (self.generator_limit is not None and self.generator_limit < self.failed)
        )


def evaluate_probe(rate: float, found: GeneratorResult, limit: float = NOTICEABLE_SECONDS) -> RateProbe:
    """Evaluate a try of `rate`: it passes with p99 below `limit` seconds, few errors and enough responses."""
    health = found.health(time_resolution=limit)
    if not health.valid:
        return RateProbe(rate, ProbeOutcome.UNFIT, why=health.why)
    mark = found.quantile(0.99)
    p99, bound = mark or (0.0, False)
    bad = found.wrong + found.errors + found.timeouts
    why = []
    if mark is None or p99 >= limit:
        why.append(f"p99 of {'at least ' if bound else ''}{format_seconds(p99)}" if mark else "no responses")
    if bad >= MAX_ERROR_SHARE * found.scheduled and bad:
        kinds = {Outcome.WRONG: found.wrong, Outcome.ERROR: found.errors, Outcome.TIMEOUT: found.timeouts}
        why.append(", ".join(f"{count} x {kind.label}" for kind, count in kinds.items() if count))
    if found.goodput < MIN_GOODPUT:
        why.append(f"{format_share(found.goodput)} answered")
    half = found.quantile(0.5)
    far = (
        half is None
        or half[0] >= limit
        or p99 >= DECISIVE_FACTOR * limit
        or found.goodput < 1 - DECISIVE_FACTOR * (1 - MIN_GOODPUT)
    )
    return RateProbe(
        rate, ProbeOutcome.FAILED if why else ProbeOutcome.PASSED, decisive=bool(why) and far, why="; ".join(why)
    )


def capacity_bounds(tries: Iterable[RateProbe]) -> CapacityBounds:
    """Return the bounds after `tries`. The lowest rate that failed counts, even if a higher one passed."""
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
    # The limit of the generator is above every rate that it could offer.
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
    """Say whether tries contradicted each other over too wide an interval."""
    return found.noise > max(MAX_NOISE, 2 * precision)


def next_probe_rate(
    tries: Sequence[RateProbe], first: float, precision: float, *, min_rate: float = 1.0, max_rate: float = math.inf
) -> float | None:
    """Return the rate to try next, None if the search is over.

    `first` is the estimate. The search ends when the interval is no wider than `precision` (0.02 is 2 %) and its lower
    end has passed twice.
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
    # Near the capacity a single try is partly chance.
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
    """Try rates with `probe` and return all tries, for `capacity_bounds`.

    `has_time` is called before every try and can end the search.
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
    """Return the step after so many rates with the same outcome."""
    rates = {each.rate for each in tries if _rate_outcome(tries, each.rate) in outcome}
    return float(min(FIRST_STEP ** (2 ** min(max(0, len(rates) - 1), 5)), MAX_STEP))


def _count(tries: Iterable[RateProbe], rate: float, outcome: ProbeOutcome) -> int:
    return sum(each.rate == rate and each.outcome is outcome for each in tries)


def _needs_another_probe(tries: Sequence[RateProbe], rate: float) -> bool:
    """Say whether the next try is `rate` again."""
    passed, failed, unfit = (_count(tries, rate, outcome) for outcome in ProbeOutcome)
    if passed + failed + unfit >= MAX_PROBES_PER_RATE:
        return False
    if not passed and not failed:
        return unfit < 2
    return passed == failed or (not passed and failed == 1 and not _decisive(tries, rate))


def _rate_outcome(tries: Iterable[RateProbe], rate: float) -> ProbeOutcome:
    tries = list(tries)
    passed, failed, unfit = (_count(tries, rate, outcome) for outcome in ProbeOutcome)
    # A single narrow failure beside several tries with an invalid generator does not count against the server.
    if not passed and (not failed or (failed == 1 and unfit > 1 and not _decisive(tries, rate))):
        return ProbeOutcome.UNFIT
    return ProbeOutcome.PASSED if passed > failed else ProbeOutcome.FAILED


def _decisive(tries: Iterable[RateProbe], rate: float) -> bool:
    return any(each.decisive for each in tries if each.rate == rate and each.outcome is ProbeOutcome.FAILED)
