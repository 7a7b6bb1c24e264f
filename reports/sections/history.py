"""A section for each server of which three versions or more were checked: a chart, and what each version changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ...harness.model import Results, Verdict
from .. import releases, words
from ..history import Change, Point, Timeline, timelines
from ..svg import inline
from ..visible import line
from .names import Names

CHARTED = 3
"""Versions from which on there is a line to be seen; two stand beside each other in a section of their own."""

COUNTED = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)


@dataclass(frozen=True)
class Item:
    """A case that came out otherwise than before: the signs of both, and the link to the cell of this version."""

    case: str
    link: str
    before: Verdict
    after: Verdict
    before_sign: str
    after_sign: str
    security: bool


@dataclass(frozen=True)
class Row:
    """One version: its counts, and its changes where there was one before it."""

    point: Point
    counts: Sequence[tuple[Verdict, int]]
    first: bool
    fixed: Sequence[Item]
    broke: Sequence[Item]


@dataclass(frozen=True)
class History:
    """One server over its versions."""

    timeline: Timeline
    chart: Markup
    rows: Sequence[Row]
    note: str


def histories(results: Results, names: Names) -> list[History]:
    """Return a section for each server of which so many versions were asked for, and two at least checked."""
    long = [each for each in timelines(results) if len(each.points) >= CHARTED]
    return [_history(place, each, names) for place, each in enumerate(long)]


def _history(place: int, timeline: Timeline, names: Names) -> History:
    title = f"{line(timeline.server, 60)} over its versions: {releases.told(timeline.points)}"
    drawn = inline(releases.over_versions(timeline), f"h{place}", title)
    chart = Markup(drawn)  # noqa: S704 - drawn by us; what users wrote is escaped as text of the drawing
    rows = [_row(each, names, first=each is timeline.checked[0]) for each in timeline.points]
    fixed, broke = (sum(len(getattr(each, name)) for each in timeline.points) for name in ("fixed", "broke"))
    first, last = timeline.checked[0].version, timeline.checked[-1].version
    note = (
        f"From {first} to {last}, step by step: fixed {fixed}, broke {broke}. A case counts at each step that changes "
        "it, against the last version before in which it could be judged; flaky cells are neither."
    )
    return History(timeline, chart, rows, note)


def _row(point: Point, names: Names, *, first: bool) -> Row:
    return Row(
        point,
        [(each, point.counts[each]) for each in COUNTED],
        first,
        [_item(each, names) for each in point.fixed],
        [_item(each, names) for each in point.broke],
    )


def _item(change: Change, names: Names) -> Item:
    before, after = change.before.verdict, change.after.verdict
    return Item(
        change.case,
        names.cell(change.after.server, change.case),
        before,
        after,
        words.VERDICTS[before].sign,
        words.VERDICTS[after].sign,
        "security" in change.after.tags,
    )
