"""One requirement: its sentence, its variants, and the result of every server. Its data come from the block "index"."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.writers.html.verdict_letters import meanings
from wsgi_gauntlet.reports.writers.html.view import View


def block(results: Results) -> dict[str, object] | None:
    """Return the meanings of the verdicts."""
    return {"meanings": meanings(results)} if results.conformance else None


VIEW = View(name="requirement", title="Requirement", block=block, in_navigation=False)
