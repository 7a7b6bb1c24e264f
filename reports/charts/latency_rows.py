"""p50, p99 and the longest response time of every server, before and during the disturbance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Phase, ScenarioResult
from wsgi_gauntlet.reports.charts.drawing import Drawing, Table
from wsgi_gauntlet.reports.charts.layout import (
    NARROW,
    WIDE,
    LegendItem,
    RowLayout,
    draw_legend,
    legend_height,
    mark,
    stroke,
)
from wsgi_gauntlet.reports.charts.reasons import why_not_judged
from wsgi_gauntlet.reports.charts.run_note import RunNote
from wsgi_gauntlet.reports.charts.scales import Scale, log_ticks
from wsgi_gauntlet.reports.charts.shapes import DOTTED
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

BEFORE_PHASE_NAMES = ("baseline", "before")

_ROW, _NARROW_ROW = 36.0, 22.0
_OFFSET = 5.0
"""The distance of the two lines of a row from its middle, in pixels."""

_LIMIT = 1.0
"""Seconds. A line shows it, because a user notices a longer wait."""

_SHORTEST = 1e-5


@dataclass(frozen=True)
class LatencyRow:
    """The phases of one server. `before` is None if the scenario has only one phase."""

    load: ScenarioResult
    before: Phase | None
    during: Phase | None

    @property
    def judged(self) -> bool:
        """Whether the cell says anything about the server."""
        return self.load.grade.is_judged


def latency_rows(loads: Sequence[ScenarioResult]) -> list[LatencyRow]:
    """Return a row for each cell with a phase that has response times, the smallest p99 first."""
    rows = []
    for load in loads:
        during = labels.during(load)
        before = next((each for each in load.phases if each.name in BEFORE_PHASE_NAMES), None)
        if before is during or (before and before.p99 is None):
            before = None
        if during is not None:
            rows.append(LatencyRow(load, before, during))
    return sorted(rows, key=lambda row: (not row.judged, row.during is None or row.during.p99 is None, _p99(row)))


def latency_plot(rows: Sequence[LatencyRow], title: str, note: RunNote, *, narrow: bool = False) -> Drawing:
    """Draw a row for each server: the upper line before, the lower line during the disturbance.

    A dotted end is a lower bound. Rows that are not judged are grey.
    """
    disturbed = any(row.before for row in rows)
    legend = [
        *([LegendItem(stroke("slow", width=3), "before")] if disturbed else []),
        LegendItem(stroke("series-0", width=3), "during" if disturbed else "p50 to p99"),
        LegendItem(mark("o", "ink", 7), "p50"),
        LegendItem(mark("D", "ink", 8), "p99"),
        LegendItem(_longest_marker, "longest"),
        LegendItem(stroke("bad", dash=DOTTED), "lower bound: no answer by then"),
    ]
    layout = RowLayout(
        title, "The smallest p99 is at the top. n is the number of requests.",
        [_NARROW_ROW if narrow else _ROW] * len(rows), narrow=narrow, values=176.0,
        legend=legend_height(legend, NARROW if narrow else WIDE), caption=note.caption, details=True,
    )  # fmt: skip
    times = [
        max(value, _SHORTEST)
        for row in rows for phase in (row.before, row.during) if phase
        for value in (phase.p50, phase.p99, phase.maximum) if value
    ] or [0.001, 1.0]  # fmt: skip
    scale = Scale(min(times) / 1.3, max(*times, _LIMIT) * 1.5, layout.left, layout.right, log=True)
    drawn = layout.begin(f"{title}: {'; '.join(_describe(row) for row in rows)}")
    draw_legend(drawn, legend, layout.top - layout.legend)
    layout.stripes(drawn)
    ticks = [(each, labels.duration(each)) for each in log_ticks(scale.low, scale.high)]
    layout.x_axis(drawn, scale, ticks, "response time (log scale)")
    drawn.path([[(scale(_LIMIT), layout.top), (scale(_LIMIT), layout.bottom)]], "slow", width=1)
    for place, row in enumerate(rows):
        layout.name(drawn, place, row.load.server, note.version(row.load.server))
        _draw_row(drawn, layout, place, row, scale)
    return drawn


def latency_table(rows: Sequence[LatencyRow]) -> Table:
    """Return the figures of the chart."""
    found = []
    for row in rows:
        for when, phase in (("before", row.before), ("during", row.during)):
            if phase is not None:
                found.append([
                    row.load.server, when, f"{phase.scheduled:,}", labels.percent(phase.goodput),
                    _time(phase, phase.p50, 0.5), labels.duration(phase.p99, at_least=phase.censored),
                    _time(phase, phase.maximum, 1), why_not_judged(row.load) or labels.grade(row.load),
                ])  # fmt: skip
    return Table(["server", "phase", "n", "goodput", "p50", "p99", "longest", "grade"], found)


def _draw_row(drawn: Drawing, layout: RowLayout, place: int, row: LatencyRow, scale: Scale) -> None:
    middle = layout.middle(place)
    late = row.during is not None and (row.during.censored or (row.during.p99 or 0) > _LIMIT)
    colour = "doubt" if not row.judged else "bad" if late else "series-0"
    levels = ((row.before, middle - _OFFSET, "slow"), (row.during, middle + (_OFFSET if row.before else 0), colour))
    for phase, y, shade in levels:
        if phase is not None:
            _draw_phase(drawn, phase, y, shade, scale, why=why_not_judged(row.load) if shade == "doubt" else "")
    if row.during is None or row.during.p99 is None:
        layout.reason(drawn, place, why_not_judged(row.load) or labels.grade(row.load))
        return
    before = f"{labels.duration(row.before.p99)} → " if row.before else ""
    after = labels.duration(row.during.p99, at_least=row.during.censored)
    layout.value(drawn, place, f"p99 {before}{after}", colour, bold=row.judged)
    n = f"n = {row.before.scheduled:,} → " if row.before else "n = "
    state = "" if row.judged else f" · {row.load.grade.label}"
    layout.detail(drawn, place, f"{n}{row.during.scheduled:,}{state}")


def _draw_phase(drawn: Drawing, phase: Phase, y: float, colour: str, scale: Scale, *, why: str) -> None:
    """Draw the line of a phase. It is dotted if it is not judged; `why` says so in the hints of its marks."""
    if phase.p99 is None:
        return
    reason = f" ({why})" if why else ""
    p50, p99 = (scale(value or _SHORTEST) for value in (phase.p50, phase.p99))
    longest = scale(phase.maximum) if phase.maximum else p99
    drawn.path([[(p50, y), (p99, y)]], colour, width=3, dash=DOTTED if why else "")
    drawn.path([[(p99, y), (longest, y)], [(longest, y - 3), (longest, y + 3)]], colour, width=1)
    if labels.is_lower_bound(phase, 1):
        drawn.path([[(longest, y), (scale.end + 6, y)]], colour, width=1.5, dash=DOTTED)
    drawn.marks("o", [(p50, y)], colour, 6, hint=f"{phase.name}: p50 {_time(phase, phase.p50, 0.5)}{reason}")
    p99_text = labels.duration(phase.p99, at_least=phase.censored)
    drawn.marks("D", [(p99, y)], colour, 7, hint=f"{phase.name}: p99 {p99_text}{reason}")


def _time(phase: Phase, value: float | None, share: float) -> str:
    return labels.duration(value, at_least=labels.is_lower_bound(phase, share))


def _p99(row: LatencyRow) -> float:
    return (row.during.p99 if row.during else None) or 0.0


def _describe(row: LatencyRow) -> str:
    return f"{line(row.load.server, 60)} {labels.describe_service(row.load) or labels.grade(row.load)}"


def _longest_marker(drawn: Drawing, x: float, y: float) -> None:
    drawn.path([[(x - 6, y), (x + 5, y)], [(x + 5, y - 4), (x + 5, y + 4)]], "ink", width=1)
