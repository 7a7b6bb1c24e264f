"""Read charts back: texts with their extents, dots, crosses and rectangles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from wsgi_gauntlet.reports.charts.text_width import text_width

_NAMESPACE = "{http://www.w3.org/2000/svg}"
_DOT = re.compile(r"M(-?[\d.]+) (-?[\d.]+)h0")
_POINT = re.compile(r"[ML](-?[\d.]+) (-?[\d.]+)")


@dataclass(frozen=True)
class Text:
    """A text with its extent on the horizontal axis, in pixels."""

    text: str
    x: float
    y: float
    left: float
    right: float


def root(svg: str) -> ET.Element:
    """Return the root element. Raises ParseError if the chart is no XML."""
    return ET.fromstring(svg)


def texts(svg: str) -> list[Text]:
    """Return all texts that are not turned."""
    found = []
    for each in root(svg).iter(f"{_NAMESPACE}text"):
        if each.get("transform"):
            continue
        text, x = each.text or "", float(each.get("x", "0"))
        width = text_width(text, float(each.get("font-size", "12")), bold=each.get("font-weight") == "600")
        left = {"end": x - width, "middle": x - width / 2}.get(each.get("text-anchor", ""), x)
        found.append(Text(text, x, float(each.get("y", "0")), left, left + width))
    return found


def dots(svg: str, colour: str) -> list[tuple[float, float]]:
    """Return the places of the filled dots in a colour of the palette."""
    return [
        (float(x), float(y))
        for path in _paths(svg, colour)
        for x, y in _DOT.findall(path.get("d", ""))
    ]  # fmt: skip


def lines(svg: str, colour: str) -> list[list[tuple[float, float]]]:
    """Return the lines in a colour, each through its points."""
    found = []
    for path in _paths(svg, colour):
        for part in re.split(r"(?=M)", path.get("d", ""))[1:]:
            points = [(float(x), float(y)) for x, y in _POINT.findall(part)]
            if len(points) > 1:
                found.append(points)
    return found


def crosses(svg: str, colour: str) -> list[tuple[float, float]]:
    """Return the middles of the crosses in a colour."""
    found = []
    for path in _paths(svg, colour):
        for x, y, size in re.findall(r"M(-?[\d.]+) (-?[\d.]+)l([\d.]+) \3m0", path.get("d", "")):
            found.append((float(x) + float(size) / 2, float(y) + float(size) / 2))
    return found


def boxes(svg: str, colour: str, *, hollow: bool = False) -> list[tuple[float, float, float, float]]:
    """Return (left, top, right, bottom) of the rectangles in a colour."""
    wanted = f"s-{colour}" if hollow else f"f-{colour}"
    found = []
    for each in root(svg).iter(f"{_NAMESPACE}rect"):
        if each.get("class") == wanted:
            x, y, width, height = (float(each.get(name, "0")) for name in ("x", "y", "width", "height"))
            found.append((x, y, x + width, y + height))
    return found


def hints(svg: str) -> list[str]:
    """Return the texts under the pointer."""
    return [each.text or "" for each in root(svg).iter(f"{_NAMESPACE}title")]


def size(svg: str) -> tuple[float, float]:
    """Return the width and the height."""
    element = root(svg)
    return float(element.get("width", "0")), float(element.get("height", "0"))


def _paths(svg: str, colour: str) -> list[ET.Element]:
    return [each for each in root(svg).iter(f"{_NAMESPACE}path") if f"s-{colour}" in each.get("class", "").split()]
