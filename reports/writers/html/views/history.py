"""The versions of a server in one run, and the results of a server over several runs."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.model import HistoryPoint, Results, Verdict
from wsgi_gauntlet.reports.analysis.version_history import (
    VerdictChange,
    VersionHistory,
    VersionResult,
    version_histories,
)
from wsgi_gauntlet.reports.charts.chart import Chart
from wsgi_gauntlet.reports.charts.history import history_chart, history_table
from wsgi_gauntlet.reports.charts.run_history import draw_run_history, run_history_table
from wsgi_gauntlet.reports.charts.run_note import run_note
from wsgi_gauntlet.reports.charts.version_points import version_points
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.chart_data import chart_data
from wsgi_gauntlet.reports.writers.html.verdict_letters import LETTERS
from wsgi_gauntlet.reports.writers.html.view import View

COUNTED_VERDICTS = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)

MIN_VERSIONS = 3
"""Versions from which a server has a history. Two versions are a comparison instead."""


def block(results: Results) -> dict[str, object] | None:
    """Return the runs of each server by date, and the versions of each server, or None without both."""
    long = [each for each in version_histories(results) if len(each.points) >= MIN_VERSIONS]
    by_server: dict[str, list[HistoryPoint]] = {}
    for each in sorted(results.history, key=lambda point: point.date):
        by_server.setdefault(each.server, []).append(each)
    runs = [_runs(server, points) for server, points in by_server.items()]
    return {"runs": runs, "versions": [_versions(results, each) for each in long]} if runs or long else None


def _runs(server: str, points: Sequence[HistoryPoint]) -> dict[str, object]:
    title = f"{line(server, 60)}: broken requirements in each run"
    chart = Chart(
        f"history-{server}",
        title,
        lambda narrow: draw_run_history(server, points, narrow=narrow),
        lambda: run_history_table(points),
    )
    return {"server": server, "chart": chart_data(chart)}


def _versions(results: Results, found: VersionHistory) -> dict[str, object]:
    first, last = found.checked[0], found.checked[-1]
    fixed, broke = (sum(len(getattr(each, name)) for each in found.points) for name in ("fixed", "broke"))
    title = f"{line(found.server, 60)}: broken requirements of each version"
    caption = run_note(results).caption
    points = version_points(results, found)
    chart = Chart(
        f"versions-{found.server}",
        title,
        lambda narrow: history_chart(points, title, caption=caption, narrow=narrow),
        lambda: history_table(points),
    )
    return {
        "server": found.server,
        "note": f"From {line(first.version, 40)} to {line(last.version, 40)}: fixed {fixed}, broke {broke}. Each case "
        "is compared with the last earlier version in which it was judged. Flaky cells do not count.",
        "chart": chart_data(chart),
        "rows": [_version(each, first=each is first) for each in found.points],
    }


def _version(point: VersionResult, *, first: bool) -> dict[str, object]:
    return {
        "server": point.name,
        "version": line(point.version, 60),
        "why": line(point.why, 300),
        "counts": [point.counts[each] for each in COUNTED_VERDICTS],
        "others": point.others,
        "first": first,
        "fixed": [_change(each) for each in point.fixed],
        "broke": [_change(each) for each in point.broke],
    }


def _change(change: VerdictChange) -> list[str]:
    return [change.case, LETTERS[change.before.verdict], LETTERS[change.after.verdict]]


VIEW = View(name="history", title="History", order=47, block=block)
