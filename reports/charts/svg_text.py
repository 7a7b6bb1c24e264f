"""Write shapes as SVG.

Shapes have presentation attributes, so that a chart needs no style sheet, which strict content policies forbid. Classes
let the page's style sheet recolour them (see palette.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from wsgi_gauntlet.reports.charts.palette import LIGHT
from wsgi_gauntlet.reports.charts.shapes import (
    BASELINE,
    DOTTED,
    EDGE,
    TEXT,
    Area,
    Lines,
    Marks,
    Point,
    Rectangle,
    Shape,
    Text,
    TurnedText,
)
from wsgi_gauntlet.reports.text.escaping import line

FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"


def svg_text(width: float, height: float, label: str, shapes: Sequence[Shape]) -> str:
    """Return an SVG element with a shape on each line. `label` describes it to screen readers."""
    box = f"{_number(width)} {_number(height)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {box}" '
        f'width="{_number(width)}" height="{_number(height)}" role="img" '
        f'aria-label="{_escaped(label)}" font-family="{FONT}" font-size="{_number(TEXT)}">\n'
        + "\n".join(map(_element, shapes))
        + "\n</svg>\n"
    )


def _element(shape: Shape) -> str:
    match shape:
        case Lines():
            return _lines(shape)
        case Area():
            return f'<path d="{_path(shape.points)}z" {_fill(shape.colour)}{_opacity(shape.opacity)}/>'
        case Rectangle():
            return _rectangle(shape)
        case Marks():
            return _marks(shape)
        case Text():
            return _text(shape)
        case TurnedText():
            return _turned_text(shape)


def _lines(shape: Lines) -> str:
    drawn = "".join(map(_path, shape.lines))
    dashes = f' stroke-dasharray="{shape.dash}"' if shape.dash else ""
    return (
        f'<path d="{drawn}" fill="none" {_stroke(shape.colour)} stroke-width="{_number(shape.width)}"{dashes}'
        f"{_opacity(shape.opacity)}/>"
    )


def _rectangle(shape: Rectangle) -> str:
    left, top, right, bottom = shape.place
    dotted = f'fill="none" {_stroke(shape.colour)} stroke-dasharray="{DOTTED}"'
    corners = f' rx="{_number(shape.radius)}"' if shape.radius else ""
    return (
        f'<rect x="{_number(left)}" y="{_number(top)}" width="{_number(max(right - left, 0))}" '
        f'height="{_number(max(bottom - top, 0))}"{corners} {dotted if shape.hollow else _fill(shape.colour)}'
        f"{_end('rect', shape.hint)}"
    )


def _marks(shape: Marks) -> str:
    half, size, opacity = shape.size / 2, _number(shape.size), _opacity(shape.opacity)
    if shape.shape == "x":
        arms = "".join(
            f"M{_number(x - half)} {_number(y - half)}l{size} {size}m0 {_number(-shape.size)}"
            f"l{_number(-shape.size)} {size}"
            for x, y in shape.points
        )
        look = f'fill="none" {_stroke(shape.colour)} stroke-width="{_number(EDGE)}"'
        return f'<path d="{arms}" {look}{opacity}{_end("path", shape.hint)}'
    if shape.shape == "o" and not shape.hollow:
        # A line of no length with round ends is a third of the bytes of a circle.
        dots = "".join(f"M{_number(x)} {_number(y)}h0" for x, y in shape.points)
        look = f'fill="none" {_stroke(shape.colour)} stroke-width="{size}" stroke-linecap="round"'
        return f'<path d="{dots}" {look}{opacity}{_end("path", shape.hint)}'
    look = _fill(shape.colour)
    if shape.hollow:
        look = (
            f'fill="{LIGHT["paper"]}" class="f-paper s-{shape.colour}" stroke="{LIGHT[shape.colour]}" '
            f'stroke-width="{_number(EDGE)}"'
        )
    if shape.shape == "o":
        return "\n".join(
            f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(half - EDGE / 2)}" {look}{opacity}'
            f"{_end('circle', shape.hint)}"
            for x, y in shape.points
        )
    outlines = "".join(f"{_path(each)}z" for each in shape.corners)
    return f'<path d="{outlines}" {look}{opacity}{_end("path", shape.hint)}'


def _text(shape: Text) -> str:
    x, y = shape.at
    weight = ' font-weight="600"' if shape.bold else ""
    side = f' text-anchor="{shape.anchor}"' if shape.anchor != "start" else ""
    hint = f"<title>{_escaped(shape.hint)}</title>" if shape.hint else ""
    return (
        f'<text x="{_number(x)}" y="{_number(y + BASELINE * shape.size)}"{_size(shape.size)}{weight}{side} '
        f"{_fill(shape.colour)}>{_escaped(shape.text)}{hint}</text>"
    )


def _turned_text(shape: TurnedText) -> str:
    x, y = shape.at
    turn = f'transform="rotate(-90 {_number(x)} {_number(y)})"'
    return (
        f'<text x="{_number(x)}" y="{_number(y + BASELINE * shape.size)}"{_size(shape.size)} text-anchor="middle" '
        f"{turn} {_fill(shape.colour)}>{_escaped(shape.text)}</text>"
    )


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
