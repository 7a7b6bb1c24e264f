"""A drawing collects the shapes of a chart. Lengths are pixels from the top left.

Pages have hundreds of charts as SVG text, which takes less than a millisecond each. Files of other kinds are drawn with
matplotlib (see matplotlib_canvas.py), which takes 20 to 80 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wsgi_gauntlet.reports.charts.shapes import (
    SMALL,
    TEXT,
    Area,
    Box,
    Lines,
    Marks,
    Point,
    Rectangle,
    Shape,
    Text,
    TurnedText,
)
from wsgi_gauntlet.reports.charts.svg_text import svg_text
from wsgi_gauntlet.reports.charts.text_width import fit
from wsgi_gauntlet.reports.text.escaping import line


class Table(NamedTuple):
    """The data of a chart: column heads, and rows of texts."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


class Drawing:
    """Collects shapes. Colours are names of palette.py. `label` describes the chart to screen readers."""

    def __init__(self, width: float, height: float, label: str) -> None:
        self.width, self.height = width, height
        self.label = line(label, 600)
        self.shapes: list[Shape] = []

    def path(
        self, lines: Sequence[Sequence[Point]], colour: str, *, width: float = 1.5, dash: str = "", opacity: float = 1.0
    ) -> None:
        """Draw `lines`, each through its points. One without a second point is left out."""
        drawn = [each for each in lines if len(each) > 1]
        if drawn:
            self.shapes.append(Lines(drawn, colour, width, dash, opacity))

    def area(self, points: Sequence[Point], colour: str, *, opacity: float = 1.0) -> None:
        """Fill the area inside of `points`."""
        if len(points) > 2:
            self.shapes.append(Area(points, colour, opacity))

    def box(self, place: Box, colour: str, *, radius: float = 0.0, hollow: bool = False, hint: str = "") -> None:
        """Fill a rectangle. With `hollow` draw only its edge, dotted. `hint` is the text under the pointer."""
        self.shapes.append(Rectangle(place, colour, radius, hollow, hint))

    def marks(
        self, shape: str, points: Sequence[Point], colour: str, size: float, *, hollow: bool = False,
        opacity: float = 1.0, hint: str = "",
    ) -> None:  # fmt: skip
        """Draw a mark of `size` pixels on each of `points`: `x` is a cross, others are of SHAPES."""
        if points:
            self.shapes.append(Marks(shape, points, colour, size, hollow, opacity, hint))

    def text(
        self, at: Point, text: str, colour: str = "ink", *, size: float = TEXT, bold: bool = False,
        anchor: str = "start", room: float = 0.0,
    ) -> None:  # fmt: skip
        """Write `text`, its middle line at the height of `at`. `room` is its largest width (0: any).

        A text that had to be shortened gets the whole text as a hint.
        """
        whole = line(text)
        if whole:
            shown, size = fit(whole, size, room, bold=bold) if room else (whole, size)
            self.shapes.append(Text(at, shown, colour, size, bold, anchor, whole if shown != whole else ""))

    def turned_text(self, at: Point, text: str, colour: str = "muted", *, size: float = SMALL) -> None:
        """Write `text` upwards, for a vertical axis. Its middle is at `at`."""
        self.shapes.append(TurnedText(at, line(text), colour, size))

    def render(self) -> str:
        """Return the chart as an SVG element, a shape on each line."""
        return svg_text(self.width, self.height, self.label, self.shapes)
