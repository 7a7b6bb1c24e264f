"""Draw charts as SVG text. Lengths are pixels from the top left.

The charts are written by hand, without matplotlib: a report has hundreds of them, and one takes matplotlib 20 to
80 ms and this module less than one. Shapes have presentation attributes, so that a chart needs no style sheet, which
strict content policies forbid. Classes let the page's style sheet recolour them (see palette.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from wsgi_gauntlet.reports.charts.palette import LIGHT
from wsgi_gauntlet.reports.charts.text_width import fit
from wsgi_gauntlet.reports.text.escaping import line

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""

FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
TEXT, SMALL, TITLE = 12.0, 11.0, 15.0
"""Font sizes in pixels."""

DOTTED, DASHED = "1.5 2.5", "5 3"
"""Dash patterns in pixels. Dotted means: not judged, or only a lower bound."""

_BASELINE = 0.35
"""The distance from the middle of a line of text to its base, in font sizes."""

# Corners of a mark of radius 1. A dot has none: it is a line of no length with round ends.
SHAPES: dict[str, Sequence[Point]] = {
    "o": (),
    "s": ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
    "D": ((0, -1.15), (1.15, 0), (0, 1.15), (-1.15, 0)),
    "^": ((0, -1.15), (1.1, 0.9), (-1.1, 0.9)),
    "v": ((0, 1.15), (1.1, -0.9), (-1.1, -0.9)),
    "<": ((-1.15, 0), (0.9, 1.1), (0.9, -1.1)),
    ">": ((1.15, 0), (-0.9, 1.1), (-0.9, -1.1)),
    "p": ((0, -1.1), (1.05, -0.3), (0.65, 0.95), (-0.65, 0.95), (-1.05, -0.3)),
    "P": ((-0.4, -1.1), (0.4, -1.1), (0.4, -0.4), (1.1, -0.4), (1.1, 0.4), (0.4, 0.4),
          (0.4, 1.1), (-0.4, 1.1), (-0.4, 0.4), (-1.1, 0.4), (-1.1, -0.4), (-0.4, -0.4)),
    "X": ((-1, -0.6), (-0.6, -1), (0, -0.4), (0.6, -1), (1, -0.6), (0.4, 0), (1, 0.6), (0.6, 1), (0, 0.4),
          (-0.6, 1), (-1, 0.6), (-0.4, 0)),
}  # fmt: skip


class Table(NamedTuple):
    """The data of a chart: column heads, and rows of texts."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


class Drawing:
    """Collects shapes. Colours are names of palette.py. `label` describes the chart to screen readers."""

    def __init__(self, width: float, height: float, label: str) -> None:
        self.width, self.height = width, height
        self._label = line(label, 600)
        self._parts: list[str] = []

    def path(
        self, lines: Sequence[Sequence[Point]], colour: str, *, width: float = 1.5, dash: str = "", opacity: float = 1.0
    ) -> None:
        """Draw `lines`, each through its points. One without a second point is left out."""
        drawn = "".join(_path(each) for each in lines if len(each) > 1)
        if drawn:
            dashes = f' stroke-dasharray="{dash}"' if dash else ""
            self._add(
                f'<path d="{drawn}" fill="none" {_stroke(colour)} stroke-width="{_number(width)}"{dashes}'
                f"{_opacity(opacity)}/>"
            )

    def area(self, points: Sequence[Point], colour: str, *, opacity: float = 1.0) -> None:
        """Fill the area inside of `points`."""
        if len(points) > 2:
            self._add(f'<path d="{_path(points)}z" {_fill(colour)}{_opacity(opacity)}/>')

    def box(self, place: Box, colour: str, *, radius: float = 0.0, hollow: bool = False, hint: str = "") -> None:
        """Fill a rectangle. With `hollow` draw only its edge, dotted. `hint` is the text under the pointer."""
        left, top, right, bottom = place
        look = f'fill="none" {_stroke(colour)} stroke-dasharray="{DOTTED}"' if hollow else _fill(colour)
        corners = f' rx="{_number(radius)}"' if radius else ""
        self._add(
            f'<rect x="{_number(left)}" y="{_number(top)}" width="{_number(max(right - left, 0))}" '
            f'height="{_number(max(bottom - top, 0))}"{corners} {look}{_end("rect", hint)}'
        )

    def marks(
        self, shape: str, points: Sequence[Point], colour: str, size: float, *, hollow: bool = False,
        opacity: float = 1.0, hint: str = "",
    ) -> None:  # fmt: skip
        """Draw a mark of `size` pixels on each of `points`: `x` is a cross, others are of SHAPES."""
        if not points:
            return
        half = size / 2
        if shape == "x":
            arms = "".join(
                f"M{_number(x - half)} {_number(y - half)}l{_number(size)} {_number(size)}"
                f"m0 {_number(-size)}l{_number(-size)} {_number(size)}"
                for x, y in points
            )
            look = f'fill="none" {_stroke(colour)} stroke-width="1.5"'
            self._add(f'<path d="{arms}" {look}{_opacity(opacity)}{_end("path", hint)}')
            return
        if shape == "o" and not hollow:
            dots = "".join(f"M{_number(x)} {_number(y)}h0" for x, y in points)
            look = f'fill="none" {_stroke(colour)} stroke-width="{_number(size)}" stroke-linecap="round"'
            self._add(f'<path d="{dots}" {look}{_opacity(opacity)}{_end("path", hint)}')
            return
        look = f'fill="{LIGHT["paper"]}" class="f-paper s-{colour}" stroke="{LIGHT[colour]}" stroke-width="1.5"'
        if not hollow:
            look = _fill(colour)
        if shape == "o":
            for x, y in points:
                self._add(
                    f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(half - 0.75)}" {look}'
                    f"{_opacity(opacity)}{_end('circle', hint)}"
                )
            return
        scale = half - (0.75 if hollow else 0)
        outlines = "".join(f"{_path([(x + a * scale, y + b * scale) for a, b in SHAPES[shape]])}z" for x, y in points)
        self._add(f'<path d="{outlines}" {look}{_opacity(opacity)}{_end("path", hint)}')

    def text(
        self, at: Point, text: str, colour: str = "ink", *, size: float = TEXT, bold: bool = False,
        anchor: str = "start", room: float = 0.0,
    ) -> None:  # fmt: skip
        """Write `text`, its middle line at the height of `at`. `room` is its largest width (0: any).

        A text that had to be shortened gets the whole text as a hint.
        """
        whole = line(text)
        if not whole:
            return
        shown, size = fit(whole, size, room, bold=bold) if room else (whole, size)
        x, y = at
        weight = ' font-weight="600"' if bold else ""
        side = f' text-anchor="{anchor}"' if anchor != "start" else ""
        hint = f"<title>{_escaped(whole)}</title>" if shown != whole else ""
        self._add(
            f'<text x="{_number(x)}" y="{_number(y + _BASELINE * size)}"{_size(size)}{weight}{side} {_fill(colour)}>'
            f"{_escaped(shown)}{hint}</text>"
        )

    def turned_text(self, at: Point, text: str, colour: str = "muted", *, size: float = SMALL) -> None:
        """Write `text` upwards, for a vertical axis. Its middle is at `at`."""
        x, y = at
        turn = f'transform="rotate(-90 {_number(x)} {_number(y)})"'
        self._add(
            f'<text x="{_number(x)}" y="{_number(y + _BASELINE * size)}"{_size(size)} text-anchor="middle" {turn} '
            f"{_fill(colour)}>{_escaped(line(text))}</text>"
        )

    def render(self) -> str:
        """Return the chart as an SVG element, a shape on each line."""
        box = f"{_number(self.width)} {_number(self.height)}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {box}" '
            f'width="{_number(self.width)}" height="{_number(self.height)}" role="img" '
            f'aria-label="{_escaped(self._label)}" font-family="{FONT}" font-size="{_number(TEXT)}">\n'
            + "\n".join(self._parts)
            + "\n</svg>\n"
        )

    def _add(self, part: str) -> None:
        self._parts.append(part)


def _path(points: Sequence[Point]) -> str:
    first, *rest = points
    return f"M{_number(first[0])} {_number(first[1])}" + "".join(f"L{_number(x)} {_number(y)}" for x, y in rest)


def _number(value: float) -> str:
    text = f"{value:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def _fill(colour: str) -> str:
    return f'class="f-{colour}" fill="{LIGHT[colour]}"'


def _stroke(colour: str) -> str:
    return f'class="s-{colour}" stroke="{LIGHT[colour]}"'


def _opacity(opacity: float) -> str:
    return f' opacity="{opacity:g}"' if opacity != 1 else ""


def _size(size: float) -> str:
    return f' font-size="{_number(size)}"' if size != TEXT else ""


def _end(name: str, hint: str) -> str:
    return f"><title>{_escaped(line(hint))}</title></{name}>" if hint else "/>"


def _escaped(text: str) -> str:
    return escape(text, {'"': "&quot;"})
