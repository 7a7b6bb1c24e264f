"""A chart as data of the page: its pictures, wide and narrow, and its table."""

from __future__ import annotations

from wsgi_gauntlet.reports.charts.chart import Chart


def chart_data(chart: Chart) -> dict[str, object]:
    """Return `chart` for `chartFigure` of chart.js."""
    table = chart.table()
    return {
        "name": chart.name,
        "title": chart.title,
        "svg": chart.wide,
        "narrow": "" if chart.small else chart.narrow,
        "heads": list(table.heads),
        "rows": [list(row) for row in table.rows],
    }
