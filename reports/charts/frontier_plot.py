"""Servers by what they give and what they cost: a point for each, and the frontier of those that nobody beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.reports.charts.drawing import Drawing
from wsgi_gauntlet.reports.charts.layout import (
    MARGIN,
    NARROW,
    WIDE,
    LegendItem,
    Marker,
    caption_height,
    draw_caption,
    draw_head,
    draw_legend,
    draw_x_axis,
    draw_y_axis,
    head_height,
    legend_height,
    mark,
    stroke,
)
from wsgi_gauntlet.reports.charts.line_plot import Axes, Limit, draw_limits
from wsgi_gauntlet.reports.charts.scales import Scale
from wsgi_gauntlet.reports.charts.shapes import DOTTED, SMALL, Box, Point
from wsgi_gauntlet.reports.charts.text_width import fit, text_width
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

_HEIGHT, _LEFT, _AXIS, _RIGHT = 340.0, 64.0, 38.0, 20.0
_LINE = 13.0
"""The height of a label."""

_GAP = 7.0
"""The distance of a label from its point."""

_LABEL_ROOM, _NARROW_LABEL_ROOM = 250.0, 150.0
_MARK, _SMALL_MARK, _ARROW = 10.0, 7.0, 14.0

MAX_NUMBERS = 12
"""Names that stand below the axis. Of more, the hint of the point and the table have the name."""

MAX_REASONS = 3
"""Reasons for missing points that the chart names. The table has all."""


@dataclass(frozen=True)
class FrontierPoint:
    """One server: `cost` (less is better), `gain` (more is better), and their texts in `words`.

    A value is None if it is not known; then `why` says why. `bound`: the gain is at least `gain`. `colour` is a name of
    palette.py. `strong` points are large. `solid` is false for servers that are out of the race. `on_frontier` is
    false for those that cannot be compared with the others: their responses were wrong, or their gain was not checked.
    """

    name: str
    cost: float | None
    gain: float | None
    words: str = ""
    why: str = ""
    bound: bool = False
    shape: str = "o"
    colour: str = "series-0"
    strong: bool = False
    solid: bool = True
    on_frontier: bool = True

    @property
    def known(self) -> bool:
        """Say whether the point has a place."""
        return self.cost is not None and self.gain is not None


def frontier(points: Sequence[FrontierPoint]) -> list[FrontierPoint]:
    """Return the known points of comparable servers that no other of them beats, the cheapest first.

    A point beats another if it costs at most as much, gives at least as much, and is better in one of the two.
    """
    best = float("-inf")
    found: list[FrontierPoint] = []
    able = (each for each in points if each.known and each.on_frontier)
    for each in sorted(able, key=lambda each: (each.cost or 0, -(each.gain or 0))):
        gain = each.gain or 0.0
        if gain > best or (found and (each.cost, each.gain) == (found[-1].cost, found[-1].gain)):
            found.append(each)
            best = gain
    return found


def frontier_plot(
    points: Sequence[FrontierPoint], axes: Axes, title: str, subtitle: str, *, legend: Sequence[LegendItem] = (),
    caption: str = "", narrow: bool = False,
) -> Drawing:  # fmt: skip
    """Draw `points`, the most important first, with their frontier.

    Of a point with one known value, a dotted grey line shows that value. A name stands beside its point. If it has no
    room there, a number stands there, and the name below the axis.
    """
    width = NARROW if narrow else WIDE
    best = frontier(points)
    items = [*legend, *_legend(points, best)]
    subtitle = " ".join(filter(None, (subtitle, _missing(points))))
    head = head_height(title, subtitle, width)
    top = head + legend_height(items, width)
    bottom = top + _HEIGHT * (0.85 if narrow else 1.0)
    across = Scale(*axes.x, _LEFT, width - _RIGHT, log=axes.log_x)
    up = Scale(*axes.y, bottom, top + 8, log=axes.log_y)
    names = _place_names(points, across, up, axes.limits, _NARROW_LABEL_ROOM if narrow else _LABEL_ROOM)
    numbered = [LegendItem(_number_marker(each), each.point.name) for each in names if each.number]
    below = bottom + _AXIS
    height = below + legend_height(numbered, width) + caption_height(caption, width)
    drawn = Drawing(width, height, f"{title}: {'; '.join(map(_describe, points))}")
    draw_head(drawn, title, subtitle)
    draw_legend(drawn, items, head)
    draw_legend(drawn, numbered, below)
    draw_caption(drawn, caption)
    draw_y_axis(drawn, up, axes.y_ticks, (_LEFT, width - _RIGHT), axes.y_title)
    draw_x_axis(drawn, across, axes.x_ticks, (top + 8, bottom), axes.x_title)
    draw_limits(drawn, axes.limits, across, up)
    _draw_half_known(drawn, points, across, up)
    _draw_frontier(drawn, best, across, up)
    for each in reversed(points):
        if each.known:
            _draw_point(drawn, each, (across(each.cost or 0), up(each.gain or 0)))
    for name in names:
        name.draw(drawn)
    return drawn


def _legend(points: Sequence[FrontierPoint], best: Sequence[FrontierPoint]) -> list[LegendItem]:
    found = []
    if len(best) > 1:
        found.append(LegendItem(stroke("muted", width=1.5), "frontier: nothing gives more for less"))
    if any(each.known and not each.solid for each in points):
        found.append(LegendItem(mark("o", "slow", 7, hollow=True), "out of the race"))
    if any((each.cost is None) != (each.gain is None) for each in points):
        found.append(LegendItem(stroke("doubt", dash=DOTTED), "one value is not known"))
    if any(each.known and each.bound for each in points):
        found.append(LegendItem(_arrow_marker, "at least this much"))
    return found


def _missing(points: Sequence[FrontierPoint]) -> str:
    """Return a sentence about the servers without a point, and why."""
    without = [each for each in points if not each.known]
    if not without:
        return ""
    named = "; ".join(
        f"{line(each.name, 40)} ({line(each.why, 80) or 'not measured'})" for each in without[:MAX_REASONS]
    )
    more = f"; and {len(without) - MAX_REASONS} more" if len(without) > MAX_REASONS else ""
    return f"Without a point: {named}{more}."


def _draw_half_known(drawn: Drawing, points: Sequence[FrontierPoint], across: Scale, up: Scale) -> None:
    lines: list[list[Point]] = []
    for each in points:
        if each.cost is not None and each.gain is None:
            lines.append([(across(each.cost), up.start), (across(each.cost), up.end)])
        elif each.cost is None and each.gain is not None:
            lines.append([(across.start, up(each.gain)), (across.end, up(each.gain))])
    drawn.path(lines, "doubt", width=1, dash=DOTTED)


def _draw_frontier(drawn: Drawing, best: Sequence[FrontierPoint], across: Scale, up: Scale) -> None:
    """Draw steps through the points: between two points, the cheaper one is all that its money buys."""
    if len(best) < 2:
        return
    places: list[Point] = []
    for each in best:
        x, y = across(each.cost or 0), up(each.gain or 0)
        if places:
            places.append((x, places[-1][1]))
        places.append((x, y))
    drawn.path([places], "muted", width=1.5)


def _draw_point(drawn: Drawing, each: FrontierPoint, at: Point) -> None:
    size = _MARK if each.strong else _SMALL_MARK
    colour = each.colour if each.solid else "slow"
    x, y = at
    if each.bound:
        # An arrow: the real value is higher and unknown.
        _draw_arrow(drawn, (x, y), colour)
    drawn.marks(each.shape, [at], colour, size, hollow=not each.solid, hint=_describe(each))


def _draw_arrow(drawn: Drawing, at: Point, colour: str) -> None:
    x, y = at
    tip = y - _ARROW
    drawn.path([[(x, y), (x, tip)], [(x - 3, tip + 4), (x, tip), (x + 3, tip + 4)]], colour, width=1.3)


def _arrow_marker(drawn: Drawing, x: float, y: float) -> None:
    _draw_arrow(drawn, (x, y + _ARROW / 2), "series-0")


def _number_marker(name: _Name) -> Marker:
    def draw(drawn: Drawing, x: float, y: float) -> None:
        drawn.text((x, y), str(name.number), size=SMALL, bold=True, anchor="middle")

    return draw


@dataclass(frozen=True)
class _Name:
    """The name of a point and its place. With a `number`, that stands there in place of the name."""

    point: FrontierPoint
    place: Box
    number: int = 0
    to_the_left: bool = False

    def draw(self, drawn: Drawing) -> None:
        """Write the name, or its number."""
        left, top, right, bottom = self.place
        colour = "doubt" if not self.point.known else "ink" if self.point.solid else "muted"
        text = str(self.number) if self.number else self.point.name
        bold = self.point.strong
        at, anchor = (right, "end") if self.to_the_left else (left, "start")
        room = right - left + 0.1
        drawn.text((at, (top + bottom) / 2), text, colour, size=SMALL, bold=bold, anchor=anchor, room=room)


def _place_names(
    points: Sequence[FrontierPoint], across: Scale, up: Scale, limits: Sequence[Limit], room: float
) -> list[_Name]:
    """Return a place for each name where it covers no mark, no line of a limit and no other name.

    The first points choose first. A name without a place gets a number, up to MAX_NUMBERS. `room` is the largest width.
    """
    frame = (across.start + 2, up.end, across.end + _RIGHT - MARGIN, up.start - 2)
    boxes = [
        *((across(each.value) - 2, up.end, across(each.value) + 2, up.start) for each in limits if each.vertical),
        *(
            (across.start, up(each.value) - _LINE - 2, across.end, up(each.value) + 2)
            for each in limits
            if not each.vertical and up.low <= each.value <= up.high
        ),
        *(_mark_box(each, (across(each.cost or 0), up(each.gain or 0))) for each in points if each.known),
    ]
    found: list[_Name] = []
    number = 0
    for each in points:
        if each.cost is None and each.gain is None:
            continue
        text, size = fit(line(each.name), SMALL, room, bold=each.strong)
        width = text_width(text, size, bold=each.strong)
        place = _free_place(_places(each, width, across, up), frame, boxes)
        numbered = place is None and number < MAX_NUMBERS
        if numbered:
            digits = text_width(str(number + 1), SMALL, bold=each.strong)
            place = _free_place(_places(each, digits, across, up), frame, boxes)
        if place is None:
            continue
        number += numbered
        x = across(each.cost) if each.cost is not None else across.start
        found.append(_Name(each, place, number if numbered else 0, to_the_left=place[2] < x))
        boxes.append(place)
    return found


def _mark_box(each: FrontierPoint, at: Point) -> Box:
    x, y = at
    half = (_MARK if each.strong else _SMALL_MARK) / 2
    return (x - half, y - (_ARROW if each.bound else half), x + half, y + half)


def _free_place(places: Sequence[Box], frame: Box, taken: Sequence[Box]) -> Box | None:
    return next((each for each in places if _inside(each, frame) and not _touches(each, taken)), None)


def _places(each: FrontierPoint, width: float, across: Scale, up: Scale) -> list[Box]:
    """Return the places of a name of `width` pixels around its point, or along its dotted line, the best first."""
    half = _LINE / 2
    if each.known:
        x, y = across(each.cost or 0), up(each.gain or 0)
        sides = ((x + _GAP, 0.0), (x - _GAP - width, 0.0), (x - width / 2, -_LINE), (x - width / 2, _LINE))
        corners = ((x + _GAP, -_LINE), (x + _GAP, _LINE), (x - _GAP - width, -_LINE), (x - _GAP - width, _LINE))
        return [(left, y + by - half, left + width, y + by + half) for left, by in (*sides, *corners)]
    steps_along = [place / 10 for place in range(1, 10)]
    if each.gain is None:
        x = across(each.cost or 0)
        heights = [up.start + (up.end - up.start) * share for share in steps_along]
        return [(left, y - half, left + width, y + half) for y in heights for left in (x + 3, x - 3 - width)]
    y = up(each.gain)
    lefts = [across.end - width - (across.end - across.start) * share for share in steps_along]
    return [(left, above, left + width, above + _LINE) for left in lefts for above in (y - _LINE, y)]


def _inside(box: Box, frame: Box) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def _touches(box: Box, others: Sequence[Box]) -> bool:
    return any(box[0] < each[2] and each[0] < box[2] and box[1] < each[3] and each[1] < box[3] for each in others)


def _describe(each: FrontierPoint) -> str:
    text = f"{line(each.name, 60)}: {each.words or labels.MISSING}"
    if not each.known:
        return f"{text} ({line(each.why, 100) or 'not measured'})"
    return text if each.solid else f"{text} (out of the race)"
