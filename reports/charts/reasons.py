"""Why a cell is not judged, for charts that show it in grey."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import ScenarioResult
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line


def why_not_judged(load: ScenarioResult, limit: int = 160) -> str:
    """Return the grade and its reason, as `invalid: the generator was late`, or '' for a judged cell."""
    if load.grade.is_judged:
        return ""
    why = labels.measurement_problem(load)
    return f"{load.grade.label}: {line(why, limit)}" if why else load.grade.label
