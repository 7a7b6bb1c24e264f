"""`cells.csv`: one row for each cell of conformance and of load, for a spreadsheet or a program.

A recommendation has one row for each candidate and figure, and one for a candidate without figures. The column `kind`
is `conformance`, `load` or `recommendation`. Columns that a kind does not have are empty. Times are in seconds, rates
in requests per second, `goodput` is a share of 1. Text from servers cannot become a formula.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from wsgi_gauntlet.harness.baseline.comparison import describe_status
from wsgi_gauntlet.harness.model import CaseResult, Results, ScenarioResult
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.harness.model.recommendation import FigureId, Recommendation
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import labels, recommendation_text
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.text.labels import during

COLUMNS = (
    "kind",
    "server",
    "version",
    "id",
    "requirement",
    "level",
    "tags",
    "result",
    "expected",
    "got",
    "attempts",
    "seconds",
    "baseline",
    "lint",
    "goodput",
    "p99",
    "p99_is_lower_bound",
    "requests",
    "slowdown",
    "collapse_clients",
    "recovery",
    "rate",
    "note",
    "value",
    "value_is_lower_bound",
    "low",
    "high",
    "unit",
    "n",
    "n_invalid",
    "valid",
    "thresholds_broken",
    "thresholds_not_checked",
    "thresholds_met",
)

MAX_CHARACTERS = 1000
"""Characters of one text. results.json has all of it."""

_FORMULA_START = re.compile("^[\\s'\"]*[=+\\-@\uff1d\uff0b\uff0d\uff20]")
_FORMULA_AFTER_SEPARATOR = re.compile("([;,\\t|][\\s'\"]*)([=+\\-@\uff1d\uff0b\uff0d\uff20])")


def render(results: Results) -> str:
    """Return all cells of `results` as CSV."""
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    rows.writeheader()
    versions = {each.name: each.version for each in aggregation.servers(results)}
    for row in _rows(results, versions):
        rows.writerow({name: _field(value) for name, value in row.items()})
    return text.getvalue()


def safe_text(text: str) -> str:
    """Return `text` on one line so that no spreadsheet reads it as a formula.

    An apostrophe makes a text of a formula. A separator inside of the text can begin a cell of its own where a
    spreadsheet expects another separator, so the same is done after each of them.
    """
    flat = _FORMULA_AFTER_SEPARATOR.sub(r"\1'\2", line(text, MAX_CHARACTERS))
    return f"'{flat}" if _FORMULA_START.match(flat) else flat


def _rows(results: Results, versions: dict[str, str]) -> Iterator[dict[str, object]]:
    for cell in results.conformance:
        yield {"version": versions.get(cell.server, ""), **_conformance(cell)}
    for load in results.load:
        yield {"version": versions.get(load.server, ""), **_load(load)}
    if results.recommendation is not None:
        yield from _recommendation(results.recommendation)


def _conformance(cell: CaseResult) -> dict[str, object]:
    return {
        "kind": "conformance",
        "server": cell.server,
        "id": cell.case,
        "requirement": requirement_id(cell.case),
        "level": str(cell.level),
        "tags": " ".join(cell.tags),
        "result": str(cell.verdict),
        "expected": cell.expected,
        "got": cell.actual,
        "attempts": cell.attempts,
        "seconds": round(cell.seconds, 6),
        "baseline": describe_status(cell),
        "lint": " ".join(cell.findings),
    }


def _load(cell: ScenarioResult) -> dict[str, object]:
    phase = during(cell)
    capacity = labels.capacity(cell)
    return {
        "kind": "load",
        "server": cell.server,
        "id": cell.scenario,
        "result": str(cell.grade),
        "seconds": round(cell.seconds, 6),
        "goodput": cell.goodput,
        "p99": phase.p99 if phase else None,
        "p99_is_lower_bound": phase.censored if phase else None,
        "requests": phase.scheduled if phase else None,
        "slowdown": cell.slowdown,
        "collapse_clients": cell.collapse,
        "recovery": cell.recovery,
        "rate": capacity.value if capacity is not None else labels.best_rate(cell),
        "note": cell.note,
        "thresholds_broken": "; ".join(each.message for each in cell.broken),
        "thresholds_not_checked": "; ".join(each.message for each in cell.unchecked),
        "thresholds_met": " ".join(cell.met),
    }


def _recommendation(found: Recommendation) -> Iterator[dict[str, object]]:
    for name in recommendation_text.ordered_names(found):
        info = next((each for each in found.candidates if each.name == name), None)
        row: dict[str, object] = {
            "kind": "recommendation",
            "server": name,
            "version": info.version if info is not None else "",
            "result": recommendation_text.describe_place(found, name),
        }
        left, figures = found.elimination(name), found.figures_of(name)
        measured = [(which, figure) for which in FigureId if (figure := figures.figure(which)) is not None]
        if not measured:
            yield {**row, "note": left.reason if left is not None else recommendation_text.NOT_MEASURED}
        for which, figure in measured:
            yield {
                **row,
                "id": which.value,
                "value": figure.value,
                "value_is_lower_bound": figure.bound,
                "low": figure.low,
                "high": figure.high,
                "unit": figure.unit,
                "n": figure.n,
                "n_invalid": figure.n_invalid,
                "valid": figure.valid,
                "note": figure.why,
            }


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return safe_text(value)
    return str(value)
