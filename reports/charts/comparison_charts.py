"""The charts of the comparisons in rounds: the ratios of each candidate, and its differences of shares."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import BASELINE_LETTER, ComparisonResult, FigureComparison, RatioInterval, Results
from wsgi_gauntlet.reports.charts.chart import Chart
from wsgi_gauntlet.reports.charts.drawing import Drawing
from wsgi_gauntlet.reports.charts.intervals import POINTS, RATIOS, IntervalRow, interval_plot, interval_table
from wsgi_gauntlet.reports.charts.run_note import run_note
from wsgi_gauntlet.reports.text import comparison_summary, labels
from wsgi_gauntlet.reports.text.escaping import line

NOISE_SUFFIX = ", A / A"
"""Ends the label of a row of the noise floor."""


def comparison_charts(results: Results, place: int) -> list[Chart]:
    """Return the charts of the comparison with the index `place`: one or two for each candidate but A."""
    comparison = results.comparisons[place]
    name = f"compare-{place + 1}" if place else "compare"
    return [
        chart
        for each in comparison.candidates
        if each.letter != BASELINE_LETTER
        for difference in (False, True)
        if (chart := _chart(results, comparison, f"{name}/{each.letter}", each.letter, difference=difference))
    ]


def interval_rows(comparison: ComparisonResult, letter: str, *, difference: bool = False) -> list[IntervalRow]:
    """Return a row for each ratio of the candidate `letter`, then the noise floor of each.

    With `difference` the rows are those of the shares, which have no ratio.
    """
    judged = [each for each in comparison.judged if each.letter == letter and each.difference is difference]
    return [*map(_row, judged), *(_noise_row(each) for each in judged if each.noise is not None)]


def _chart(results: Results, comparison: ComparisonResult, name: str, letter: str, *, difference: bool) -> Chart | None:
    rows = interval_rows(comparison, letter, difference=difference)
    if not rows:
        return None
    measure = POINTS if difference else RATIOS
    title = f"{letter} compared with A, {labels.pluralize(len(comparison.valid_rounds), 'round')}"
    if difference:
        title += ": points of a share"
    versions = [comparison_summary.describe_candidate(comparison, each) for each in (BASELINE_LETTER, letter)]

    def draw(narrow: bool) -> Drawing:
        return interval_plot(
            rows,
            measure=measure,
            title=title,
            axis=f"{letter} − A, in points" if difference else f"{letter} / A (log scale)",
            band=comparison.threshold,
            caption=" · ".join(filter(None, (run_note(results).caption, *versions))),
            narrow=narrow,
        )

    return Chart(f"{name}/points" if difference else name, title, draw, lambda: interval_table(rows, measure))


def _row(each: FigureComparison) -> IntervalRow:
    colour = comparison_summary.COLOURS.get(each.word, "series-0")
    return IntervalRow(_label(each), *_ends(each.ratio), comparison_summary.short_text(each), colour=colour)


def _noise_row(each: FigureComparison) -> IntervalRow:
    return IntervalRow(f"{_label(each)}{NOISE_SUFFIX}", *_ends(each.noise), "", noise=True)


def _ends(found: RatioInterval | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if found is None else (found.low, found.estimate, found.high)


def _label(each: FigureComparison) -> str:
    return line(each.label, 40)
