"""Results of schema 1, changed to schema 2. Decoded JSON in and out.

Schema 1 was the format of the first version. Everything that is already in the new form stays as it is, because a
resumed journal has lines of both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wsgi_gauntlet.harness.model.load import metric_id

Document = dict[str, Any]

_RESULTS = {"checks": "conformance", "loads": "load"}
_CASE_RESULT = {"patterns": "segmentations"}
_BASELINE = {"standing": "status"}
_SCENARIO_RESULT = {
    "reaped": "disconnect",
    "crowd": "slow_clients",
    "measures": "metrics",
    "artefacts": "caveats",
}
_METRIC = {"name": "label"}
_METRIC_IDS = {
    "p99_there": "capacity_p99",
    "newcomer_answered_beside_them_nginx": "new_client_served_nginx",
    "newcomer_answered_beside_them_alone": "new_client_served_alone",
}
"""Ids that do not follow from the labels of schema 1."""

_CLAIM = {"held": "verdict"}
_THRESHOLD_VIOLATION = {"told": "message"}
_BASELINE_LINE = {"held": "applied"}


def upgrade_results(document: Document) -> Document:
    """Return a results.json of schema 1 as one of schema 2."""
    new = _renamed(document, _RESULTS) | {"schema": 2}
    _change_each(new, "conformance", _case_result)
    _change_each(new, "load", _scenario_result)
    return new


def upgrade_line(line: Document) -> Document:
    """Return one line of a journal of schema 1 as a line of schema 2."""
    new = _renamed(line, _BASELINE_LINE) if line.get("line") == "baseline" else dict(line)
    if new.get("line") == "run":
        new["schema"] = 2
    _change(new, "check", _case_result)
    _change(new, "load", _scenario_result)
    _change_each(new, "applied", _with_baseline)
    return new


def _case_result(cell: Document) -> Document:
    return _with_baseline(_renamed(cell, _CASE_RESULT))


def _with_baseline(cell: Document) -> Document:
    new = dict(cell)
    _change(new, "baseline", lambda each: _renamed(each, _BASELINE))
    return new


def _scenario_result(cell: Document) -> Document:
    new = _renamed(cell, _SCENARIO_RESULT)
    _change_each(new, "metrics", _metric)
    _change_each(new, "claims", lambda each: _renamed(each, _CLAIM))
    _change_each(new, "broken", lambda each: _renamed(each, _THRESHOLD_VIOLATION))
    return new


def _metric(metric: Document) -> Document:
    new = _renamed(metric, _METRIC)
    made = metric_id(str(new.get("label", "")))
    return {"id": _METRIC_IDS.get(made, made), **new}


def _renamed(document: Document, names: Mapping[str, str]) -> Document:
    return {names.get(name, name): value for name, value in document.items()}


def _change(document: Document, key: str, change: Callable[[Document], Document]) -> None:
    """Change the object below `key`. What is not an object stays, for the decoder to complain about."""
    if isinstance(document.get(key), dict):
        document[key] = change(document[key])


def _change_each(document: Document, key: str, change: Callable[[Document], Document]) -> None:
    """Change each object of the list below `key`."""
    if isinstance(document.get(key), list):
        document[key] = [change(each) if isinstance(each, dict) else each for each in document[key]]
