"""Lint findings by kind and server. They never change a verdict."""

from __future__ import annotations

from wsgi_gauntlet.harness.http.lint.kinds import LINT_RULES, kind_of
from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.writers.html.view import View


def block(results: Results) -> dict[str, object] | None:
    """Return the sentence and the source of each kind that occurs. The findings come from the block "index"."""
    kinds = {kind_of(finding) for cell in results.conformance for finding in cell.findings}
    rules = {str(kind): [rule.sentence, rule.where] for kind, rule in LINT_RULES.items() if kind in kinds}
    return {"rules": rules} if kinds else None


VIEW = View(name="lint", title="Lint", order=60, block=block)
