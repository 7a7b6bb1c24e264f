"""The shapes that a chart consists of. Lengths are pixels from the top left. Colours are names of palette.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""

TEXT, SMALL, TITLE = 12.0, 11.0, 15.0
"""Font sizes in pixels."""

DOTTED, DASHED = "1.5 2.5", "5 3"
"""Dash patterns in pixels. Dotted means: not judged, or only a lower bound."""

BASELINE = 0.35
"""The distance from the middle of a line of text to its base, in font sizes."""

EDGE = 1.5
"""The width of the edge of a hollow mark, and of a cross."""

# Corners of a mark of radius 1. A dot has none.
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


class Lines(NamedTuple):
    """Lines, each through two or more points."""

    lines: Sequence[Sequence[Point]]
    colour: str
    width: float
    dash: str
    opacity: float


class Area(NamedTuple):
    """A filled area inside of three or more points."""

    points: Sequence[Point]
    colour: str
    opacity: float


class Rectangle(NamedTuple):
    """A filled rectangle, or with `hollow` its dotted edge. `hint` is the text under the pointer."""

    place: Box
    colour: str
    radius: float
    hollow: bool
    hint: str


class Marks(NamedTuple):
    """A mark of `size` pixels on each of one or more points: `x` is a cross, others are of SHAPES."""

    shape: str
    points: Sequence[Point]
    colour: str
    size: float
    hollow: bool
    opacity: float
    hint: str

    @property
    def corners(self) -> list[list[Point]]:
        """The corners of each mark of a shape that has some."""
        scale = self.size / 2 - (EDGE / 2 if self.hollow else 0)
        return [[(x + a * scale, y + b * scale) for a, b in SHAPES[self.shape]] for x, y in self.points]


class Text(NamedTuple):
    """A text whose middle line is at the height of `at`. `hint` is the whole text if it had to be shortened."""

    at: Point
    text: str
    colour: str
    size: float
    bold: bool
    anchor: str
    hint: str


class TurnedText(NamedTuple):
    """A text that runs upwards. Its middle is at `at`."""

    at: Point
    text: str
    colour: str
    size: float


Shape = Lines | Area | Rectangle | Marks | Text | TurnedText
