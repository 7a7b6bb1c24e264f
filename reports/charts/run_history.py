"""The history of one server over several runs: broken requirements, and the goodput of the classroom."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.model import HistoryPoint
from wsgi_gauntlet.reports.charts.drawing import Drawing, Table
from wsgi_gauntlet.reports.charts.scales import Scale, steps
from wsgi_gauntlet.reports.charts.shapes import SMALL, Point
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

WIDTH, NARROW, HEIGHT = 720.0, 340.0, 250.0
_LEFT, _TOP, _BOTTOM = 50.0, 34.0, 186.0
_ENDS = 72.0
"""The room of the labels at the ends of the lines."""

_DATE_WIDTH = 76.0
"""The room of a date below the axis. Dates between are left out."""

_VERSION_WIDTH = 64.0
"""The room of a version above the lines. Versions between have only their line."""

_LABEL_HEIGHT = 14.0


def draw_run_history(server: str, points: Sequence[HistoryPoint], *, narrow: bool = False) -> Drawing:
    """Draw `points`, the runs of `server` by date. Runs have equal distances, because dates can be far from even."""
    width = NARROW if narrow else WIDTH
    right = width - _ENDS
    drawn = Drawing(width, HEIGHT, describe_run_history(server, points))
    most = max(max(each.must_broken, each.should_broken) for each in points)
    x = Scale(0, max(len(points) - 1, 1), _LEFT + 20, right - 24)
    y = Scale(0, max(most, 1), _BOTTOM, _TOP)
    for tick in [each for each in steps(max(most, 1)) if each == int(each)]:
        drawn.path([[(_LEFT, y(tick)), (right, y(tick))]], "grid", width=1)
        drawn.text((_LEFT - 8, y(tick)), f"{tick:g}", "muted", size=SMALL, anchor="end")
    drawn.turned_text((14, (_TOP + _BOTTOM) / 2), "requirements broken")
    _draw_runs(drawn, points, x, right)
    ends: list[tuple[float, str, str]] = []
    for name, colour, shape, values in (
        ("must", "bad", "o", [each.must_broken for each in points]),
        ("should", "odd", "s", [each.should_broken for each in points]),
    ):
        line_points: list[Point] = [(x(place), y(value)) for place, value in enumerate(values)]
        drawn.path([line_points], colour)
        drawn.marks(shape, line_points, colour, 7)
        ends.append((line_points[-1][1], f"{name} {values[-1]}", colour))
    _draw_end_labels(drawn, ends, right)
    first, last = points[0], points[-1]
    versions = " → ".join(dict.fromkeys(line(each.version, 30) for each in (first, last) if each.version))
    caption = f"{line(server, 60)} {versions} · {_day(first)} to {_day(last)} · {len(points)} runs"
    drawn.text((4, HEIGHT - 8), caption, "muted", size=SMALL, room=width - 8)
    return drawn


def run_history_table(points: Sequence[HistoryPoint]) -> Table:
    """Return the data of the chart."""
    heads = ["date", "version", "must broken", "should broken", "judged", "goodput", "capacity"]
    return Table(
        heads,
        [
            [
                line(each.date.replace("T", " ")[:16]),
                line(each.version, 60),
                str(each.must_broken),
                str(each.should_broken),
                str(each.judged),
                labels.percent(each.goodput),
                labels.rate(each.capacity),
            ]
            for each in points
        ],
    )


def describe_run_history(server: str, points: Sequence[HistoryPoint]) -> str:
    """Return the chart in words, for screen readers."""
    runs = "; ".join(f"{_day(each)}: must {each.must_broken}, should {each.should_broken}" for each in points)
    return f"{line(server, 60)}, requirements broken in each run: {runs}"


def _draw_runs(drawn: Drawing, points: Sequence[HistoryPoint], x: Scale, right: float) -> None:
    last_date = last_version = float("-inf")
    version = ""
    for place, each in enumerate(points):
        at = x(place)
        drawn.path([[(at, _BOTTOM), (at, _BOTTOM + 4)]], "slow", width=1)
        if each.version != version:
            if at - last_version >= _VERSION_WIDTH:
                drawn.text((at, _TOP - 18), each.version, size=SMALL, anchor="middle", room=_VERSION_WIDTH)
                last_version = at
            drawn.path([[(at, _TOP - 8), (at, _BOTTOM)]], "grid", width=1)
            version = each.version
        if at - last_date >= _DATE_WIDTH:
            drawn.text((at, _BOTTOM + 14), _day(each), "muted", size=SMALL, anchor="middle", room=_DATE_WIDTH)
            last_date = at
    drawn.text(((_LEFT + right) / 2, _BOTTOM + 32), "date of the run", "muted", size=SMALL, anchor="middle")


def _draw_end_labels(drawn: Drawing, ends: Sequence[tuple[float, str, str]], right: float) -> None:
    """Write the labels at the ends of the lines, each below the one above it."""
    above = float("-inf")
    for height, text, colour in sorted(ends, key=lambda each: each[0]):
        above = max(height, above + _LABEL_HEIGHT)
        drawn.text((right + 2, above), text, colour, size=SMALL, bold=True)


def _day(point: HistoryPoint) -> str:
    return line(point.date[:10]) or "no date"
