"""A section for each server with three or more checked versions: a chart and the changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wsgi_gauntlet.harness.model import Results, Verdict
from wsgi_gauntlet.reports.analysis.version_history import (
    VerdictChange,
    VersionHistory,
    VersionResult,
    version_histories,
)
from wsgi_gauntlet.reports.charts import version_chart
from wsgi_gauntlet.reports.charts.svg import inline
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors

MIN_VERSIONS_CHARTED = 3
"""Versions from which a server has a history. Two versions are a comparison instead."""

COUNTED_VERDICTS = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)


@dataclass(frozen=True)
class ChangeItem:
    """A case whose verdict changed, with both signs and the link to the new cell."""

    case: str
    link: str
    before: Verdict
    after: Verdict
    before_sign: str
    after_sign: str
    security: bool


@dataclass(frozen=True)
class Row:
    """One version: its counts and its changes."""

    point: VersionResult
    counts: Sequence[tuple[Verdict, int]]
    first: bool
    fixed: Sequence[ChangeItem]
    broke: Sequence[ChangeItem]


@dataclass(frozen=True)
class VersionHistorySection:
    """One server and its versions."""

    version_history: VersionHistory
    chart: Markup
    rows: Sequence[Row]
    note: str


def histories(results: Results, names: Anchors) -> list[VersionHistorySection]:
    """Return a section for each server with at least MIN_VERSIONS_CHARTED versions, two of them checked."""
    long = [each for each in version_histories(results) if len(each.points) >= MIN_VERSIONS_CHARTED]
    return [_history(index, each, names) for index, each in enumerate(long)]


def _history(index: int, version_history: VersionHistory, names: Anchors) -> VersionHistorySection:
    title = (
        f"{line(version_history.server, 60)} and its versions: "
        f"{version_chart.describe_versions(version_history.points)}"
    )
    drawn = inline(version_chart.draw_version_history(version_history), f"h{index}", title)
    chart = Markup(drawn)  # noqa: S704 - drawn here; text of users is escaped
    rows = [_row(each, names, first=each is version_history.checked[0]) for each in version_history.points]
    fixed, broke = (sum(len(getattr(each, name)) for each in version_history.points) for name in ("fixed", "broke"))
    first, last = version_history.checked[0].version, version_history.checked[-1].version
    note = (
        f"From {first} to {last}: fixed {fixed}, broke {broke}. Each case is compared with the last earlier version in "
        "which it was judged. Flaky cells do not count."
    )
    return VersionHistorySection(version_history, chart, rows, note)


def _row(point: VersionResult, names: Anchors, *, first: bool) -> Row:
    return Row(
        point,
        [(each, point.counts[each]) for each in COUNTED_VERDICTS],
        first,
        [_item(each, names) for each in point.fixed],
        [_item(each, names) for each in point.broke],
    )


def _item(change: VerdictChange, names: Anchors) -> ChangeItem:
    before, after = change.before.verdict, change.after.verdict
    return ChangeItem(
        change.case,
        names.cell(change.after.server, change.case),
        before,
        after,
        labels.VERDICTS[before].sign,
        labels.VERDICTS[after].sign,
        "security" in change.after.tags,
    )
