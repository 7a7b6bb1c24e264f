"""All charts of a run by name."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.scoreboard import Scoreboard, scoreboard
from wsgi_gauntlet.reports.charts.chart import Chart
from wsgi_gauntlet.reports.charts.collapse_plot import TITLE as COLLAPSE_TITLE
from wsgi_gauntlet.reports.charts.collapse_plot import collapse_data, collapse_plot, collapse_table
from wsgi_gauntlet.reports.charts.comparison_charts import comparison_charts
from wsgi_gauntlet.reports.charts.recommendation_charts import recommendation_charts
from wsgi_gauntlet.reports.charts.requirement_bars import TITLE as REQUIREMENTS_TITLE
from wsgi_gauntlet.reports.charts.requirement_bars import RequirementRow, requirement_plot, requirement_table
from wsgi_gauntlet.reports.charts.run_note import run_note
from wsgi_gauntlet.reports.charts.scenario_charts import scenario_charts

SLOW_CLIENTS, REQUIREMENTS = "slow-clients", "requirements"
"""Names of the charts of a whole run."""


def run_charts(results: Results) -> dict[str, Chart]:
    """Return the charts of `results` by name: those of the whole run, of the recommendation, of each scenario and of
    each comparison."""
    note = run_note(results)
    charts = [collapse_chart(results), requirement_chart(results)]
    charts += recommendation_charts(results)
    for info, cells in aggregation.scenarios(results).values():
        charts += scenario_charts(info, cells, note)
    for place in range(len(results.comparisons)):
        charts += comparison_charts(results, place)
    return {each.name: each for each in charts if each is not None}


def collapse_chart(results: Results) -> Chart | None:
    """Return the chart of N*, or None if no scenario searched for it."""
    data = collapse_data(results)
    if data is None:
        return None
    return Chart(
        SLOW_CLIENTS, COLLAPSE_TITLE, lambda narrow: collapse_plot(data, narrow=narrow), lambda: collapse_table(data)
    )


def requirement_chart(results: Results, board: Scoreboard | None = None) -> Chart | None:
    """Return the chart of the requirements, or None without conformance. The fewest broken `must` are at the top."""
    if not results.conformance:
        return None
    rows = [
        RequirementRow(each.server, each.passed, each.should_broken, each.must_broken, each.security_broken)
        for each in (board or scoreboard(results)).rows
    ]
    rows.sort(key=lambda row: (not row.asked, row.must / max(row.asked, 1), row.should / max(row.asked, 1)))
    note = run_note(results)
    return Chart(
        REQUIREMENTS, REQUIREMENTS_TITLE, lambda narrow: requirement_plot(rows, note, narrow=narrow),
        lambda: requirement_table(rows),
    )  # fmt: skip
