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
from wsgi_gauntlet.reports.charts.run_history import draw_run_history, run_history_table
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.verdict_letters import LETTERS
from wsgi_gauntlet.reports.writers.html.view import View

COUNTED_VERDICTS = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)


def block(results: Results) -> dict[str, object] | None:
    """Return the runs of each server by date, and the versions of each server, or None without both."""
    versions = [_versions(each) for each in version_histories(results)]
    by_server: dict[str, list[HistoryPoint]] = {}
    for each in sorted(results.history, key=lambda point: point.date):
        by_server.setdefault(each.server, []).append(each)
    runs = [_runs(server, points) for server, points in by_server.items()]
    return {"runs": runs, "versions": versions} if runs or versions else None


def _runs(server: str, points: Sequence[HistoryPoint]) -> dict[str, object]:
    table = run_history_table(points)
    return {
        "server": server,
        "chart": draw_run_history(server, points) if len(points) > 1 else "",
        "heads": table.heads,
        "rows": table.rows,
    }


def _versions(history: VersionHistory) -> dict[str, object]:
    first, last = history.checked[0], history.checked[-1]
    fixed, broke = (sum(len(getattr(each, name)) for each in history.points) for name in ("fixed", "broke"))
    return {
        "server": history.server,
        "note": f"From {line(first.version, 40)} to {line(last.version, 40)}: fixed {fixed}, broke {broke}. Each case "
        "is compared with the last earlier version in which it was judged. Flaky cells do not count.",
        "rows": [_version(each, first=each is first) for each in history.points],
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
