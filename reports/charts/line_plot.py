"""Lines of several servers in one chart, each with its name at its end."""

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
)
from wsgi_gauntlet.reports.charts.palette import SERIES_COUNT
from wsgi_gauntlet.reports.charts.scales import Scale
from wsgi_gauntlet.reports.charts.shapes import DASHED, DOTTED, SMALL, Point
from wsgi_gauntlet.reports.charts.text_width import text_width

MAX_NAMED_LINES = SERIES_COUNT
"""Lines with a colour and a name. Of more, those at both ends of the order have one, and the others are grey."""

_SHAPES = "osD^vPX<>p"
_DASHES = ("", "7 3", "14 3", "9 3 3 3")
# None of these looks like DOTTED, which means a lower bound or no judgement.
_HEIGHT, _NAMES, _LEFT, _AXIS = 300.0, 196.0, 64.0, 38.0
_NAME_LINE = 15.0


@dataclass(frozen=True)
class Line:
    """One server. `points` are values of both axes. From `bounds` on (a number of points) they are lower bounds.

    `marked` are points with a mark. `end` is the text after the name. A line that is not `judged` is grey and dotted.
    `invalid` are points that do not count, each with its reason: grey rings, which no line joins.
    """

    name: str
    points: Sequence[Point]
    end: str = ""
    bounds: int | None = None
    marked: Sequence[Point] = ()
    judged: bool = True
    reason: str = ""
    invalid: Sequence[tuple[Point, str]] = ()


@dataclass(frozen=True)
class Limit:
    """A value of an axis that a dashed line marks, with its name: of the horizontal axis if `vertical`."""

    value: float
    text: str
    vertical: bool = False


@dataclass(frozen=True)
class Axes:
    """The axes of a chart: ends, ticks and titles, and the limits that lines mark."""

    x: tuple[float, float]
    y: tuple[float, float]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    x_title: str
    y_title: str
    log_x: bool = False
    log_y: bool = False
    limits: Sequence[Limit] = ()


@dataclass(frozen=True)
class _Style:
    shape: str
    colour: str
    dash: str


def line_plot(
    lines: Sequence[Line], axes: Axes, title: str, subtitle: str, *, caption: str = "", narrow: bool = False
) -> Drawing:
    """Draw `lines` in their order, the most important first and last."""
    width = NARROW if narrow else WIDE
    named = _named(lines)
    if len(lines) > len(named):
        grey = f"The table has the figures of the {len(lines) - len(named)} servers whose lines are grey."
        subtitle = f"{subtitle} {grey}".strip()
    legend = [LegendItem(_sample(style), _text(lines[place])) for place, style in named.items()] if narrow else []
    top = head_height(title, subtitle, width)
    bottom = top + _HEIGHT * (0.8 if narrow else max(1.0, _NAME_LINE * len(named) / _HEIGHT))
    below = bottom + _AXIS
    drawn = Drawing(width, below + legend_height(legend, width) + caption_height(caption, width), _words(title, lines))
    draw_head(drawn, title, subtitle)
    draw_caption(drawn, caption)
    draw_legend(drawn, legend, below)
    right = width - MARGIN - 8 if narrow else width - _NAMES - 16
    across = Scale(*axes.x, _LEFT, right, log=axes.log_x)
    up = Scale(*axes.y, bottom, top + 6, log=axes.log_y)
    draw_y_axis(drawn, up, axes.y_ticks, (_LEFT, right), axes.y_title)
    draw_x_axis(drawn, across, axes.x_ticks, (top + 6, bottom), axes.x_title)
    draw_limits(drawn, axes.limits, across, up)
    for place, each in enumerate(lines):
        if place not in named:
            _draw_line(drawn, each, (across, up), _Style("", "slow", ""))
    for place, style in named.items():
        _draw_line(drawn, lines[place], (across, up), style)
    if not narrow:
        _draw_names(drawn, [(lines[place], style) for place, style in named.items()], up, right)
    return drawn


def _named(lines: Sequence[Line]) -> dict[int, _Style]:
    """Return the style of each line that has a name."""
    places = range(len(lines))
    if len(lines) > MAX_NAMED_LINES:
        half = MAX_NAMED_LINES // 2
        places_named = [*places[:half], *places[-half:]]
    else:
        places_named = list(places)
    return {
        place: _Style(
            _SHAPES[number % len(_SHAPES)],
            f"series-{number % SERIES_COUNT}" if lines[place].judged else "doubt",
            _DASHES[number % len(_DASHES)] if lines[place].judged else DOTTED,
        )
        for number, place in enumerate(places_named)
    }


def _draw_line(drawn: Drawing, each: Line, scales: tuple[Scale, Scale], style: _Style) -> None:
    across, up = scales
    places = [(across(x), up(y)) for x, y in each.points]
    exact = len(places) if each.bounds is None else each.bounds
    unnamed = not style.shape
    drawn.path([places[:exact]], style.colour, width=1 if unnamed else 1.8, dash=style.dash)
    bounds = places[max(exact - 1, 0) :] if exact < len(places) else []
    drawn.path([bounds], style.colour, width=1 if unnamed else 1.5, dash=DOTTED)
    if bounds:
        # An arrow at the last bound: the real value is higher and unknown.
        x, y = bounds[-1]
        drawn.path([[(x, y), (x, y - 11)], [(x - 3, y - 7), (x, y - 11), (x + 3, y - 7)]], style.colour, width=1.3)
    if not unnamed:
        hint = f"{each.name} {each.end}"
        drawn.marks(style.shape, [(across(x), up(y)) for x, y in each.marked], style.colour, 7, hint=hint)
    for (x, y), reason in each.invalid:
        drawn.marks("o", [(across(x), up(y))], "doubt", 7, hollow=True, hint=f"{each.name}: {reason}")


def draw_limits(drawn: Drawing, limits: Sequence[Limit], across: Scale, up: Scale) -> None:
    """Draw a dashed line with its name for each limit on the axes."""
    shown = [each for each in limits if _has(across if each.vertical else up, each.value)]
    crossed = [across(each.value) for each in shown if each.vertical]
    for each in shown:
        width = text_width(each.text, SMALL)
        if each.vertical:
            at = across(each.value)
            drawn.path([[(at, up.start), (at, up.end)]], "odd", width=1.2, dash=DASHED)
            left, top = (at - 4 - width if at + 4 + width > across.end else at + 4), up.end
        else:
            at = up(each.value)
            drawn.path([[(across.start, at), (across.end, at)]], "odd", width=1.2, dash=DASHED)
            left = across.start + 4
            for line_at in sorted(crossed):
                if left - 4 < line_at < left + width + 4 < across.end:
                    left = line_at + 4
            top = at if at - 2 * _NAME_LINE < up.end else at - _NAME_LINE
        drawn.text((left, top + _NAME_LINE / 2), each.text, "odd", size=SMALL)


def _has(scale: Scale, value: float) -> bool:
    return scale.low <= value <= scale.high


def _draw_names(drawn: Drawing, named: Sequence[tuple[Line, _Style]], up: Scale, right: float) -> None:
    """Write the name of each line at the height of its end, moved apart so that names do not touch."""
    order = sorted((each for each in named if each[0].points), key=lambda each: up(each[0].points[-1][1]))
    wanted = [up(each.points[-1][1]) for each, _ in order]
    for (each, style), y, end in zip(order, _spread(wanted, up.end, up.start), wanted, strict=True):
        drawn.path([[(right + 2, end), (right + 10, y)]], style.colour, width=0.8)
        drawn.marks(style.shape, [(right + 16, y)], style.colour, 7)
        drawn.text((right + 24, y), _text(each), size=SMALL, room=drawn.width - right - 24 - 2)


def _spread(wanted: Sequence[float], top: float, bottom: float) -> list[float]:
    """Return heights near `wanted` (sorted) that are a line apart, inside of `top` and `bottom` if they fit."""
    places = list(wanted)
    for number in range(1, len(places)):
        places[number] = max(places[number], places[number - 1] + _NAME_LINE)
    limit = bottom
    for number in reversed(range(len(places))):
        places[number] = min(places[number], limit)
        limit = places[number] - _NAME_LINE
    if places and places[0] < top:
        places = [each + top - places[0] for each in places]
    return places


def _sample(style: _Style) -> Marker:
    def draw(drawn: Drawing, x: float, y: float) -> None:
        drawn.path([[(x - 6, y), (x + 6, y)]], style.colour, width=1.5)
        drawn.marks(style.shape, [(x, y)], style.colour, 7)

    return draw


def _text(each: Line) -> str:
    words = " ".join(filter(None, [each.name, each.end]))
    return words if each.judged else f"{words} ({each.reason or 'not judged'})"


def _words(title: str, lines: Sequence[Line]) -> str:
    return f"{title}: {'; '.join(_text(each) for each in lines)}"
