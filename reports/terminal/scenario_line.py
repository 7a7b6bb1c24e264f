"""One line about a server in a scenario."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.text.labels import GRADES, best_rate, describe_claims, describe_service, grade, rate


def describe_scenario(cell: ScenarioResult) -> str:
    """Return one line with the result of a server in a scenario."""
    result = grade(cell)
    best = best_rate(cell)
    if cell.grade is Grade.MEASURED and best is not None:
        result += f", {rate(best)} at best"
    elif cell.goodput is not None and cell.grade.is_judged:
        result += f", {describe_service(cell)}"
    if cell.note:
        claims = describe_claims(each.verdict for each in cell.claims) if cell.claims else grade(cell)
        result = f"{claims}. {line(cell.note, 300)}"
    return f"{GRADES[cell.grade].sign} {line(cell.server, 60)} in {line(cell.scenario, 60)}: {result}"
