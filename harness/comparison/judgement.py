"""What the rounds of a comparison say: a word for each figure of each candidate. Pure.

rounds          slot of A, slot of B, slot of A again, ...
Ratio           one figure for each round: B / A, or B - A for a share           (stats/paired_ratio.py)
judge           a word for each (figure, candidate), corrected for their number  (stats/judgement.py)
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.comparison.default_scenario import METRICS as METRIC_MEANINGS
from wsgi_gauntlet.harness.model import (
    BASELINE_LETTER,
    ComparisonResult,
    ComparisonWord,
    Figure,
    FigureComparison,
    RatioInterval,
    RoundResult,
)
from wsgi_gauntlet.harness.stats.early_stop import Look, planned_looks
from wsgi_gauntlet.harness.stats.judgement import Conclusion, Judgement, NoiseFloor, decided, judge, noise_floor
from wsgi_gauntlet.harness.stats.paired_ratio import METRICS, Metric, Ratio, Scale

SHARE_UNIT = "share"
"""The unit of figures that are compared by their difference."""

DEFAULT_ORDER = {name: place for place, name in enumerate(METRIC_MEANINGS)}
"""The order of the default figures."""

KNOWN_METRICS = {each.name: each for each in METRICS}

NOT_COMPARED_TEXT = "not compared"

_Key = tuple[str, str]
"""The id of a figure, and the letter of a candidate."""


@dataclass(frozen=True)
class _Pair:
    """The figures of A and of another slot in the rounds, and their ratio."""

    first: Figure
    ratio: Ratio
    values: tuple[Figure | None, ...]
    baselines: tuple[Figure | None, ...]


def metric(figure: Figure) -> Metric:
    """Return how `figure` is compared."""
    if figure.id in KNOWN_METRICS:
        return KNOWN_METRICS[figure.id]
    scale = Scale.DIFFERENCE if figure.unit == SHARE_UNIT else Scale.RATIO
    if figure.higher_is_better is None:
        return Metric(figure.id, higher_is_better=True, scale=scale, better="higher", worse="lower")
    words = ("faster", "slower") if figure.unit in ("s", "requests/s") else ("better", "worse")
    return Metric(figure.id, figure.higher_is_better, scale, *words)


def judge_rounds(comparison: ComparisonResult, look: Look | None = None) -> tuple[FigureComparison, ...]:
    """Return the words of `comparison`: for each figure, for each candidate but A.

    Give the `look` of a comparison that may stop early.
    """
    rounds = comparison.valid_rounds
    pairs = _pairs(comparison, rounds)
    found = judge({key: each.ratio for key, each in pairs.items()}, comparison.threshold, look=look)
    return tuple(_figure_comparison(key, pairs[key], found[key], rounds) for key in pairs)


def may_stop(comparison: ComparisonResult) -> bool:
    """Say whether a comparison that may stop early does so now: it is at a look, and every figure has a word."""
    rounds = comparison.valid_rounds
    look = next((each for each in looks(comparison) if each.rounds[each.index] == len(rounds)), None)
    if look is None:
        return False
    pairs = _pairs(comparison, rounds)
    return decided({key: each.ratio for key, each in pairs.items()}, look, comparison.threshold).stop


def looks(comparison: ComparisonResult) -> tuple[Look, ...]:
    """Return the looks at a comparison that may stop early, none for another comparison."""
    if not comparison.until_decided or comparison.planned_rounds is None:
        return ()
    return planned_looks(comparison.planned_rounds)


def present_look(comparison: ComparisonResult) -> Look | None:
    """Return the last look at the rounds so far, or the first one before that; None without early stop.

    A comparison that ended between two looks is judged as at the first of them: its level is the smaller one.
    """
    every = looks(comparison)
    done = len(comparison.valid_rounds)
    passed = [each for each in every if each.rounds[each.index] <= done]
    return passed[-1] if passed else every[0] if every else None


def _pairs(comparison: ComparisonResult, rounds: Sequence[RoundResult]) -> dict[_Key, _Pair]:
    firsts: dict[str, Figure] = {}
    for each in rounds:
        for slot in each.slots:
            for figure in slot.figures:
                firsts.setdefault(figure.id, figure)
    ordered = sorted(firsts.values(), key=lambda each: DEFAULT_ORDER.get(each.id, len(DEFAULT_ORDER)))
    return {
        (figure.id, candidate.letter): _pair(figure, rounds, candidate.letter)
        for figure in ordered
        for candidate in comparison.candidates
        if candidate.letter != BASELINE_LETTER
    }


def _pair(first: Figure, rounds: Sequence[RoundResult], letter: str, *, again: bool = False) -> _Pair:
    baselines = tuple(_figure_of(each, first.id, BASELINE_LETTER) for each in rounds)
    others = tuple(_figure_of(each, first.id, letter, again=again) for each in rounds)
    values = [comparable_values(*each) for each in zip(baselines, others, strict=True)]
    compared = dataclasses.replace(metric(first), server_share=_server_share((*baselines, *others)))
    ratio = Ratio.of(compared, [base for base, _ in values], [other for _, other in values])
    return _Pair(first, ratio, others, baselines)


def _server_share(found: Sequence[Figure | None]) -> float:
    """Return the median share of the values that is not lateness of the generator."""
    shares = [max(0.0, 1 - each.lateness / each.value) for each in found if each is not None and each.value]
    return statistics.median(shares) if shares else 1.0


def comparable_values(base: Figure | None, other: Figure | None) -> tuple[float | None, float | None]:
    """Return the values of two figures that can be compared, (None, None) if they cannot.

    A lower bound can be compared if the true value would only make the difference larger.
    """
    if base is None or other is None or base.value is None or other.value is None:
        return None, None
    if (base.bound and other.bound) or (base.bound and base.value <= other.value):
        return None, None
    if other.bound and other.value <= base.value:
        return None, None
    return base.value, other.value


def _figure_of(round_: RoundResult, figure: str, letter: str, *, again: bool = False) -> Figure | None:
    slot = next((each for each in round_.slots if each.letter == letter and each.again == again), None)
    if slot is None:
        return None
    return next((each for each in slot.figures if each.id == figure), None)


def _figure_comparison(key: _Key, pair: _Pair, found: Judgement, rounds: Sequence[RoundResult]) -> FigureComparison:
    figure, letter = key
    first = pair.first
    control = _pair(first, rounds, BASELINE_LETTER, again=True)
    noise = noise_floor(control.ratio)
    baseline, baseline_bound = _median(pair.baselines)
    value, value_bound = _median(pair.values)
    comparable = any(each is not None for each in pair.ratio.rounds)
    word = _word(found.conclusion, first) if comparable else ComparisonWord.NOT_COMPARED
    return FigureComparison(
        figure=figure,
        label=first.label,
        letter=letter,
        word=word,
        text=found.word if comparable else NOT_COMPARED_TEXT,
        unit=first.unit,
        higher_is_better=first.higher_is_better,
        difference=pair.ratio.metric.scale is Scale.DIFFERENCE,
        ratio=_interval(found),
        noise=_noise_interval(noise),
        noise_differs=noise is not None and noise.differs,
        by_round=_shown(pair.ratio),
        noise_by_round=_shown(control.ratio),
        p_value=found.p if comparable else None,
        rounds=found.rounds,
        more_rounds=found.rounds_needed if comparable else None,
        baseline=baseline,
        value=value,
        baseline_bound=baseline_bound,
        value_bound=value_bound,
        note="" if comparable else _incomparable_reason(pair),
    )


def _word(conclusion: Conclusion, figure: Figure) -> ComparisonWord:
    if figure.higher_is_better is None and conclusion in (Conclusion.BETTER, Conclusion.WORSE):
        return ComparisonWord.MORE if conclusion is Conclusion.BETTER else ComparisonWord.LESS
    return WORD_BY_CONCLUSION[conclusion]


WORD_BY_CONCLUSION: Mapping[Conclusion, ComparisonWord] = {
    Conclusion.BETTER: ComparisonWord.BETTER,
    Conclusion.WORSE: ComparisonWord.WORSE,
    Conclusion.EQUIVALENT: ComparisonWord.EQUAL,
    Conclusion.INCONCLUSIVE: ComparisonWord.INCONCLUSIVE,
}


def _interval(found: Judgement) -> RatioInterval | None:
    interval = found.interval
    return None if interval is None else RatioInterval(interval.estimate, interval.low, interval.high)


def _noise_interval(noise: NoiseFloor | None) -> RatioInterval | None:
    return None if noise is None else RatioInterval(noise.interval.estimate, noise.low, noise.high)


def _shown(ratio: Ratio) -> tuple[float | None, ...]:
    return tuple(None if each is None else ratio.metric.shown(each) for each in ratio.rounds)


def _median(found: Sequence[Figure | None]) -> tuple[float | None, bool]:
    """Return the median of the values, and whether it is a lower bound: half of the values, or more, are bounds."""
    known = [(each.value, each.bound) for each in found if each is not None and each.value is not None]
    if not known:
        return None, False
    values = [value for value, _ in known]
    return statistics.median(values), 2 * sum(bound for _, bound in known) >= len(known)


def _incomparable_reason(pair: _Pair) -> str:
    every = [each for each in (*pair.baselines, *pair.values) if each is not None]
    if any(each.bound for each in every):
        why = next((each.why for each in every if each.bound and each.why), "")
        return f"both values are lower bounds{f': {why}' if why else ''}"
    if missing := next((each.why for each in every if each.value is None and each.why), ""):
        return missing
    values = [each.value for each in every if each.value is not None]
    if values and not any(value > 0 and math.isfinite(value) for value in values):
        return "all values are 0"
    return "no round has a value of both servers"
