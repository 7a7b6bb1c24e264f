"""Slow clients: N* of every server, response times, the grades of all scenarios, and figures by number of workers."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.model import Results, ScenarioInfo, ScenarioResult
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.key_figure import key_figure
from wsgi_gauntlet.reports.analysis.scaling import ScalingTable, scaling_tables
from wsgi_gauntlet.reports.analysis.scoreboard import featured_slow_client_scenario
from wsgi_gauntlet.reports.analysis.words import has_users_among_slow_clients
from wsgi_gauntlet.reports.charts.chart import Chart
from wsgi_gauntlet.reports.charts.collapse_plot import searches_collapse
from wsgi_gauntlet.reports.charts.latency_rows import latency_plot, latency_rows, latency_table
from wsgi_gauntlet.reports.charts.run_charts import collapse_chart
from wsgi_gauntlet.reports.charts.run_note import RunNote, run_note
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import first_sentence, line
from wsgi_gauntlet.reports.writers.html.chart_data import chart_data
from wsgi_gauntlet.reports.writers.html.view import View


def block(results: Results) -> dict[str, object] | None:
    """Return the charts, a table of grades for scenarios with slow clients and for the others, and `scaling` tables."""
    found = aggregation.scenarios(results)
    if not found:
        return None
    slow = {name for name, (_, cells) in found.items() if _has_slow_clients(cells)}
    chart = collapse_chart(results)
    featured = featured_slow_client_scenario(results)
    note = run_note(results)
    latencies = _latency_chart(*found[featured], note) if featured in found else None
    versions = [(each.name, each.version) for each in aggregation.servers(results) if _has_load(results, each.name)]
    return {
        "servers": [[line(name), line(version)] for name, version in versions],
        "charts": [chart_data(each) for each in (chart, latencies) if each is not None],
        "slow": [_scenario(*found[name]) for name in found if name in slow],
        "others": [_scenario(*found[name]) for name in found if name not in slow],
        "grades": {
            grade.value: [entry.sign, grade.label, entry.meaning]
            for grade, entry in labels.GRADES.items()
            if any(each.grade is grade for each in results.load)
        },
        "scaling": [_scaling(each) for each in scaling_tables(results)],
    }


def _scaling(table: ScalingTable) -> dict[str, object]:
    """Return the figures of a server by number of workers or threads."""
    return {
        "title": f"{line(table.server, 60)} by number of {table.what}",
        "heads": [line(each, 100) for each in table.heads],
        "rows": [[line(each, 100) for each in row] for row in table.cells],
    }


def _has_load(results: Results, server: str) -> bool:
    return any(each.server == server for each in results.load)


def _has_slow_clients(cells: Sequence[ScenarioResult]) -> bool:
    return searches_collapse(cells) or any(has_users_among_slow_clients(each) for each in cells)


def _latency_chart(info: ScenarioInfo, cells: Sequence[ScenarioResult], note: RunNote) -> Chart | None:
    rows = latency_rows(cells)
    title = f"{line(info.title, 120)}: response times before and during"
    if not rows:
        return None
    return Chart(
        f"{info.id}/latency", title, lambda narrow: latency_plot(rows, title, note, narrow=narrow),
        lambda: latency_table(rows),
    )  # fmt: skip


def _scenario(info: ScenarioInfo, cells: Sequence[ScenarioResult]) -> dict[str, object]:
    """Return a scenario with a cell for each server: grade, key figure, and a sentence."""
    return {
        "id": info.id,
        "title": line(info.title, 200),
        "question": line(first_sentence(info.summary), 400),
        "cells": {each.server: [each.grade.value, _figure(each), _sentence(each)] for each in cells},
    }


def _figure(load: ScenarioResult) -> str:
    return line(key_figure(load) or load.grade.label, 60)


def _sentence(load: ScenarioResult) -> str:
    words = ", ".join(filter(None, [labels.describe_service(load), labels.grade(load)]))
    return line(f"{words}. {load.note}".strip(), 400)


VIEW = View(name="slow_clients", title="Slow clients", order=10, block=block)
