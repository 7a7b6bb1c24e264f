"""The chart of the versions of a server: broken cases, and the changes of each version."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.model import Verdict
from wsgi_gauntlet.reports.analysis.version_history import VersionHistory, VersionResult
from wsgi_gauntlet.reports.charts.canvas import SMALL_TEXT_POINTS, TEXT_POINTS, Canvas, canvas
from wsgi_gauntlet.reports.charts.scales import Scale, steps
from wsgi_gauntlet.reports.text.escaping import line

WIDTH = 7.2
_NAMES, _LEFT, _RIGHT = 1.15, 1.25, 5.05
_ROW = 0.26
_FIXED, _BROKE = 5.75, 6.5
_SHADES = ((Verdict.FAIL, "bad"), (Verdict.WARN, "odd"), (Verdict.FLAKY, "doubt"))
"""The verdicts of a bar, from the left. Passes are left out, because they would make all bars alike."""


def draw_version_history(version_history: VersionHistory) -> str:
    """Draw the broken cases of each version, the oldest on top, and the numbers of its changes."""
    points = list(version_history.points)
    top, bottom = 0.34, 0.34 + _ROW * len(points)
    most = max((_not_passed(each) for each in points), default=0)
    with canvas(WIDTH, bottom + 0.32) as drawn:
        length = Scale(0, max(most, 1), _LEFT, _RIGHT)
        _draw_legend(drawn)
        ticks = [(each, f"{each:g}") for each in steps(max(most, 1)) if each == int(each)]
        drawn.draw_x_axis(length, ticks, top, bottom, rules=True)
        for row, each in enumerate(points):
            _draw_version(drawn, each, top + _ROW * (row + 0.5), length, first=each is version_history.checked[0])
    return drawn.svg


def _draw_version(drawn: Canvas, point: VersionResult, y: float, length: Scale, *, first: bool) -> None:
    label = line(point.version, 18)
    drawn.text((_NAMES, y), label, size=TEXT_POINTS if len(label) < 12 else 7.5, align="right")
    if not point.counts.total:
        drawn.text((_LEFT + 0.06, y), "not checked", "muted", size=SMALL_TEXT_POINTS)
        return
    past = 0
    for verdict, colour in _SHADES:
        number = point.counts[verdict]
        if number:
            drawn.box(length(past), y - 0.085, length(past + number), y + 0.085, colour)
        past += number
    drawn.text((length(past) + 0.05, y), f"{point.counts[Verdict.FAIL]} fail", size=SMALL_TEXT_POINTS)
    if first:
        return
    for x, number, sign, colour in ((_FIXED, len(point.fixed), "+", "good"), (_BROKE, len(point.broke), "−", "bad")):
        drawn.text((x, y), f"{sign}{number}" if number else "·", colour if number else "muted", size=SMALL_TEXT_POINTS,
                   bold=bool(number), align="center")  # fmt: skip


def _draw_legend(drawn: Canvas) -> None:
    x = _LEFT
    for label, colour in (("fail", "bad"), ("warn", "odd"), ("flaky", "doubt")):
        drawn.box(x, 0.1, x + 0.14, 0.2, colour)
        drawn.text((x + 0.2, 0.15), label, "muted", size=SMALL_TEXT_POINTS)
        x += 0.75
    drawn.text((_FIXED, 0.15), "fixed", "muted", size=SMALL_TEXT_POINTS, align="center")
    drawn.text((_BROKE, 0.15), "broke", "muted", size=SMALL_TEXT_POINTS, align="center")


def _not_passed(point: VersionResult) -> int:
    return sum(point.counts[verdict] for verdict, _ in _SHADES)


def describe_versions(points: Sequence[VersionResult]) -> str:
    """Return the chart in words, for screen readers."""
    return "; ".join(
        f"{line(each.version, 30)}: {each.counts[Verdict.FAIL]} fail, {each.counts[Verdict.WARN]} warn, "
        f"fixed {len(each.fixed)}, broke {len(each.broke)}"
        if each.counts.total
        else f"{line(each.version, 30)}: not checked"
        for each in points
    )
