"""Comparisons that were measured in rounds: the words, the ratios with their intervals, and every round."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.charts.comparison_charts import comparison_charts
from wsgi_gauntlet.reports.text import comparison_summary, labels
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
        "round_heads": comparison_summary.round_heads(comparison),
        "rounds": [[*cells, valid] for cells, valid in comparison_summary.round_rows(comparison)],
        "command": comparison_summary.repeat_command(comparison),
    }


VIEW = View(name="rounds", title="Rounds", order=46, block=block, routes=("compare",))
