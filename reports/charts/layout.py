"""The layout of charts with a row for each server, for wide and narrow pages.

Wide, the name stands left of the marks and the figure right of them. Narrow, both stand above the marks, so that the
text of the chart keeps its size on a telephone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from wsgi_gauntlet.reports.charts.drawing import Drawing
from wsgi_gauntlet.reports.charts.scales import Scale
from wsgi_gauntlet.reports.charts.shapes import SMALL, TITLE, Box
from wsgi_gauntlet.reports.charts.text_width import text_width
from wsgi_gauntlet.reports.text.escaping import line

WIDE, NARROW = 760.0, 344.0
"""Widths of charts in pixels."""

MARGIN = 6.0
_LABEL_LINE, _DETAIL_LINE, _CAPTION_LINE, _TITLE_LINE, _SUBTITLE_LINE = 16.0, 14.0, 14.0, 22.0, 16.0
_CAPTION_SIZE, _VERSION_SIZE = 10.0, 10.0

Marker = Callable[[Drawing, float, float], None]
"""Draws the mark of a legend entry: drawing, x and y."""


@dataclass(frozen=True)
class RowLayout:
    """Places of a chart with rows. `heights` are the heights of the rows' marks, in pixels.

    `details` makes room for a second line of figures: below the figure, or below the marks of a narrow chart.
    """

    title: str
    subtitle: str
    heights: Sequence[float]
    narrow: bool = False
    names: float = 196.0
    values: float = 150.0
    legend: float = 0.0
    axis: float = 34.0
    caption: str = ""
    details: bool = False

    @property
    def width(self) -> float:
        """The width of the chart."""
        return NARROW if self.narrow else WIDE

    @property
    def left(self) -> float:
        """The left end of the marks."""
        return MARGIN + 8 if self.narrow else self.names + 10

    @property
    def right(self) -> float:
        """The right end of the marks."""
        return self.width - MARGIN - 8 if self.narrow else self.width - self.values - 10

    @property
    def top(self) -> float:
        """The top of the first row."""
        return head_height(self.title, self.subtitle, self.width) + self.legend

    @property
    def bottom(self) -> float:
        """The bottom of the last row."""
        return self.top + sum(self.heights) + len(self.heights) * (self._label + self._detail)

    @property
    def height(self) -> float:
        """The height of the chart."""
        return self.bottom + self.axis + caption_height(self.caption, self.width)

    @property
    def _label(self) -> float:
        return _LABEL_LINE if self.narrow else 0.0

    @property
    def _detail(self) -> float:
        return _DETAIL_LINE if self.narrow and self.details else 0.0

    def band(self, place: int) -> tuple[float, float]:
        """Return the top and the bottom of the marks of a row."""
        top = self.top + sum(self.heights[:place]) + (place + 1) * self._label + place * self._detail
        return top, top + self.heights[place]

    def middle(self, place: int) -> float:
        """Return the height of the middle of the marks of a row."""
        top, bottom = self.band(place)
        return (top + bottom) / 2

    def begin(self, label: str) -> Drawing:
        """Return a drawing with the title, the subtitle and the caption."""
        drawn = Drawing(self.width, self.height, label)
        draw_head(drawn, self.title, self.subtitle)
        draw_caption(drawn, self.caption)
        return drawn

    def name(self, drawn: Drawing, place: int, name: str, version: str = "", *, colour: str = "ink") -> None:
        """Write the name of a row and its version."""
        top, bottom = self.band(place)
        if self.narrow:
            room = self.width - 2 * MARGIN if self.details else self.width * 0.5
            drawn.text((MARGIN, top - 6), name, colour, bold=True, room=room)
            return
        y = (top + bottom) / 2
        both = bool(version) and bottom - top >= 26
        drawn.text((self.names, y - 6 if both else y), name, colour, anchor="end", room=self.names - MARGIN)
        if both:
            drawn.text(
                (self.names, y + 7), version, "muted", size=_VERSION_SIZE, anchor="end", room=self.names - MARGIN
            )

    def value(self, drawn: Drawing, place: int, text: str, colour: str = "ink", *, bold: bool = False) -> None:
        """Write the figure of a row."""
        top, bottom = self.band(place)
        room = self.width - self.right - 14
        if self.narrow and self.details:
            drawn.text((MARGIN, bottom + 6), text, colour, size=SMALL, bold=bold, room=self.width * 0.56)
        elif self.narrow:
            at = (self.width - MARGIN, top - 6)
            drawn.text(at, text, colour, size=SMALL, bold=bold, anchor="end", room=self.width * 0.46)
        else:
            y = self.middle(place) - (_DETAIL_LINE / 2 if self.details else 0)
            drawn.text((self.right + 12, y), text, colour, size=SMALL, bold=bold, room=room)

    def detail(self, drawn: Drawing, place: int, text: str) -> None:
        """Write the second line of figures of a row with `details`."""
        _, bottom = self.band(place)
        if self.narrow:
            at = (self.width - MARGIN, bottom + 6)
            drawn.text(at, text, "muted", size=SMALL, anchor="end", room=self.width * 0.4)
        else:
            y = self.middle(place) + _DETAIL_LINE / 2
            drawn.text((self.right + 12, y), text, "muted", size=SMALL, room=self.width - self.right - 14)

    def reason(self, drawn: Drawing, place: int, text: str) -> None:
        """Write why a row has no figures, in one or two lines, in place of its figures."""
        top, bottom = self.band(place)
        if self.narrow:
            y = bottom + 6 if self.details else top - 6
            room = self.width - 2 * MARGIN if self.details else self.width * 0.46
            drawn.text((self.width - MARGIN, y), text, "doubt", size=SMALL, anchor="end", room=room)
            return
        room = self.width - self.right - 14
        first, *rest = wrap(text, SMALL, room) or ("",)
        y = self.middle(place)
        if rest and bottom - top >= 2 * _DETAIL_LINE:
            drawn.text((self.right + 12, y - _DETAIL_LINE / 2), first, "doubt", size=SMALL)
            drawn.text((self.right + 12, y + _DETAIL_LINE / 2), " ".join(rest), "doubt", size=SMALL, room=room)
        else:
            drawn.text((self.right + 12, y), text, "doubt", size=SMALL, room=room)

    def stripes(self, drawn: Drawing) -> None:
        """Draw a thin line below each row but the last."""
        ends = [self.band(place)[1] + self._detail for place in range(len(self.heights) - 1)]
        drawn.path([[(MARGIN, y), (self.width - MARGIN, y)] for y in ends], "grid", width=0.6)

    def x_axis(self, drawn: Drawing, scale: Scale, ticks: Sequence[tuple[float, str]], title: str) -> None:
        """Draw the axis below the rows, its lines through the rows, and its title."""
        draw_x_axis(drawn, scale, ticks, (self.top, self.bottom), title)


def draw_x_axis(
    drawn: Drawing, scale: Scale, ticks: Sequence[tuple[float, str]], span: tuple[float, float], title: str
) -> None:
    """Draw a horizontal axis at the bottom of `span` (top, bottom) with lines from its top, and its title.

    A label that would touch the one before it is left out.
    """
    top, bottom = span
    drawn.path([[(scale(value), top), (scale(value), bottom)] for value, _ in ticks], "grid", width=0.8)
    drawn.path([[(scale.start, bottom), (scale.end, bottom)]], "muted", width=1)
    end = float("-inf")
    for value, label in ticks:
        half = text_width(label, SMALL) / 2
        middle = max(min(scale(value), drawn.width - half), half)
        if label and middle - half > end:
            drawn.text((middle, bottom + 10), label, "muted", size=SMALL, anchor="middle")
            end = middle + half + 4
    room = drawn.width - 2 * MARGIN
    half = min(text_width(title, SMALL), room) / 2
    middle = min(max((scale.start + scale.end) / 2, MARGIN + half), drawn.width - MARGIN - half)
    drawn.text((middle, bottom + 25), title, "muted", size=SMALL, anchor="middle", room=room)


def draw_y_axis(
    drawn: Drawing, scale: Scale, ticks: Sequence[tuple[float, str]], span: tuple[float, float], title: str
) -> None:
    """Draw the lines of a vertical axis over `span` (left, right), its labels and its title on the left."""
    left, right = span
    drawn.path([[(left, scale(value)), (right, scale(value))] for value, _ in ticks], "grid", width=0.8)
    for value, label in ticks:
        drawn.text((left - 6, scale(value)), label, "muted", size=SMALL, anchor="end")
    drawn.turned_text((10, (scale.start + scale.end) / 2), title)


def head_height(title: str, subtitle: str, width: float) -> float:
    """Return the height of a title and a subtitle."""
    lines = len(wrap(subtitle, SMALL, width - 2 * MARGIN))
    return 4 + (_TITLE_LINE * len(wrap(title, TITLE, width - 2 * MARGIN, bold=True))) + _SUBTITLE_LINE * lines + 6


def draw_head(drawn: Drawing, title: str, subtitle: str) -> None:
    """Write the title and the subtitle at the top."""
    y = 4 + _TITLE_LINE / 2
    for each in wrap(title, TITLE, drawn.width - 2 * MARGIN, bold=True):
        drawn.text((MARGIN, y), each, size=TITLE, bold=True)
        y += _TITLE_LINE
    y += (_SUBTITLE_LINE - _TITLE_LINE) / 2
    for each in wrap(subtitle, SMALL, drawn.width - 2 * MARGIN):
        drawn.text((MARGIN, y), each, "muted", size=SMALL)
        y += _SUBTITLE_LINE


def caption_height(caption: str, width: float) -> float:
    """Return the height of a caption."""
    lines = len(wrap(caption, _CAPTION_SIZE, width - 2 * MARGIN))
    return 8 + _CAPTION_LINE * lines if lines else 4


def draw_caption(drawn: Drawing, caption: str) -> None:
    """Write the caption at the bottom."""
    lines = wrap(caption, _CAPTION_SIZE, drawn.width - 2 * MARGIN)
    for number, each in enumerate(reversed(lines)):
        drawn.text((MARGIN, drawn.height - 9 - _CAPTION_LINE * number), each, "muted", size=_CAPTION_SIZE)


@lru_cache(maxsize=4096)
def wrap(text: str, size: float, room: float, *, bold: bool = False) -> tuple[str, ...]:
    """Return `text` in lines of at most `room` pixels. It breaks between words, and a long word anywhere."""
    lines: list[str] = []
    current = ""
    for word in line(text).split():
        joined = f"{current} {word}" if current else word
        if text_width(joined, size, bold=bold) <= room:
            current = joined
            continue
        if current:
            lines.append(current)
        current = word
        while text_width(current, size, bold=bold) > room and len(current) > 1:
            kept = len(current) - 1
            while kept > 1 and text_width(current[:kept], size, bold=bold) > room:
                kept -= 1
            lines.append(current[:kept])
            current = current[kept:]
    return (*lines, current) if current else tuple(lines)


@dataclass(frozen=True)
class LegendItem:
    """A mark and its meaning."""

    marker: Marker
    text: str


_ITEM_GAP, _MARKER_WIDTH, _ITEM_LINE = 16.0, 16.0, 17.0


def legend_height(items: Sequence[LegendItem], width: float) -> float:
    """Return the height of a legend."""
    places = _legend_places(items, width)
    return places[-1][1] + _ITEM_LINE + 4 if places else 0.0


def draw_legend(drawn: Drawing, items: Sequence[LegendItem], top: float) -> None:
    """Draw the legend from `top`, in as many lines as it needs."""
    for item, (x, y) in zip(items, _legend_places(items, drawn.width), strict=True):
        item.marker(drawn, MARGIN + x + 6, top + y + _ITEM_LINE / 2)
        drawn.text(
            (MARGIN + x + _MARKER_WIDTH, top + y + _ITEM_LINE / 2), item.text, "muted", size=SMALL,
            room=drawn.width - 2 * MARGIN - _MARKER_WIDTH,
        )  # fmt: skip


def _legend_places(items: Sequence[LegendItem], width: float) -> list[tuple[float, float]]:
    room = width - 2 * MARGIN
    places: list[tuple[float, float]] = []
    x = y = 0.0
    for item in items:
        needed = _MARKER_WIDTH + min(text_width(item.text, SMALL), room - _MARKER_WIDTH)
        if x and x + needed > room:
            x, y = 0.0, y + _ITEM_LINE
        places.append((x, y))
        x += needed + _ITEM_GAP
    return places


def mark(shape: str, colour: str, size: float = 8.0, *, hollow: bool = False) -> Marker:
    """Return a marker that draws a mark."""

    def draw(drawn: Drawing, x: float, y: float) -> None:
        drawn.marks(shape, [(x, y)], colour, size, hollow=hollow)

    return draw


def swatch(colour: str, *, hollow: bool = False) -> Marker:
    """Return a marker that draws a small rectangle."""

    def draw(drawn: Drawing, x: float, y: float) -> None:
        place: Box = (x - 5, y - 5, x + 5, y + 5)
        drawn.box(place, colour, hollow=hollow)

    return draw


def stroke(colour: str, *, dash: str = "", width: float = 2.0) -> Marker:
    """Return a marker that draws a short line."""

    def draw(drawn: Drawing, x: float, y: float) -> None:
        drawn.path([[(x - 6, y), (x + 6, y)]], colour, width=width, dash=dash)

    return draw
