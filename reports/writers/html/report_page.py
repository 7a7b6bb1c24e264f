"""`report.html`: one offline page. It loads nothing, and data from servers cannot run in it.

The shell is complete without scripts: jinja2 escapes all values. The data of the views are blocks of deflated JSON. The
script renders the view that the fragment names. A content security policy allows only the script and the styles of the
page, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib import resources
from typing import Any

from markupsafe import Markup, escape

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.analysis import aggregation, key_findings
from wsgi_gauntlet.reports.analysis.cards import cards
from wsgi_gauntlet.reports.analysis.changes import what_changed
from wsgi_gauntlet.reports.analysis.headline import headline, run_line
from wsgi_gauntlet.reports.analysis.scoreboard import Scoreboard, scoreboard
from wsgi_gauntlet.reports.charts.palette import DARK, LIGHT, style_rules, variables
from wsgi_gauntlet.reports.charts.strip import LEGEND
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import escape_text, line
from wsgi_gauntlet.reports.writers.html import first_screen
from wsgi_gauntlet.reports.writers.html.blocks import pack
from wsgi_gauntlet.reports.writers.html.evidence import evidence_blocks, evidence_budget
from wsgi_gauntlet.reports.writers.html.index import index
from wsgi_gauntlet.reports.writers.html.modules import constant_name, join_modules
from wsgi_gauntlet.reports.writers.html.view import View, views

MAX_STATIC_ELEMENTS = 3000
"""Elements of the page without scripts."""

MAX_CHANGES_SHOWN = 5
"""Requirements with new failures that have expected, got and buttons on the first screen. The others are in a list."""

MAX_CHANGES_LISTED = 100
"""Requirements in each list of changes."""

MAX_CELLS_OF_CHANGE = 60
"""Cells in the list of a requirement with new failures."""


def prepare() -> None:
    """Import the views and compile the template, before there are results."""
    views()
    _template()


def render(results: Results) -> str:
    """Return the page."""
    shown = {each: data for each in views() if (data := each.block(results)) is not None}
    context = _context(results, shown)
    script, css = _script([*shown]), _styles()
    bare = _template()(**context, broken=[], blocks={}, js="", css="")
    servers = len(aggregation.checked(results))
    blocks = _blocks(results, shown, context["board"], context["rows"])
    taken = len(bare) + len(script) + len(css) + sum(map(len, blocks.values()))
    found = evidence_blocks(results, evidence_budget(servers, taken))
    blocks |= {name: base64.b64encode(data).decode("ascii") for name, data in found.items()}
    # A block is an element. A requirement is a list item with a link. A server has six more elements.
    room = max((MAX_STATIC_ELEMENTS - _count_elements(bare) - len(blocks) - 6 * servers - 10) // 2, 0)
    return _template()(
        **context | {"policy": _policy(script, css)},
        broken=first_screen.broken_lists(results, room),
        blocks=blocks,
        js=Markup(script),  # noqa: S704 - files of this package
        css=Markup(css),  # noqa: S704 - files and constants of this package
    )


def _blocks(
    results: Results, shown: Mapping[View, object], board: Scoreboard, rows: Sequence[first_screen.ScoreRow]
) -> dict[str, str]:
    """Return the packed data by the name of the block."""
    found: dict[str, object] = {"index": index(results), "scoreboard": first_screen.score_table(board, rows)}
    for view, data in shown.items():
        found[f"view/{view.name}"] = data
        found |= view.blocks(results)
    return {name: pack(value) for name, value in found.items()}


def _context(results: Results, shown: Mapping[View, object]) -> dict[str, Any]:
    board, changed = scoreboard(results), what_changed(results)
    routes = {route for each in shown for route in (each.address, *each.routes)}
    return {
        "policy": "",
        "results": results,
        "navigation": [each for each in shown if each.in_navigation],
        "routes": routes,
        "headline": headline(results, board).text,
        "recommendation": results.recommendation,
        "run": run_line(results),
        "cards": cards(results, board),
        "changed": None if changed is None else first_screen.changed_screen(changed),
        "max_changes": MAX_CHANGES_SHOWN,
        "max_listed": MAX_CHANGES_LISTED,
        "max_cells": MAX_CELLS_OF_CHANGE,
        "board": board,
        "judged": any(each.judged for each in board.rows),
        "rows": first_screen.score_rows(board),
        "strip_legend": LEGEND,
        "findings": key_findings.key_findings(results),
        "unavailable": [each for each in aggregation.servers(results) if not each.available],
    }


def _policy(script: str, css: str) -> str:
    return (
        f"default-src 'none'; style-src {_hash(css)}; script-src {_hash(script)}; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _count_elements(markup: str) -> int:
    return len(re.findall(r"<[a-zA-Z]", markup))


def _script(shown: Sequence[View]) -> str:
    """Return the modules of the page and of its views, and the call that starts them."""
    paths = {each.name: f"views/{each.name}.js" for each in shown}
    joined = join_modules(lambda path: _text("assets", "js", *path.split("/")), ["main.js", *paths.values()])
    listed = ", ".join(
        "{ "
        f"name: {json.dumps(each.name)}, title: {json.dumps(each.title)}, "
        f"routes: {json.dumps([each.address, *each.routes])}, sheet: {json.dumps(each.in_sheet)}, "
        f"render: {constant_name(paths[each.name])}.render"
        " }"
        for each in shown
    )
    return f"\n{joined}\n{constant_name('main.js')}.start([{listed}]);\n"


@cache
def _styles() -> str:
    """Return all styles: the colours, the base, then those of the views."""
    folder = resources.files(__package__).joinpath("assets", "css")
    names = sorted((each.name for each in folder.iterdir()), key=lambda name: (name != "base.css", name))
    light, dark = variables(LIGHT), variables(DARK)
    themes = (
        f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}"
    )
    return themes + style_rules() + "\n".join(_text("assets", "css", name) for name in names)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _template() -> Callable[..., str]:
    import jinja2

    engine = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: _text(name)),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    engine.filters |= {
        "prose": _prose,
        "breakable": _breakable,
        "clean": escape_text,
        "line": line,
        "counted": labels.pluralize,
    }
    return partial(engine.get_template("shell.html.j2").render)


def _prose(text: str, limit: int = 0) -> Markup:
    """Return a text with options and the parts between backticks as code."""
    html_text = re.sub(r"`([^`]+)`|(?<![\w-])(--[a-z][a-z-]*)", r"<code>\1\2</code>", str(escape(line(text, limit))))
    return Markup(html_text)  # noqa: S704 - escaped before


def _breakable(name: str) -> Markup:
    """Return the name of a server that breaks into lines at its punctuation, as `breakable` of dom.js does."""
    return Markup(re.sub(r"([:+/@\[,])", r"\1<wbr>", str(escape(name))))  # noqa: S704 - escaped before


def _text(*path: str) -> str:
    return resources.files(__package__).joinpath(*path).read_text("utf-8")
