"""`report.html`: one offline file that asks no address for anything, and that a server's answers cannot make run.

Everything is escaped on its way into the page (jinja2's autoescape), and a content security policy lets only this
page's own script run, named by its hash. Where evidence would make the file too large it is cut shorter, with a word.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable
from functools import partial
from importlib import resources
from typing import Any

import msgspec
from markupsafe import Markup

from ..harness.model import Results
from ..harness.output import Output
from . import answer, charts, figures, words
from .bounds import Bounds
from .sections import cells, environment, matrix, summary
from .sections.names import Names
from .svg import DARK, LIGHT
from .visible import clean, line

PLAIN = Bounds(event=500, wire=1400, events=14, detail=260, log=500)
"""What a cell shows that nobody needs to look into."""

FULL = Bounds(event=3000, wire=12_000, events=60, detail=2500, log=6000)
"""What a cell shows that did not pass."""

LARGEST = 6_500_000
"""Characters of all cells in a page that a browser still opens at once."""


SAMPLE = 150
"""Cells that tell how large all of them will be: enough to be right to a tenth, few enough to cost nothing."""


def render(results: Results) -> str:
    """Return the page."""
    template = _template()
    context = _context(results)
    share = _share(results)
    return template(groups=cells.groups(results, context["names"], *_bounds(share)), **context)


def prepare() -> None:
    """Import what drawing needs, so that a run that is interrupted later need not wait for it."""
    charts.prepare()


OUTPUT = Output("html", "report.html", render, prepare)


def _share(results: Results) -> float:
    """Return the share of the bounds in which all cells fit into LARGEST, judged by a sample of them."""
    every = max(1, len(results.checks) // SAMPLE)
    sample = msgspec.structs.replace(results, checks=results.checks[::every])
    share = 1.0
    for _ in range(6):
        groups = cells.groups(sample, Names(), *_bounds(share))
        if (size := every * cells.size(groups)) <= LARGEST:
            break
        # What every cell takes at least does not shrink with its evidence, so go further down than the ratio.
        share *= 0.6 * LARGEST / size
    return share


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
        "scenarios": loads,
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
    engine.filters |= {"clean": clean, "line": line, "counted": words.counted}
    return partial(engine.get_template("report.html.j2").render)


def _bounds(share: float) -> tuple[Bounds, Bounds]:
    # What did not pass is what people look into: it gives up its evidence last.
    return _scaled(PLAIN, share), _scaled(FULL, math.sqrt(share))


def _scaled(bounds: Bounds, share: float) -> Bounds:
    return Bounds(
        max(int(bounds.event * share), 100),
        max(int(bounds.wire * share), 200),
        max(int(bounds.events * share), 4),
        max(int(bounds.detail * share), 80),
        max(int(bounds.log * share), 100),
    )


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
