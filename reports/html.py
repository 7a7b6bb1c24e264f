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

from ..harness.model import Results, Verdict
from ..harness.output import Output
from . import answer, charts, figures, packing, words
from .counts import counts
from .sections import (
    aside,
    beside,
    cells,
    environment,
    folklore,
    history,
    lint,
    matrix,
    overview,
    pairs,
    promise,
    summary,
)
from .sections.names import Names
from .svg import DARK, LIGHT
from .visible import clean, line


def render(results: Results) -> str:
    """Return the page."""
    return _template()(**_context(results))


def prepare() -> None:
    """Import what drawing needs, so that a run that is interrupted later need not wait for it."""
    charts.prepare()


OUTPUT = Output("html", "report.html", render, prepare)


def _context(results: Results) -> dict[str, Any]:
    names = Names()
    script = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    loads = figures.scenarios(results, names)
    return {
        "names": names,
        "policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        "css": Markup(_asset("report.css")),  # noqa: S704 - our own file
        "colours": Markup(_colours()),  # noqa: S704 - our own constants
        "js": Markup(script),  # noqa: S704 - our own file
        "results": results,
        "title": answer.title(results),
        "ran": answer.ran(results),
        "answer": answer.answer(results),
        "picture": figures.picture(results),
        "servers": summary.rows(results, names),
        "summary_columns": summary.columns(results),
        "matrix": matrix.matrix(results, names),
        "overview": overview.overview(results, names),
        "scenarios": loads,
        "folklore": folklore.statements(results, names),
        "folklore_aside": folklore.not_here(results, names),
        "held": words.HELD,
        "groups": cells.groups(results, names),
        "evidence": packing.packed(results.checks, lambda each: each.verdict is Verdict.PASS),
        "histories": history.histories(results, names),
        "promise": promise.table(results, names),
        "counts": counts(results),
        "beside": beside.beside(results, names),
        "pairs": pairs.tables(results, names),
        "lint": lint.rows(results, names),
        "aside": aside.heaps(results, names),
        "verdicts": words.VERDICTS,
        "grades": words.GRADES,
        "environment": environment.rows(results.environment),
        "measured": environment.measured(results.environment),
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
    engine.filters |= {"prose": _prose, "clean": clean, "line": line, "counted": words.counted}
    return partial(engine.get_template("report.html.j2").render)


def _prose(text: str) -> Markup:
    """Return a docstring's words, what stands between backticks as code."""
    told = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(line(text))))
    return Markup(told)  # noqa: S704 - escaped before


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
