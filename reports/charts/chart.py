"""A chart of a run: its name, its picture and its data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wsgi_gauntlet.reports.charts.drawing import Drawing, Table


@dataclass(frozen=True)
class Chart:
    """One chart.

    `name` is unique in a run, as `classroom/percentiles`. `draw` returns the drawing, wide or narrow. `table` returns
    the same data as text. A `small` chart is narrow on wide pages too, beside others.
    """

    name: str
    title: str
    draw: Callable[[bool], Drawing]
    table: Callable[[], Table]
    small: bool = False

    @property
    def wide(self) -> str:
        """The SVG of the chart for wide pages."""
        return self.draw(self.small).render()

    @property
    def narrow(self) -> str:
        """The SVG of the chart for narrow pages."""
        return self.draw(True).render()

    @property
    def file_stem(self) -> str:
        """A file name without its suffix: letters, digits and hyphens."""
        return "".join(each if each.isascii() and each.isalnum() else "-" for each in self.name).strip("-") or "chart"
