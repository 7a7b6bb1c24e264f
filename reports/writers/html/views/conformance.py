"""Conformance: the matrix of requirements and servers. Its cells come from the block "index"."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.writers.html.verdict_letters import meanings
from wsgi_gauntlet.reports.writers.html.view import View

MAX_COLUMNS = 15
"""Servers up to which each has a column. With more servers the matrix has a row for each."""


def block(results: Results) -> dict[str, object] | None:
    """Return the legend, and the number of servers from which the matrix is transposed."""
    if not results.conformance:
        return None
    return {
        "meanings": meanings(results),
        "max_columns": MAX_COLUMNS,
    }


VIEW = View(name="conformance", title="Conformance", order=30, routes=("cells",), block=block)
