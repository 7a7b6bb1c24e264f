"""A scenario: its question and method, the figures of every server, and its charts. Each scenario has its own block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wsgi_gauntlet.harness.model import Results, ScenarioInfo, ScenarioResult
from wsgi_gauntlet.harness.store.evidence_limits import truncate_text
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.load_figures import (
    Figure,
    TextTable,
    caveats,
    describe_cost,
    describe_generator,
    figure_columns,
    metric_table,
    phase_table,
    step_table,
    traffic_table,
    worker_table,
)
from wsgi_gauntlet.reports.charts.run_note import RunNote, run_note
from wsgi_gauntlet.reports.charts.samples import shared_axes
from wsgi_gauntlet.reports.charts.scenario_charts import scenario_charts
from wsgi_gauntlet.reports.charts.time_panel import MAX_SAMPLES, time_panel
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import escape_text, first_sentence, line
from wsgi_gauntlet.reports.writers.html.chart_data import chart_data
from wsgi_gauntlet.reports.writers.html.view import View

MAX_LOG_CHARACTERS = 6000

MANY_PANELS, FEWER_SAMPLES = 16, 100
"""Panels of a scenario above which each has fewer responses, so that a report of many servers stays small."""


def block(results: Results) -> dict[str, object] | None:
    """Return the scenarios in their order, or None without load."""
    found = aggregation.scenarios(results)
    if not found:
        return None
    return {"scenarios": [[name, line(info.title, 200)] for name, (info, _) in found.items()]}


def blocks(results: Results) -> Mapping[str, object]:
    """Return a block `load/SCENARIO` for each scenario."""
    note = run_note(results)
    return {
        f"load/{name}": scenario_block(info, cells, note)
        for name, (info, cells) in aggregation.scenarios(results).items()
    }


def scenario_block(info: ScenarioInfo, cells: Sequence[ScenarioResult], note: RunNote) -> dict[str, object]:
    """Return everything about a scenario."""
    heads, figures = figure_columns(cells)
    question = first_sentence(info.summary)
    over_time = [each for each in cells if each.samples or each.windows]
    axes = shared_axes(over_time)
    samples = MAX_SAMPLES if len(over_time) <= MANY_PANELS else FEWER_SAMPLES
    return {
        "id": info.id,
        "title": line(info.title, 200),
        "question": line(question, 600),
        "method": line(info.summary.removeprefix(question), 2000),
        "heads": heads,
        "cells": [_cell(each, row, note) for each, row in zip(cells, figures, strict=True)],
        "charts": [chart_data(each) for each in scenario_charts(info, cells, note)],
        "panels": [[each.server, time_panel(each, axes, note, max_samples=samples).render()] for each in over_time],
        "windows": any(each.windows for each in over_time),
        "metrics": _metrics(cells),
        "grades": {
            grade.value: [entry.sign, grade.label, entry.meaning]
            for grade, entry in labels.GRADES.items()
            if any(each.grade is grade for each in cells)
        },
    }


def _cell(load: ScenarioResult, figures: Sequence[Figure], note: RunNote) -> dict[str, object]:
    return {
        "server": load.server,
        "version": note.version(load.server),
        "grade": load.grade.value,
        "label": labels.grade(load),
        "figures": [[each.text, each.detail] for each in figures],
        "note": line(load.note, 800) if load.grade.is_judged else "",
        "problem": "" if load.grade.is_judged else line(labels.measurement_problem(load), 800),
        "caveats": [line(each, 800) for each in caveats(load)],
        "conditions": _pairs(load.conditions),
        "parameters": _pairs(load.parameters),
        "generator": describe_generator(load),
        "cost": describe_cost(load),
        "disconnect": labels.disconnect(load, share=True) if load.disconnect else "",
        "phases": _table(phase_table(load)) if load.phases else None,
        "steps": _table(step_table(load)) if load.steps else None,
        **({"workers": _table(worker_table(load))} if load.generator and load.generator.workers else {}),
        **({"traffic": _table(traffic_table(load))} if load.traffic else {}),
        "seconds": labels.duration(load.seconds) if load.seconds else "",
        "log": escape_text(truncate_text(load.log, MAX_LOG_CHARACTERS)).strip("\n"),
    }


def _metrics(cells: Sequence[ScenarioResult]) -> dict[str, object] | None:
    found = metric_table(cells)
    if found is None:
        return None
    notes = [
        [line(each.metric, 100), [line(name) for name in each.servers], line(each.text, 600)] for each in found.notes
    ]
    return _table(found.table) | {"notes": notes}


def _pairs(values: Mapping[str, object]) -> list[list[str]]:
    return [[line(str(name), 80), line(labels.conditions({"": value}), 400)] for name, value in values.items()]


def _table(table: TextTable) -> dict[str, object]:
    return {
        "heads": [line(each, 100) for each in table.heads],
        "rows": [[line(each, 200) for each in row] for row in table.rows],
    }


VIEW = View(name="load", title="Scenario", order=11, block=block, blocks=blocks, in_navigation=False)
