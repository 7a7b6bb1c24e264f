"""How it was measured: the machine, the program, the call and the servers."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import run_environment
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.view import View


def block(results: Results) -> dict[str, object]:
    """Return the environment and the servers as rows of texts."""
    return {
        "environment": run_environment.rows(results.environment),
        "servers": [
            [line(each.name), line(each.version), line(each.python), line(each.command, 600)]
            for each in aggregation.servers(results)
            if each.available
        ],
    }


VIEW = View(name="method", title="Method", order=90, block=block)
