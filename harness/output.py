"""What one file in reports/ offers: results in, the text of one file out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .model import Results


@dataclass(frozen=True)
class Output:
    """One form of report. `filename` is where it lies in a run folder; `render` is pure."""

    name: str
    filename: str
    render: Callable[[Results], str]
