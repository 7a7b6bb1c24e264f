"""The canvas of all charts, in inches from its top left. Only this module imports matplotlib, and only to draw.

Charts draw their own lines and ticks. A page has hundreds of charts, and one pair of matplotlib axes takes 80 ms, ten
times longer than the rest of a chart.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wsgi_gauntlet.reports.charts.scales import Scale
from wsgi_gauntlet.reports.charts.svg import PLACEHOLDER_COLOURS, SERIES_COUNT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Point = tuple[float, float]

TEXT_POINTS, SMALL_TEXT_POINTS = 9.5, 8.5
"""Points."""

DASHES = ("", "5 1.5", "2 1.2", "6 1.5 1.5 1.5")
SHAPES = "osD^vPX<>p"

# Corners of a mark of radius 1. A dot has none: it is a line of no length with round ends, a third of the bytes.
_CORNERS: dict[str, Sequence[Point]] = {
    "s": ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
    "D": ((0, -1.15), (1.15, 0), (0, 1.15), (-1.15, 0)),
    "^": ((0, -1.15), (1.1, 0.9), (-1.1, 0.9)),
    "v": ((0, 1.15), (1.1, -0.9), (-1.1, -0.9)),
    "<": ((-1.15, 0), (0.9, 1.1), (0.9, -1.1)),
    ">": ((1.15, 0), (-0.9, 1.1), (-0.9, -1.1)),
    "p": ((0, -1.1), (1.05, -0.3), (0.65, 0.95), (-0.65, 0.95), (-1.05, -0.3)),
    "P": tuple((x * 1.1, y * 1.1) for x, y in (
        (-0.35, -1), (0.35, -1), (0.35, -0.35), (1, -0.35), (1, 0.35), (0.35, 0.35),
        (0.35, 1), (-0.35, 1), (-0.35, 0.35), (-1, 0.35), (-1, -0.35), (-0.35, -0.35),
    )),
    "X": ((-1, -0.6), (-0.6, -1), (0, -0.4), (0.6, -1), (1, -0.6), (0.4, 0), (1, 0.6), (0.6, 1), (0, 0.4),
          (-0.6, 1), (-1, 0.6), (-0.4, 0)),
}  # fmt: skip


def prepare() -> None:
    """Import matplotlib and draw once, so that a report does not wait half a second later."""
    with canvas(1, 1) as drawn:
        drawn.text((0.5, 0.5), "")


class Canvas:
    """Draws in the colours of PLACEHOLDER_COLOURS. Lengths are inches. Line widths and sizes are points."""

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        self._figure = figure
        self.width, self.height = width, height
        self.svg = ""

    def line(
        self, points: Sequence[Point], colour: str, *, width: float = 1.4, dash: str = "", alpha: float = 1.0
    ) -> None:
        """Join `points`."""
        if len(points) > 1:
            self._path([points], colour, width=width, dash=dash, alpha=alpha)

    def rules(self, lines: Sequence[tuple[Point, Point]], colour: str = "grid", *, width: float = 0.7) -> None:
        """Draw straight lines, for example a grid."""
        if lines:
            self._path(lines, colour, width=width)

    def fill(self, points: Sequence[Point], colour: str, *, alpha: float = 1.0) -> None:
        """Fill the area inside of `points`."""
        if len(points) > 2:
            self._path([points], colour, filled=True, alpha=alpha)

    def box(
        self, left: float, top: float, right: float, bottom: float, colour: str, *, alpha: float = 1.0,
        hollow: bool = False,
    ) -> None:  # fmt: skip
        """Fill a rectangle. With `hollow` draw only its edge, dashed."""
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        if hollow:
            self.line([*corners, corners[0]], colour, width=0.9, dash="2 1.5")
        else:
            self.fill(corners, colour, alpha=alpha)

    def marks(self, shape: str, points: Sequence[Point], colour: str, size: float, *, alpha: float = 1.0) -> None:
        """Draw a mark on each of `points`: `o` is a dot, `x` a cross, others are of SHAPES."""
        if not points:
            return
        if shape == "o":
            self._path([(each, each) for each in points], colour, width=size, alpha=alpha, round_ends=True)
            return
        half = size / 144
        if shape == "x":
            arms = (((-half, -half), (half, half)), ((-half, half), (half, -half)))
            crosses = [((x + a, y + b), (x + c, y + d)) for x, y in points for (a, b), (c, d) in arms]
            self._path(crosses, colour, width=1.1, alpha=alpha)
            return
        corners = _CORNERS[shape]
        shapes = [[(x + a * half, y + b * half) for a, b in corners] for x, y in points]
        self._path(shapes, colour, filled=True, alpha=alpha)

    def text(
        self, at: Point, text: str, colour: str = "ink", *, size: float = TEXT_POINTS, bold: bool = False,
        align: str = "left", along: str = "center",
    ) -> None:  # fmt: skip
        """Write `text` at a point. `align` and `along` are its horizontal and vertical alignment."""
        if text:
            self._figure.text(
                at[0] / self.width, 1 - at[1] / self.height, text, color=PLACEHOLDER_COLOURS[colour], fontsize=size,
                ha=align, va=along, fontweight="bold" if bold else "normal", parse_math=False,
            )  # fmt: skip

    def draw_y_axis(self, scale: Scale, ticks: Sequence[tuple[float, str]], left: float, right: float) -> None:
        """Draw the `ticks` of a vertical `scale` from `left` to `right`, with the labels on the left."""
        self.rules([((left, scale(value)), (right, scale(value))) for value, _ in ticks])
        for value, label in ticks:
            self.text((left - 0.06, scale(value)), label, "muted", size=SMALL_TEXT_POINTS, align="right")

    def draw_x_axis(
        self, scale: Scale, ticks: Sequence[tuple[float, str]], top: float, bottom: float, *, rules: bool = False
    ) -> None:
        """Draw the horizontal axis at `bottom` with the `ticks` of `scale`. `rules` adds lines from `top`."""
        if rules:
            self.rules([((scale(value), top), (scale(value), bottom)) for value, _ in ticks])
        self.rules([((scale.start, bottom), (scale.end, bottom))], "muted", width=0.8)
        self.rules([((scale(value), bottom), (scale(value), bottom + 0.04)) for value, _ in ticks], "muted", width=0.8)
        for value, label in ticks:
            self.text(
                (scale(value), bottom + 0.07), label, "muted", size=SMALL_TEXT_POINTS, align="center", along="top"
            )

    def _path(
        self, lines: Sequence[Sequence[Point]], colour: str, *, width: float = 0.0, dash: str = "", alpha: float = 1.0,
        filled: bool = False, round_ends: bool = False,
    ) -> None:  # fmt: skip
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        corners: list[Point] = []
        codes: list[Any] = []
        for each in lines:
            corners += [(x, self.height - y) for x, y in each]
            codes += [Path.MOVETO, *[Path.LINETO] * (len(each) - 1)]
            if filled:
                corners.append((0.0, 0.0))
                codes.append(Path.CLOSEPOLY)
        patch = PathPatch(
            Path(corners, codes),
            transform=self._figure.dpi_scale_trans,
            facecolor=PLACEHOLDER_COLOURS[colour] if filled else "none",
            edgecolor="none" if filled else PLACEHOLDER_COLOURS[colour],
            linewidth=width,
            linestyle=(0, tuple(float(each) for each in dash.split())) if dash else "-",
            capstyle="round" if round_ends else "butt",
            joinstyle="round",
            alpha=None if alpha == 1 else alpha,
            clip_on=False,
        )
        self._figure.add_artist(patch)
        patch.set_clip_on(False)


@contextmanager
def canvas(width: float, height: float) -> Iterator[Canvas]:
    """Yield an empty canvas. Afterwards its `svg` has the drawing, for svg.py."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "wsgi-gauntlet",
        "font.family": ["DejaVu Sans"],
        "font.size": TEXT_POINTS,
        "path.simplify": False,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(width, height))
        figure.patch.set_visible(False)
        FigureCanvasSVG(figure)
        drawn = Canvas(figure, width, height)
        yield drawn
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        drawn.svg = file.getvalue()


def series_style(place: int) -> tuple[str, str, str]:
    """Return the colour, shape and dash of the line at `place`. Each of them identifies the line."""
    return f"series-{place % SERIES_COUNT}", SHAPES[place % len(SHAPES)], DASHES[place % len(DASHES)]
