"""Describe the machine, the program and the call of a run."""

from __future__ import annotations

from collections.abc import Mapping

from wsgi_gauntlet.harness.model.run_part import PART_KEY, part_of
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

_FIRST_KEYS = ("program", "date", "python", "system", "processor", "cores", "memory", "app", "full")


def rows(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return names and values as text, the known names first."""
    order = [*(each for each in _FIRST_KEYS if each in values), *(each for each in values if each not in _FIRST_KEYS)]
    return [(line(str(name), 60), _format_value(name, values[name])) for name in order]


def describe_machine(values: Mapping[str, object]) -> str:
    """Return the date and the machine on one line. Unknown values are left out."""
    parts = [_format_value(name, values[name]) for name in ("date", "processor") if values.get(name)]
    if isinstance(cores := values.get("cores"), int):
        parts.append(labels.pluralize(cores, "core"))
    if isinstance(values.get("memory"), int):
        parts.append(_format_value("memory", values["memory"]))
    if values.get("python"):
        parts.append(f"Python {_format_value('python', values['python'])}")
    return " · ".join([*parts, *([_format_value("system", values["system"])] if values.get("system") else [])])


def _format_value(name: str, value: object) -> str:
    if name == "memory" and isinstance(value, int):
        return labels.size(value)
    if name == PART_KEY:
        return str(part_of({PART_KEY: value}) or "")
    if name == "date" and isinstance(value, str):
        return line(value.replace("T", " ").replace("+00:00", " UTC"), 60)
    return line(labels.conditions({"": value}).strip(), 400)
