"""`report.html`: one offline page. It loads nothing, and data from servers cannot run in it.

jinja2 escapes all values, and a content security policy allows only the script of the page, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from functools import partial
from importlib import resources

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
    """Import matplotlib early, so that an interrupted run does not wait for it."""
    canvas.prepare()


OUTPUT = Output("html", "report.html", render, prepare)


def _context(results: Results) -> dict[str, object]:
    names = Anchors()
    script = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    loads = load_results.scenarios(results, names)
    return {
        "names": names,
        "policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        "css": Markup(_asset("report.css")),  # noqa: S704 - a file of this package
        "colours": Markup(_colours()),  # noqa: S704 - constants of this package
        "js": Markup(script),  # noqa: S704 - a file of this package
        "results": results,
        "title": key_findings.title(results),
        "ran": key_findings.run_description(results),
        "findings": key_findings.key_findings(results),
        "picture": load_results.picture(results),
        "servers": server_table.rows(results, names),
        "summary_columns": server_table.columns(results),
        "matrix": matrix.matrix(results, names),
        "overview": overview.overview(results, names),
        "scenarios": loads,
        "claims": claims.statements(results, names),
        "unmeasured_claims": claims.unmeasured_claims(results, names),
        "claim_verdicts": labels.CLAIM_VERDICTS,
        "groups": cells.groups(results, names),
        "evidence": evidence.pack_evidence(results.conformance, lambda each: each.verdict is Verdict.PASS),
        "histories": version_history.histories(results, names),
        "frameworks": framework_matrix.table(results, names),
        "counts": scaling_tables(results),
        "comparisons": comparisons.comparison_section(results, names),
        "in_process": in_process.tables(results, names),
        "lint": lint.rows(results, names),
        "not_judged": not_judged.reason_groups(results, names),
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
    """Return the text of a docstring, with the parts between backticks as code."""
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
