"""Cells of load and of conformance that are not judged, or flaky. Those of conformance come from the block "index"."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Grade, Results, Verdict
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.text.labels import measurement_problem
from wsgi_gauntlet.reports.writers.html.verdict_letters import LETTERS
from wsgi_gauntlet.reports.writers.html.view import View

LISTED_VERDICTS = (Verdict.FLAKY, Verdict.ERROR, Verdict.SKIPPED, Verdict.UNSUPPORTED)


LISTED_GRADES = (Grade.INVALID, Grade.INCONCLUSIVE, Grade.ERROR, Grade.UNSUPPORTED)


def block(results: Results) -> dict[str, object] | None:
    """Return the listed verdicts that occur, as [letter, meaning], and the cells of load with a listed grade.

    `load` has {sign, label, meaning, scenarios: [[id, title, [[server, reason], ...]], ...]} for each grade.
    """
    used = {each.verdict for each in results.conformance}
    verdicts = [[LETTERS[each], labels.VERDICTS[each].meaning] for each in LISTED_VERDICTS if each in used]
    load = [found for grade in LISTED_GRADES if (found := _load(results, grade)) is not None]
    return {"verdicts": verdicts, "load": load} if verdicts or load else None


def _load(results: Results, grade: Grade) -> dict[str, object] | None:
    scenarios = [
        [name, line(info.title, 200), [[each.server, line(measurement_problem(each), 800)] for each in found]]
        for name, (info, cells) in aggregation.scenarios(results).items()
        if (found := [each for each in cells if each.grade is grade])
    ]
    if not scenarios:
        return None
    entry = labels.GRADES[grade]
    return {"sign": entry.sign, "label": grade.label, "meaning": entry.meaning, "scenarios": scenarios}


VIEW = View(name="not_judged", title="Not judged", order=80, block=block)
