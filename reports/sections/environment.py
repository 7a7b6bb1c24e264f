"""What a run says of its machine and call, whatever the keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import words
from ..visible import line

_FIRST = ("command", "version", "started", "seconds", "python", "platform", "machine", "cpu", "cores", "memory")


def rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and values as text, the well-known ones first."""
    order = [*(each for each in _FIRST if each in values), *(each for each in values if each not in _FIRST)]
    return [(line(str(name), 60), _told(name, values[name])) for name in order]


def measured(values: Mapping[str, Any]) -> str:
    """Return when, how long and on what, on one line; what is not known is left out."""
    parts = [
        _told(name, values[name])
        for name in ("started", "seconds", "python", "platform")
        if name in values and isinstance(values[name], str | int | float)
    ]
    if isinstance(values.get("cores"), int):
        parts.append(words.counted(values["cores"], "core"))
    return " · ".join(parts)


def _told(name: str, value: Any) -> str:
    if name == "seconds" and isinstance(value, int | float):
        return words.duration(float(value))
    if name == "started" and isinstance(value, str):
        return line(value.replace("T", " ").replace("Z", " UTC"), 60)
    return line(words.conditions({"": value}).strip(), 400)
