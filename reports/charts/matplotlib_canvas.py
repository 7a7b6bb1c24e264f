"""Draw a drawing with matplotlib, as PNG or PDF. Only this module imports matplotlib, and only to draw.

A figure has 72 dots per inch, so a pixel of the drawing is a point of matplotlib. Settings of the user's matplotlibrc
do not count: they could hand hostile text to LaTeX.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, Any

from wsgi_gauntlet.reports.charts.drawing import Drawing
from wsgi_gauntlet.reports.charts.palette import LIGHT
from wsgi_gauntlet.reports.charts.shapes import (
    BASELINE,
    DOTTED,
    EDGE,
    Area,
    Lines,
    Marks,
    Point,
    Rectangle,
    Shape,
    Text,
    TurnedText,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 72
PNG_SCALE = 2
"""Pixels of a PNG for each pixel of the drawing."""

FONT = "DejaVu Sans"
"""The font that matplotlib brings. text_width.py has its widths."""

UNKNOWN_CHARACTER = "\N{REPLACEMENT CHARACTER}"
"""Stands for each character that the font does not have."""

_SIDES = {"start": "left", "middle": "center", "end": "right"}
_PROGRAM = "wsgi-gauntlet"


def png(drawing: Drawing, theme: Mapping[str, str] = LIGHT) -> bytes:
    """Return `drawing` as a PNG of PNG_SCALE times its size."""
    with _figure(drawing, theme) as figure:
        return _saved(figure, "png", DOTS_PER_INCH * PNG_SCALE, {"Software": _PROGRAM, "Title": drawing.label})


def pdf(drawing: Drawing, theme: Mapping[str, str] = LIGHT) -> bytes:
    """Return `drawing` as a PDF of one page. A pixel is a point. Text stays text."""
    known = {"Creator": _PROGRAM, "Producer": _PROGRAM, "Title": drawing.label, "CreationDate": None}
    with _figure(drawing, theme) as figure:
        return _saved(figure, "pdf", DOTS_PER_INCH, known)


def _saved(figure: Figure, kind: str, dpi: int, known: Mapping[str, str | None]) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format=kind, dpi=dpi, metadata=dict(known))
    return stream.getvalue()


@contextmanager
def _figure(drawing: Drawing, theme: Mapping[str, str]) -> Iterator[Figure]:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    width, height = ceil(drawing.width), ceil(drawing.height)
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["lines.scale_dashes"] = False  # dashes are pixels, as in SVG
        figure = Figure((width / DOTS_PER_INCH, height / DOTS_PER_INCH), dpi=DOTS_PER_INCH, facecolor=theme["paper"])
        canvas = _Canvas(figure, (width, height), theme)
        for shape in drawing.shapes:
            canvas.draw(shape)
        yield figure


class _Canvas:
    """Puts shapes onto a figure of a size in pixels, each above the earlier ones."""

    def __init__(self, figure: Figure, size: tuple[int, int], theme: Mapping[str, str]) -> None:
        self._figure = figure
        self._width, self._height = size
        self._theme = theme

    def draw(self, shape: Shape) -> None:
        match shape:
            case Lines():
                self._stroke(shape.lines, shape.colour, shape.width, dash=shape.dash, opacity=shape.opacity)
            case Area():
                self._fill([shape.points], shape.colour, opacity=shape.opacity)
            case Rectangle():
                self._rectangle(shape)
            case Marks():
                self._marks(shape)
            case Text():
                x, y = shape.at
                self._text((x, y + BASELINE * shape.size), shape, side=_SIDES[shape.anchor], bold=shape.bold)
            case TurnedText():
                x, y = shape.at
                self._text((x + BASELINE * shape.size, y), shape, side="center", turn=90)

    def _rectangle(self, shape: Rectangle) -> None:
        left, top, right, bottom = shape.place
        right, bottom = max(left, right), max(top, bottom)
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        if shape.hollow:
            self._stroke([[*corners, corners[0]]], shape.colour, 1.0, dash=DOTTED)
        elif shape.radius:
            self._rounded(shape, right, bottom)
        else:
            self._fill([corners], shape.colour)

    def _rounded(self, shape: Rectangle, right: float, bottom: float) -> None:
        from matplotlib.path import Path

        left, top, _, _ = shape.place
        across, down = min(shape.radius, (right - left) / 2), min(shape.radius, (bottom - top) / 2)
        points = [
            (left + across, top),
            (right - across, top), (right, top), (right, top + down),
            (right, bottom - down), (right, bottom), (right - across, bottom),
            (left + across, bottom), (left, bottom), (left, bottom - down),
            (left, top + down), (left, top), (left + across, top),
        ]  # fmt: skip
        self._patch(points, [Path.MOVETO, *[Path.LINETO, Path.CURVE3, Path.CURVE3] * 4], self._look(shape.colour))

    def _marks(self, shape: Marks) -> None:
        half = shape.size / 2
        look = self._look(shape.colour, opacity=shape.opacity)
        if shape.shape == "x":
            arms = [
                [(x - half, y - half * way), (x + half, y + half * way)] for x, y in shape.points for way in (1, -1)
            ]
            self._stroke(arms, shape.colour, EDGE, opacity=shape.opacity)
            return
        if shape.hollow:
            look |= {"facecolor": self._theme["paper"], "edgecolor": self._theme[shape.colour], "linewidth": EDGE}
        if shape.shape == "o":
            self._circles(shape.points, half - (EDGE / 2 if shape.hollow else 0), look)
        else:
            self._polygons(shape.corners, look)

    def _circles(self, middles: Sequence[Point], radius: float, look: dict[str, Any]) -> None:
        import numpy as np
        from matplotlib.path import Path

        circle = Path.unit_circle()
        points = np.asarray(middles)[:, None, :] + radius * np.asarray(circle.vertices)[None, :, :]
        self._patch(points.reshape(-1, 2), np.tile(np.asarray(circle.codes), len(middles)), look)

    def _fill(self, areas: Sequence[Sequence[Point]], colour: str, *, opacity: float = 1.0) -> None:
        self._polygons(areas, self._look(colour, opacity=opacity))

    def _polygons(self, areas: Sequence[Sequence[Point]], look: dict[str, Any]) -> None:
        from matplotlib.path import Path

        points = [point for each in areas for point in [*each, each[0]]]
        codes = [code for each in areas for code in [Path.MOVETO, *[Path.LINETO] * (len(each) - 1), Path.CLOSEPOLY]]
        self._patch(points, codes, look)

    def _stroke(
        self, lines: Sequence[Sequence[Point]], colour: str, width: float, *, dash: str = "", opacity: float = 1.0
    ) -> None:
        from matplotlib.path import Path

        codes = [code for each in lines for code in [Path.MOVETO, *[Path.LINETO] * (len(each) - 1)]]
        look = {"fill": False, "edgecolor": self._theme[colour], "linewidth": width, "alpha": opacity}
        if dash:
            look["linestyle"] = (0, [float(each) for each in dash.split()])
        self._patch([point for each in lines for point in each], codes, look)

    def _look(self, colour: str, *, opacity: float = 1.0) -> dict[str, Any]:
        return {"facecolor": self._theme[colour], "linewidth": 0.0, "alpha": opacity}

    def _patch(self, points: Any, codes: Any, look: dict[str, Any]) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path
        from matplotlib.transforms import Affine2D

        whole = Affine2D().scale(1 / self._width, -1 / self._height).translate(0, 1) + self._figure.transFigure
        patch = PathPatch(Path(points, codes), transform=whole, zorder=self._next_layer(), **look)
        self._figure.add_artist(patch, clip=False)

    def _text(self, base: Point, shape: Text | TurnedText, *, side: str, bold: bool = False, turn: float = 0.0) -> None:
        weight = "bold" if bold else "normal"
        self._figure.text(
            base[0] / self._width, 1 - base[1] / self._height, _drawable(shape.text, weight),
            color=self._theme[shape.colour], fontsize=shape.size, family=FONT, weight=weight, ha=side, va="baseline",
            rotation=turn, rotation_mode="anchor", zorder=self._next_layer(), parse_math=False, usetex=False,
        )  # fmt: skip

    def _next_layer(self) -> int:
        return len(self._figure.get_children())


def _drawable(text: str, weight: str) -> str:
    """Return `text` with UNKNOWN_CHARACTER for each character that the font does not have."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = get_font(findfont(FontProperties(family=FONT, weight=weight))).get_char_index
    return "".join(each if known(ord(each)) else UNKNOWN_CHARACTER for each in text)
