"""The matrix of servers and frameworks."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.analysis.framework_matrix import FrameworkMatrix, framework_matrix
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.verdict_letters import LETTERS
from wsgi_gauntlet.reports.writers.html.view import View


def block(results: Results) -> dict[str, object] | None:
    """Return the matrix: a row for each server with a cell for each framework, and the unavailable frameworks.

    A cell is null, or {letter, passed, judged, case (the one with the worst verdict), why}.
    """
    found = framework_matrix(results)
    if found is None:
        return None
    return {
        "summary": line(found.summary),
        "frameworks": [[name, line(name.title())] for name in found.frameworks],
        "rows": [
            {
                "server": server,
                "cells": [_cell(found, server, name) for name in found.frameworks],
                "failed_cases": line(found.failed_cases(server)),
            }
            for server in found.servers
        ]
        if found.frameworks
        else [],
        "unavailable": [[line(name.title()), line(why, 400)] for name, why in found.unavailable.items()],
    }


def _cell(found: FrameworkMatrix, server: str, framework: str) -> dict[str, object] | None:
    each = found.pairings.get((server, framework))
    if each is None:
        return None
    return {
        "letter": LETTERS[each.verdict],
        "passed": each.passed,
        "judged": each.judged,
        "case": each.worst.case,
        "why": "" if each.judged else line(each.worst.actual, 200),
    }


VIEW = View(name="frameworks", title="Frameworks", order=50, block=block)
