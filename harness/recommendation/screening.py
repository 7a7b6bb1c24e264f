"""Screening: short trials of many candidates, and who goes on. Pure.

After each round the best third goes on (successive halving, Jamieson and Talwalkar 2016, with a third in place of half:
a start of a server costs more than a longer measurement). Every candidate that leaves has a reason with figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.units import format_bytes, format_rate, format_seconds, format_share
from wsgi_gauntlet.harness.model.recommendation import (
    CandidateFigures,
    Elimination,
    FigureId,
    RecommendationCandidate,
    Stage,
)
from wsgi_gauntlet.harness.recommendation.objective import Requirements, broken_requirements, ranked

KEPT_SHARE = 1 / 3
"""The share of the candidates that a round keeps."""

MIN_KEPT = 2
"""Candidates that go on, whatever their figures: the finals compare them."""

CLEAR_FACTOR = 1.25
"""The factor that makes a difference clear in one short trial."""

CLEAR_SHARE = 0.1
"""The difference of two shares that is clear in one short trial."""

SCREENING_MARGIN = 0.2
"""The share by which a figure of one short trial must miss its limit before it counts."""

FOR_DEVELOPMENT = "Its documentation says that it is a server for development, and others hold the same."
"""Why a server for development leaves."""

CLEARLY_MORE_BROKEN = 3
"""The difference of two numbers of broken requirements that is clear: some requirements weigh more than others."""

COMPARED = {
    FigureId.CAPACITY: True,
    FigureId.P99_AT_PEAK: False,
    FigureId.GOODPUT_AMONG_SLOW: True,
    FigureId.MEMORY: False,
    FigureId.SECURITY_MUST_BROKEN: False,
}
"""The figures by which one candidate can dominate another, and whether more is better."""


@dataclass(frozen=True)
class ScreeningRound:
    """Who goes on after a round, the best one first, and who leaves."""

    kept: tuple[RecommendationCandidate, ...]
    eliminated: tuple[Elimination, ...]


def rounds_needed(candidates: int, finalists: int) -> int:
    """Return how many rounds lead from `candidates` to `finalists`."""
    rounds = 0
    while candidates > finalists:
        candidates, rounds = kept_count(candidates, finalists), rounds + 1
    return max(1, rounds)


def kept_count(candidates: int, finalists: int) -> int:
    """Return how many of the candidates a round keeps."""
    return min(candidates, max(finalists, math.ceil(candidates * KEPT_SHARE)))


def screen(
    candidates: Sequence[RecommendationCandidate],
    figures: Callable[[str], CandidateFigures],
    wanted: Requirements,
    finalists: int,
) -> ScreeningRound:
    """Return who goes on. All `candidates` have figures. At least one goes on, even if all break a requirement."""
    order = ranked(candidates, figures, wanted)
    kept: list[RecommendationCandidate] = []
    leaving: list[Elimination] = []
    place = kept_count(len(candidates), finalists)
    best = order[0]
    best_holds = not broken_requirements(figures(best.name), wanted)
    for each in order:
        broken = broken_requirements(figures(each.name), wanted)
        better = next((one for one in kept if dominates(figures(one.name), figures(each.name))), None)
        if broken and best_holds and len(kept) >= MIN_KEPT:
            leaving.append(Elimination(each.name, Stage.SCREENING, sentence(broken[0].text), best.name))
        elif better is not None and len(kept) >= MIN_KEPT:
            text = _dominated_text(figures(each.name), better.name, figures(better.name))
            leaving.append(Elimination(each.name, Stage.SCREENING, text, better.name))
        elif len(kept) >= place and each.for_development and not best.for_development:
            leaving.append(Elimination(each.name, Stage.SCREENING, FOR_DEVELOPMENT, best.name))
        elif len(kept) >= place:
            text = _ranked_text(figures(each.name), best.name, figures(best.name))
            leaving.append(Elimination(each.name, Stage.SCREENING, text, best.name))
        else:
            kept.append(each)
    return ScreeningRound(tuple(kept), tuple(leaving))


def dominates(better: CandidateFigures, other: CandidateFigures) -> bool:
    """Say whether `better` is clearly better in one figure, and in no other figure clearly worse."""
    differences = [
        difference for which, more in COMPARED.items() if (difference := _difference(which, more, better, other))
    ]
    return bool(differences) and min(differences) > 0


def differ(first: CandidateFigures, second: CandidateFigures) -> bool:
    """Say whether two candidates clearly differ in any figure that both have."""
    return any(_difference(which, more, first, second) for which, more in COMPARED.items())


def describe_pairs(first: CandidateFigures, second: CandidateFigures) -> str:
    """Return the compared figures that both have: `capacity (90/s against 95/s), memory (...)`, '' for none."""
    return ", ".join(_pair(each, first, second) for each in COMPARED if _both_known(each, first, second))


def _difference(which: FigureId, more: bool, first: CandidateFigures, second: CandidateFigures) -> int:
    """Return 1 if `first` is clearly better, -1 if clearly worse, else 0."""
    one, two = first.figure(which), second.figure(which)
    if one is None or two is None or one.value is None or two.value is None:
        return 0
    high, low = max(one.value, two.value), min(one.value, two.value)
    if which is FigureId.SECURITY_MUST_BROKEN:
        clear = high - low >= CLEARLY_MORE_BROKEN
    elif which is FigureId.GOODPUT_AMONG_SLOW:
        clear = high - low > CLEAR_SHARE
    else:
        clear = high > low * CLEAR_FACTOR
    if not clear:
        return 0
    return 1 if (one.value > two.value) is more else -1


def _dominated_text(figures: CandidateFigures, name: str, better: CandidateFigures) -> str:
    for which, more in COMPARED.items():
        if _difference(which, more, better, figures) > 0:
            return f"{name} is better in {_pair(which, figures, better)}, and in nothing clearly worse."
    return f"{name} is better."


def _ranked_text(figures: CandidateFigures, name: str, best: CandidateFigures) -> str:
    shown = describe_pairs(figures, best)
    if not shown:
        return "Others came before it."
    near = "" if differ(figures, best) else ", without a clear difference"
    return f"Others came before it{near}; it and {name}: {shown}."


def _both_known(which: FigureId, figures: CandidateFigures, best: CandidateFigures) -> bool:
    one, two = figures.figure(which), best.figure(which)
    return one is not None and two is not None and one.value is not None and two.value is not None


def _pair(which: FigureId, figures: CandidateFigures, better: CandidateFigures) -> str:
    own, other = figures.figure(which), better.figure(which)
    assert own is not None
    assert other is not None
    assert own.value is not None
    assert other.value is not None
    label, show = SHOWN[which]
    return f"{label} ({show(own.value)} against {show(other.value)})"


SHOWN: dict[FigureId, tuple[str, Callable[[float], str]]] = {
    FigureId.CAPACITY: ("capacity", format_rate),
    FigureId.P99_AT_PEAK: ("p99 at the peak", format_seconds),
    FigureId.GOODPUT_AMONG_SLOW: ("users served beside slow clients", format_share),
    FigureId.MEMORY: ("memory", format_bytes),
    FigureId.SECURITY_MUST_BROKEN: ("broken requirements of security", "{:.0f}".format),
}
"""The words of a figure, and how its value is written."""


def sentence(text: str) -> str:
    """Return a clause as a sentence."""
    return f"{text[0].upper()}{text[1:]}."
