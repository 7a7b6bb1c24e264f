"""Conformance: the matrix of requirements and servers. Its cells come from the block "index"."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.analysis.requirements import conformance_findings
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.verdict_letters import meanings
from wsgi_gauntlet.reports.writers.html.view import View

MAX_COLUMNS = 15
"""Servers up to which each has a column. With more servers the matrix has a row for each."""


def block(results: Results) -> dict[str, object] | None:
    """Return the legend and the sentences above the matrix."""
    if not results.conformance:
        return None
    return {
        "meanings": meanings(results),
        "findings": [[line(topic), line(text)] for topic, text in conformance_findings(results)],
        "max_columns": MAX_COLUMNS,
    }


VIEW = View(name="conformance", title="Conformance", order=30, routes=("cells",), block=block)
