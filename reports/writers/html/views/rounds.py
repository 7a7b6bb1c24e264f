"""Comparisons that were measured in rounds: the words, the ratios with their intervals, and every round."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import ComparisonResult, FigureComparison, Results, RoundResult
from wsgi_gauntlet.reports.charts.comparison_charts import comparison_charts
from wsgi_gauntlet.reports.text import comparison_summary, labels
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.chart_data import chart_data
from wsgi_gauntlet.reports.writers.html.view import View


def block(results: Results) -> dict[str, object] | None:
    """Return the texts, tables and charts of each comparison; None without comparisons.

    `names` are those of the servers, for the address of the view. `judged` are rows of texts below `heads`, with the
    colour of the word as the last value. `charts` are those of each candidate but A. `rounds` are rows below
    `round_heads`, with the validity as the last value.
    """
    if not results.comparisons:
        return None
    return {"comparisons": [_comparison(results, place) for place in range(len(results.comparisons))]}


def _comparison(results: Results, place: int) -> dict[str, object]:
    comparison = results.comparisons[place]
    return {
        "names": [each.name for each in comparison.candidates],
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
        "judged": [
            [*comparison_summary.table_row(each), comparison_summary.COLOURS.get(each.word, "")]
            for each in comparison.judged
        ],
        "charts": [chart_data(each) for each in comparison_charts(results, place)],
        "round_heads": ["round", "order", *(_round_head(each) for each in comparison.judged)],
        "rounds": _rounds(comparison),
        "command": line(f"{comparison.command} --seed {comparison.seed}") if comparison.command else "",
    }


def _round_head(each: FigureComparison) -> str:
    return f"{line(each.label, 40)}, {each.letter} {'−' if each.difference else '/'} A"


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


VIEW = View(name="rounds", title="Rounds", order=46, block=block, routes=("compare",))
