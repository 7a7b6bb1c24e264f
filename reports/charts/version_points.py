"""The points of the chart of versions: requirements of each version, counted once."""

from __future__ import annotations

from collections import Counter

from wsgi_gauntlet.harness.model import Results, Verdict
from wsgi_gauntlet.reports.analysis.requirements import by_requirement
from wsgi_gauntlet.reports.analysis.version_history import VersionHistory
from wsgi_gauntlet.reports.charts.history import VersionPoint
from wsgi_gauntlet.reports.text.escaping import line


def version_points(results: Results, history: VersionHistory) -> list[VersionPoint]:
    """Return a point for each version, the oldest first. The first checked version has no changes."""
    points = []
    first = history.checked[0] if history.checked else None
    for each in history.points:
        if not each.counts.total:
            points.append(
                VersionPoint(each.version, reason=line(f"not checked: {each.why}" if each.why else "not checked"))
            )
            continue
        cells = [cell for cell in results.conformance if cell.server == each.name]
        counts = Counter(found.verdict for found in by_requirement(cells))
        changes = (None, None) if each is first else (len(each.fixed), len(each.broke))
        must, should = counts[Verdict.FAIL], counts[Verdict.WARN]
        asked = must + should + counts[Verdict.PASS]
        points.append(VersionPoint(each.version, must, should, counts[Verdict.FLAKY], asked, *changes))
    return points
