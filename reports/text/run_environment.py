"""What a run says of its machine and call, whatever the keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

_FIRST_KEYS = ("program", "date", "python", "system", "processor", "cores", "memory", "app", "full")


def rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and values as text, the well-known ones first."""
    order = [*(each for each in _FIRST_KEYS if each in values), *(each for each in values if each not in _FIRST_KEYS)]
    return [(line(str(name), 60), _format_value(name, values[name])) for name in order]


def describe_machine(values: Mapping[str, Any]) -> str:
    """Return when and on what, on one line; what is not known is left out."""
    parts = [_format_value(name, values[name]) for name in ("date", "processor") if values.get(name)]
    if isinstance(values.get("cores"), int):
        parts.append(labels.pluralize(values["cores"], "core"))
    if isinstance(values.get("memory"), int):
        parts.append(_format_value("memory", values["memory"]))
    if values.get("python"):
        parts.append(f"Python {_format_value('python', values['python'])}")
    return " · ".join([*parts, *([_format_value("system", values["system"])] if values.get("system") else [])])


def _format_value(name: str, value: Any) -> str:
    if name == "memory" and isinstance(value, int):
        return labels.size(value)
    if name == "date" and isinstance(value, str):
        return line(value.replace("T", " ").replace("+00:00", " UTC"), 60)
    return line(labels.conditions({"": value}).strip(), 400)
