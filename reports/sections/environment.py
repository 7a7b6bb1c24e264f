"""What a run says of its machine and call, whatever the keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import words
from ..visible import line

_FIRST = ("program", "date", "python", "system", "processor", "cores", "memory", "app", "full")


def rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and values as text, the well-known ones first."""
    order = [*(each for each in _FIRST if each in values), *(each for each in values if each not in _FIRST)]
    return [(line(str(name), 60), _told(name, values[name])) for name in order]


def measured(values: Mapping[str, Any]) -> str:
    """Return when and on what, on one line; what is not known is left out."""
    parts = [_told(name, values[name]) for name in ("date", "processor") if values.get(name)]
    if isinstance(values.get("cores"), int):
        parts.append(words.counted(values["cores"], "core"))
    if isinstance(values.get("memory"), int):
        parts.append(_told("memory", values["memory"]))
    if values.get("python"):
        parts.append(f"Python {_told('python', values['python'])}")
    return " · ".join([*parts, *([_told("system", values["system"])] if values.get("system") else [])])


def _told(name: str, value: Any) -> str:
    if name == "memory" and isinstance(value, int):
        return words.size(value)
    if name == "date" and isinstance(value, str):
        return line(value.replace("T", " ").replace("+00:00", " UTC"), 60)
    return line(words.conditions({"": value}).strip(), 400)
