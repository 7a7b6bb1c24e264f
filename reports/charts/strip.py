"""The strip of a server: the response times of its healthy users over the time of one scenario.

Times are on a log scale, with a line at one second. A band shows when the slow clients are there. All strips of a
scenario have the same axes.
"""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.model import Outcome, Sample, ScenarioResult
from wsgi_gauntlet.reports.charts.drawing import Drawing, Table
from wsgi_gauntlet.reports.charts.reasons import why_not_judged
from wsgi_gauntlet.reports.charts.samples import SharedAxes, downsample, judged_samples, shared_axes, start_time
from wsgi_gauntlet.reports.charts.scales import Scale
from wsgi_gauntlet.reports.charts.shapes import Box
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

WIDTH, HEIGHT = 168.0, 38.0
MAX_SAMPLES = 90
"""Responses drawn in a strip. More would cover each other."""

USER_LIMIT_SECONDS = 1.0
"""The line of a strip: a user who waits longer has noticed."""

LATE_OUTCOMES = frozenset({Outcome.TIMEOUT, Outcome.UNFINISHED, Outcome.NEVER_SENT})
"""Outcomes without a response in time. They are crosses at the waiting time."""

LEGEND: tuple[tuple[str, str, str], ...] = (
    ("●", "good", "answered"),
    ("✕", "bad", "no answer by then: it took at least that long"),
    ("▲", "odd", "an error or a wrong answer"),
    ("▉", "band", "slow clients are there"),
    ("—", "slow", "1 s, on a log scale"),
)
"""Sign, colour and meaning of each mark of a strip."""

_MARGIN = 4.0


def strip_axes(loads: Sequence[ScenarioResult]) -> SharedAxes:
    """Return the common axes of the strips of `loads`, the cells of one scenario."""
    return shared_axes(loads)


def strip(load: ScenarioResult, axes: SharedAxes, *, width: float = WIDTH, height: float = HEIGHT) -> Drawing:
    """Draw the strip of `load`. Without samples it says why. A cell that is not judged is grey, in a dotted frame."""
    drawn = Drawing(width, height, describe(load))
    draw_strip(drawn, load, axes, (0.0, 0.0, width, height))
    return drawn


def draw_strip(
    drawn: Drawing, load: ScenarioResult, axes: SharedAxes, place: Box, max_samples: int = MAX_SAMPLES,
    size: float = 2.8,
) -> None:  # fmt: skip
    """Draw the strip of `load` into `place`: left, top, right and bottom. Marks have `size` pixels."""
    left, top, right, bottom = place
    start = start_time(load)
    time = Scale(start, start + axes.last, left + _MARGIN, right - _MARGIN)
    up = Scale(axes.lowest, axes.highest, bottom - _MARGIN, top + _MARGIN, log=True)
    not_judged = load.grade in labels.NOT_JUDGED_GRADES
    for begin, end in slow_client_times(load):
        drawn.box((time(begin), top + 1, time(end), bottom - 1), "band")
    if axes.lowest < USER_LIMIT_SECONDS < axes.highest:
        limit = up(USER_LIMIT_SECONDS)
        drawn.path([[(time.start, limit), (time.end, limit)]], "slow", width=0.7)
    if not_judged:
        drawn.box((left + 0.5, top + 0.5, right - 0.5, bottom - 0.5), "doubt", hollow=True, hint=describe(load))
    shown = downsample(judged_samples(load), max_samples)
    for shape, colour, across, outcomes in (
        ("o", "good", size, {Outcome.OK}),
        ("^", "odd", size + 2.2, {Outcome.ERROR, Outcome.WRONG}),
        ("x", "bad", size + 0.8, LATE_OUTCOMES),
    ):
        places = [(time(each.intended), up(each.latency)) for each in shown if each.outcome in outcomes]
        drawn.marks(shape, places, "doubt" if not_judged else colour, across)
    if not shown:
        drawn.text(
            ((left + right) / 2, (top + bottom) / 2), load.note or "no samples", "muted", size=10, anchor="middle",
            room=right - left - 2 * _MARGIN,
        )  # fmt: skip


def slow_client_times(load: ScenarioResult) -> list[tuple[float, float]]:
    """Return the times (begin, end) in seconds at which at least half of the largest number of slow clients is there.

    Times that follow each other are one.
    """
    most = max((clients for _, clients in load.slow_clients), default=0)
    ends = [at for at, _ in load.slow_clients[1:]]
    last = max([*ends, *(each.ended for each in load.phases), *(each.intended for each in load.samples)], default=0.0)
    found: list[tuple[float, float]] = []
    for (begin, clients), end in zip(load.slow_clients, [*ends, last], strict=False):
        if most and 2 * clients >= most and end > begin:
            if found and found[-1][1] == begin:
                found[-1] = (found[-1][0], end)
            else:
                found.append((begin, end))
    return found


def describe(load: ScenarioResult) -> str:
    """Return the strip in words, for screen readers."""
    parts = [labels.describe_service(load), why_not_judged(load) or labels.grade(load)]
    return f"{line(load.server, 100)}: {', '.join(filter(None, parts))}"


def strip_table(loads: Sequence[ScenarioResult]) -> Table:
    """Return the figures of the strips: a row for each phase of each server."""
    rows = []
    for load in loads:
        for phase in load.phases:
            inside = [each for each in load.samples if phase.started <= each.intended < phase.ended]
            rows.append([
                load.server, phase.name, f"{phase.scheduled:,}", labels.percent(phase.goodput),
                labels.duration(phase.p50, at_least=labels.is_lower_bound(phase, 0.5)),
                labels.duration(phase.p99, at_least=phase.censored),
                labels.duration(phase.maximum, at_least=labels.is_lower_bound(phase, 1)),
                str(_late(inside)) if load.samples else labels.MISSING,
            ])  # fmt: skip
    return Table(["server", "phase", "requests", "goodput", "p50", "p99", "longest", "no answer in time"], rows)


def _late(samples: Sequence[Sample]) -> int:
    return sum(each.outcome in LATE_OUTCOMES for each in samples)
