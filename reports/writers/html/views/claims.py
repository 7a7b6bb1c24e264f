"""The claims of the run, each with its rule, and its verdict and figures for each server."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.analysis.claims import statements, unmeasured_claims
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.view import View


def block(results: Results) -> dict[str, object] | None:
    """Return the statements and the claims without a verdict, or None if the run tested no claim."""
    found, missing = statements(results), unmeasured_claims(results)
    if not found and not missing:
        return None
    return {
        "statements": [
            {
                "statement": line(each.statement, 400),
                "rule": line(each.rule, 800),
                "summary": each.summary,
                "rows": [
                    [line(row.server), row.scenario, row.verdict.value, line(row.figures, 800)] for row in each.rows
                ],
            }
            for each in found
        ],
        "unmeasured": [
            [line(each.title, 200), each.scenario, line(each.server), line(each.why, 600)] for each in missing
        ],
        "verdicts": {
            verdict.value: [entry.sign, verdict.label, entry.meaning, entry.shade]
            for verdict, entry in labels.CLAIM_VERDICTS.items()
        },
    }


VIEW = View(name="claims", title="Claims", order=60, block=block)
