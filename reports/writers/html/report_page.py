"""`report.html`: one offline file that asks no address for anything, and that a server's answers cannot make run.

Everything is escaped on its way into the page (jinja2's autoescape), and a content security policy lets only this
page's own script run, named by its hash. What was sent and seen in each cell is packed (see packing.py).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from functools import partial
from importlib import resources
from typing import Any

from markupsafe import Markup, escape

from wsgi_gauntlet.harness.model import Results, Verdict
from wsgi_gauntlet.harness.store.output_format import Output
from wsgi_gauntlet.reports.analysis import key_findings
from wsgi_gauntlet.reports.analysis.scaling import scaling_tables
from wsgi_gauntlet.reports.charts import canvas
from wsgi_gauntlet.reports.charts.svg import DARK, LIGHT
from wsgi_gauntlet.reports.text import labels, run_environment
from wsgi_gauntlet.reports.text.escaping import escape_text, line
from wsgi_gauntlet.reports.writers.html import evidence
from wsgi_gauntlet.reports.writers.html.sections import (
    cells,
    claims,
    comparisons,
    framework_matrix,
    in_process,
    lint,
    load_results,
    matrix,
    not_judged,
    overview,
    server_table,
    version_history,
)
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors


def render(results: Results) -> str:
    """Return the page."""
    return _template()(**_context(results))


def prepare() -> None:
    """Import what drawing needs, so that a run that is interrupted later need not wait for it."""
    canvas.prepare()


OUTPUT = Output("html", "report.html", render, prepare)


def _context(results: Results) -> dict[str, Any]:
    names = Anchors()
    script = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    loads = load_results.scenarios(results, names)
    return {
        "names": names,
        "policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        "css": Markup(_asset("report.css")),  # noqa: S704 - our own file
        "colours": Markup(_colours()),  # noqa: S704 - our own constants
        "js": Markup(script),  # noqa: S704 - our own file
        "results": results,
        "title": key_findings.title(results),
        "ran": key_findings.run_description(results),
        "answer": key_findings.key_findings(results),
        "picture": load_results.picture(results),
        "servers": server_table.rows(results, names),
        "summary_columns": server_table.columns(results),
        "matrix": matrix.matrix(results, names),
        "overview": overview.overview(results, names),
        "scenarios": loads,
        "folklore": claims.statements(results, names),
        "folklore_aside": claims.unmeasured_claims(results, names),
        "held": labels.HELD,
        "groups": cells.groups(results, names),
        "evidence": evidence.pack_evidence(results.conformance, lambda each: each.verdict is Verdict.PASS),
        "histories": version_history.histories(results, names),
        "promise": framework_matrix.table(results, names),
        "counts": scaling_tables(results),
        "beside": comparisons.comparison_section(results, names),
        "pairs": in_process.tables(results, names),
        "lint": lint.rows(results, names),
        "aside": not_judged.reason_groups(results, names),
        "verdicts": labels.VERDICTS,
        "grades": labels.GRADES,
        "environment": run_environment.rows(results.environment),
        "measured": run_environment.describe_machine(results.environment),
    }


def _template() -> Callable[..., str]:
    import jinja2

    engine = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: _text("templates", name)),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    engine.filters |= {"prose": _prose, "clean": escape_text, "line": line, "counted": labels.pluralize}
    return partial(engine.get_template("report.html.j2").render)


def _prose(text: str) -> Markup:
    """Return a docstring's words, what stands between backticks as code."""
    html_text = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(line(text))))
    return Markup(html_text)  # noqa: S704 - escaped before


def _colours() -> str:
    def block(theme: dict[str, str]) -> str:
        return "".join(f"--c-{name}:{colour};" for name, colour in theme.items())

    return (
        f":root{{{block(LIGHT)}}}@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{block(DARK)}}}}}"
        f":root[data-theme=dark]{{{block(DARK)}}}@media print{{:root:root{{{block(LIGHT)}}}}}"
    )


def _asset(name: str) -> str:
    return _text("assets", name)


def _text(folder: str, name: str) -> str:
    return resources.files(__package__).joinpath(folder, name).read_text("utf-8")
