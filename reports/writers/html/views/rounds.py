"""Comparisons that were measured in rounds: the words, the ratios with their intervals, and every round."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import BASELINE_LETTER, ComparisonResult, FigureComparison, Results, RoundResult
from wsgi_gauntlet.reports.charts.intervals import IntervalRow, interval_plot
from wsgi_gauntlet.reports.text import comparison_summary, labels
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.view import View

NOISE_SUFFIX = ", A / A"
"""Ends the label of a row of the noise floor."""


def block(results: Results) -> dict[str, object] | None:
    """Return the texts, tables and charts of each comparison; None without comparisons.

    `judged` are rows of texts below `heads`, with the word's kind as the last value. `charts` are pairs of a wide and a
    narrow chart for each candidate but A. `rounds` are rows below `round_heads`, with the validity as the last value.
    """
    if not results.comparisons:
        return None
    return {"comparisons": [_comparison(each, results) for each in results.comparisons]}


def _comparison(comparison: ComparisonResult, results: Results) -> dict[str, object]:
    others = [each.letter for each in comparison.candidates if each.letter != BASELINE_LETTER]
    return {
        "candidates": [
            comparison_summary.describe_candidate(comparison, each.letter) for each in comparison.candidates
        ],
        "facts": comparison_summary.describe_rounds(comparison),
        "rate": labels.rate(comparison.rate) if comparison.rate else "",
        "conclusions": comparison_summary.conclusions(comparison),
        "warnings": comparison_summary.warnings(comparison),
        "open": comparison_summary.open_questions(comparison),
        "threshold": f"{comparison.threshold * 100:g} %",
        "heads": comparison_summary.TABLE_HEADS,
        "judged": [[*comparison_summary.table_row(each), each.word.value] for each in comparison.judged],
        "charts": [[letter, *charts(comparison, letter, results)] for letter in others if comparison.judged],
        "round_heads": ["round", "order", *(_round_head(each) for each in comparison.judged)],
        "rounds": _rounds(comparison),
        "command": line(f"{comparison.command} --seed {comparison.seed}") if comparison.command else "",
    }


def charts(comparison: ComparisonResult, letter: str, results: Results) -> tuple[str, str]:
    """Return the wide and the narrow chart of the candidate `letter`."""
    rows = interval_rows(comparison, letter)
    date = line(str(results.environment.get("date", ""))[:10])
    versions = "; ".join(comparison_summary.describe_candidate(comparison, each) for each in (BASELINE_LETTER, letter))
    wide, narrow = (
        interval_plot(
            rows,
            title=f"{letter} compared with A, {labels.pluralize(len(comparison.valid_rounds), 'round')}",
            axis=f"{letter} / A (log scale)",
            band=comparison.threshold,
            caption=" · ".join(filter(None, (date, versions))),
            narrow=small,
        ).render()
        for small in (False, True)
    )
    return wide, narrow


def interval_rows(comparison: ComparisonResult, letter: str) -> list[IntervalRow]:
    """Return a row for each figure of the candidate, then the noise floor of each. Shares have no ratio."""
    judged = [each for each in comparison.judged if each.letter == letter]
    return [
        *map(_row, judged),
        *(_noise_row(each) for each in judged if each.noise is not None and not each.difference),
    ]


def _row(each: FigureComparison) -> IntervalRow:
    label, word = line(each.label, 40), comparison_summary.short_text(each)
    if each.ratio is None or each.difference:
        detail = f" ({comparison_summary.describe_estimate(each)})" if each.ratio is not None else ""
        return IntervalRow(label, None, None, None, f"{word}{detail}")
    return IntervalRow(label, each.ratio.low, each.ratio.estimate, each.ratio.high, word)


def _noise_row(each: FigureComparison) -> IntervalRow:
    label = f"{line(each.label, 40)}{NOISE_SUFFIX}"
    if each.noise is None:
        return IntervalRow(label, None, None, None, "not measured", noise=True)
    return IntervalRow(label, each.noise.low, each.noise.estimate, each.noise.high, "", noise=True)


def _round_head(each: FigureComparison) -> str:
    return f"{line(each.label, 40)}, {each.letter} / A"


def _rounds(comparison: ComparisonResult) -> list[list[object]]:
    found: list[list[object]] = []
    place = 0
    for each in comparison.rounds:
        if each.valid:
            found.append([each.number, each.order, *(_ratio(one, place) for one in comparison.judged), True])
            place += 1
        else:
            found.append([each.number, each.order, *_invalid(each, len(comparison.judged)), False])
    return found


def _ratio(each: FigureComparison, place: int) -> str:
    ratio = each.by_round[place] if place < len(each.by_round) else None
    if ratio is None:
        return labels.MISSING
    return comparison_summary.describe_round_ratio(ratio, difference=each.difference)


def _invalid(each: RoundResult, columns: int) -> list[str]:
    return [f"invalid: {line(each.why, 200)}", *[""] * (columns - 1)][:columns]


VIEW = View(name="rounds", title="Rounds", order=45, block=block)
