"""The words of a comparison. Pure.

How the parts fit together:

    rounds = schedule(candidates, rounds, seed)             measurement_order: which candidate is measured when
    ratio = Ratio.of(CAPACITY, values_of_a, values_of_b)    paired_ratio: one figure for each round
    judge({"capacity": ratio, ...})                         here: one word for each metric
    noise_floor(Ratio.of(CAPACITY, a, a_again))             here: A against A
    for look in planned_looks(rounds):                      early_stop: `--until-decided`
        measure until look.rounds[look.index] rounds are done
        if decided(ratios, look).stop: break

The keys of `judge` are free: use (candidate, metric) for several candidates, so that Holm's correction counts them all.
A word is given if its p value, corrected for the number of metrics and for the looks, is small enough:

- "no difference above 5 %": two one-sided tests, and the interval lies inside the margin. It has precedence over the
  next two words.
- "faster" or "slower" (the words of the metric): the test of no difference, and the interval excludes equality.
- "inconclusive: N more rounds would tell 5 %": neither.

The tests of no difference are corrected as one family, those of equivalence as another one.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

from wsgi_gauntlet.harness.stats import student
from wsgi_gauntlet.harness.stats.block_mean import BlockMean, block_mean
from wsgi_gauntlet.harness.stats.bootstrap import CONFIDENCE, Interval, estimate
from wsgi_gauntlet.harness.stats.early_stop import FEWEST_ROUNDS, Look
from wsgi_gauntlet.harness.stats.measurement_order import ROUNDS_PER_BLOCK
from wsgi_gauntlet.harness.stats.paired_ratio import Ratio
from wsgi_gauntlet.harness.stats.significance import ALPHA, MARGIN, equivalence_p_value, holm, p_value

POWER = 0.8
"""The chance with which the stated number of rounds gives a word."""

MOST_ROUNDS = 9998
"""A comparison that needs more rounds than this is hopeless, and the word says so."""

Key = TypeVar("Key", bound=Hashable)


class Conclusion(enum.StrEnum):
    """What a comparison says about candidate B."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """The conclusion about one metric.

    `word` is the conclusion as a reader sees it. `interval` is for this metric alone, None with fewer than two blocks.
    `p` is corrected by Holm for the number of metrics, but not for looks. `rounds` are the rounds that count.
    `rounds_needed` are the further rounds that would decide with a chance of 80 %: 0 if decided, None if more than
    9,998.
    """

    conclusion: Conclusion
    word: str
    interval: Interval | None
    p: float
    rounds: int
    rounds_needed: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Decision(Generic[Key]):
    """What a look gives: whether to stop, and the judgements of now."""

    stop: bool
    judgements: dict[Key, Judgement]


@dataclasses.dataclass(frozen=True, slots=True)
class NoiseFloor:
    """A against A. `low` and `high` hold the ratio (or difference) of one round in 95 % of all rounds.

    `interval` is the mean of the rounds with its interval. `differs` says that A differs from itself at 1 %: something
    disturbs the comparison.
    """

    low: float
    high: float
    interval: Interval
    differs: bool


def judge(
    ratios: Mapping[Key, Ratio], margin: float = MARGIN, alpha: float = ALPHA, look: Look | None = None
) -> dict[Key, Judgement]:
    """Return the judgement of each metric. All words "faster" or "slower" together are false with at most `alpha`.

    Give `look` if the comparison may stop early; None means that the number of rounds was fixed before.
    """
    differences = {key: p_value(each) for key, each in ratios.items()}
    equivalences = {key: equivalence_p_value(each, margin) for key, each in ratios.items()}

    def level(share: float) -> float:
        return look.level(share / 2) if look else share / 2

    different = _rejected({key: each / 2 for key, each in differences.items()}, level, alpha)
    equivalent = _rejected(equivalences, level, alpha)
    open_metrics = max(1, len(ratios) - len(different | equivalent))
    adjusted = holm(differences)
    found: dict[Key, Judgement] = {}
    for key, ratio in ratios.items():
        interval = estimate(ratio)
        conclusion = _conclusion(ratio, interval, margin, key in different, key in equivalent)
        needed = 0 if conclusion is not Conclusion.INCONCLUSIVE else more_rounds(ratio, margin, alpha / open_metrics)
        word = _word(ratio, conclusion, margin, needed)
        found[key] = Judgement(conclusion, word, interval, adjusted[key], _rounds(ratio), needed)
    return found


def decided(ratios: Mapping[Key, Ratio], look: Look, margin: float = MARGIN, alpha: float = ALPHA) -> Decision[Key]:
    """Judge the rounds until this look. Stop if each metric has a word, or at the last look.

    A metric without any valid block does not count: it would never get a word.
    """
    judgements = judge({key: each.first(look.rounds[look.index]) for key, each in ratios.items()}, margin, alpha, look)
    measured = [each for each in judgements.values() if each.rounds]
    words = bool(measured) and all(each.conclusion is not Conclusion.INCONCLUSIVE for each in measured)
    return Decision(look.is_last or words, judgements)


def noise_floor(ratio: Ratio) -> NoiseFloor | None:
    """Return the noise of A against A; None with fewer than two valid blocks."""
    interval = estimate(ratio)
    rounds = [each for each in ratio.rounds if each is not None]
    if interval is None:
        return None
    spread = math.sqrt(math.fsum(each * each for each in rounds) / len(rounds))
    reach = student.upper_quantile((1 - CONFIDENCE) / 2, len(rounds)) * spread
    return NoiseFloor(ratio.metric.shown(-reach), ratio.metric.shown(reach), interval, p_value(ratio) < 0.01)


def more_rounds(ratio: Ratio, margin: float, alpha: float) -> int | None:
    """Return the further rounds after which the comparison would decide with a chance of 80 %.

    They would show that there is no difference above `margin`, if there is none at all. Fewer rounds would show a true
    difference of `margin`. The number is at least one block. None means that more than 9,998 rounds are needed.
    """
    mean = block_mean(ratio)
    done = _rounds(ratio)
    if mean is None:
        return max(ROUNDS_PER_BLOCK, FEWEST_ROUNDS - done)
    blocks = _blocks_needed(mean, ratio.metric.margin(margin), alpha / 2, (1 - POWER) / 2)
    needed = max(ROUNDS_PER_BLOCK, blocks * ROUNDS_PER_BLOCK - done)
    return needed if needed <= MOST_ROUNDS else None


def _blocks_needed(mean: BlockMean, effect: float, tail: float, miss: float) -> int:
    """Return the blocks after which a one-sided t test at `tail` misses `effect` with probability `miss`."""

    def enough(blocks: int) -> bool:
        quantiles = student.upper_quantile(tail, blocks - 1) + student.upper_quantile(miss, blocks - 1)
        return quantiles * mean.deviation <= effect * math.sqrt(blocks)

    low, high = FEWEST_ROUNDS // ROUNDS_PER_BLOCK, MOST_ROUNDS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def _rejected(p_values: Mapping[Key, float], level: Callable[[float], float], alpha: float) -> set[Key]:
    """Return the tests that Holm's procedure rejects, with `level` as the level of p for a share of alpha."""
    found: set[Key] = set()
    for place, key in enumerate(sorted(p_values, key=lambda each: p_values[each])):
        if p_values[key] > level(alpha / (len(p_values) - place)):
            break
        found.add(key)
    return found


def _conclusion(
    ratio: Ratio, interval: Interval | None, margin: float, different: bool, equivalent: bool
) -> Conclusion:
    """Return the conclusion. A word never contradicts the interval that is drawn beside it."""
    if interval is None or _rounds(ratio) < FEWEST_ROUNDS:
        return Conclusion.INCONCLUSIVE
    least, equal, most = (ratio.metric.shown(sign * ratio.metric.margin(margin)) for sign in (-1, 0, 1))
    if equivalent and least < interval.low and interval.high < most:
        return Conclusion.EQUIVALENT
    if not different or interval.low <= equal <= interval.high:
        return Conclusion.INCONCLUSIVE
    return Conclusion.BETTER if (interval.estimate > equal) == ratio.metric.higher_is_better else Conclusion.WORSE


def _word(ratio: Ratio, conclusion: Conclusion, margin: float, needed: int | None) -> str:
    unit = f"{100 * margin:g} {ratio.metric.unit}"
    match conclusion:
        case Conclusion.BETTER:
            return ratio.metric.better
        case Conclusion.WORSE:
            return ratio.metric.worse
        case Conclusion.EQUIVALENT:
            return f"no difference above {unit}"
        case Conclusion.INCONCLUSIVE if needed is None:
            return f"inconclusive: more than {MOST_ROUNDS:,} more rounds would tell {unit}"
        case Conclusion.INCONCLUSIVE:
            return f"inconclusive: {needed:,} more rounds would tell {unit}"


def _rounds(ratio: Ratio) -> int:
    return len(ratio.blocks) * ROUNDS_PER_BLOCK
