"""What one file in reports/ offers: results in, the text of one file out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Results


@dataclass(frozen=True)
class Output:
    """One form of report. `filename` is where it lies in a run folder; `render` is pure.

    `prepare` does beforehand what `render` would lose time with. `asked` is true of a form that is written only where
    the call names a file for it.
    """

    name: str
    filename: str
    render: Callable[[Results], str]
    prepare: Callable[[], None] = lambda: None
    on_request_only: bool = False
