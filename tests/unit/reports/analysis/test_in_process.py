"""Servers on the wire and in-process, lint findings, and cells that are not judged, on the page."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Level, Results, Verdict
from wsgi_gauntlet.reports.analysis.in_process import find_pairs
from wsgi_gauntlet.reports.terminal import summary as closing
from wsgi_gauntlet.reports.writers import markdown
from wsgi_gauntlet.reports.writers.html.views import compare


def cell(server: str, case: str, verdict: Verdict, actual: str = "", **more: object) -> CaseResult:
    given = CaseResult(server, f"http/{case}", Level.MUST, (), verdict, "", "<the> expected" if actual else "", actual)
    return msgspec.structs.replace(given, **more)


CELLS = (
    cell("werkzeug:threaded", "a/x", Verdict.FAIL, "a <reset>"),
    cell("werkzeug:threaded", "a/y", Verdict.PASS),
    cell("werkzeug:threaded", "a/z", Verdict.PASS),
    cell("werkzeug:threaded", "a/alone", Verdict.PASS),
    cell("werkzeug:single", "a/x", Verdict.PASS),
    cell("werkzeug:in-process", "a/x", Verdict.PASS),
    cell("werkzeug:in-process", "a/y", Verdict.PASS),
    cell("werkzeug:in-process", "a/z", Verdict.UNSUPPORTED, "has no socket"),
    cell("wsgiref", "a/x", Verdict.PASS),
    cell("wsgiref:in-process", "a/x", Verdict.PASS),
    cell("lonely:in-process", "a/x", Verdict.PASS),
)
RUN = Results(SCHEMA, {}, {}, CELLS)


def test_pairs_are_found_by_name() -> None:
    """The server itself, or its first variant on the wire; one without the other is no pair."""
    werkzeug, wsgiref = find_pairs(RUN)
    assert (werkzeug.wire, werkzeug.in_process) == ("werkzeug:threaded", "werkzeug:in-process")
    assert (werkzeug.same, werkzeug.not_judged) == (1, 1)
    assert [[each.verdict for each in both] for both in werkzeug.differing] == [[Verdict.FAIL, Verdict.PASS]]
    assert (wsgiref.wire, wsgiref.same, wsgiref.differing) == ("wsgiref", 1, [])


def test_the_page_names_the_pair() -> None:
    data: Any = compare.block(RUN)
    found = {(each["plain"], each["other"]): each["summary"] for each in data["pairs"]}
    assert found["werkzeug:threaded", "werkzeug:in-process"] == (
        "the same in 1 case, different in 1; 1 judged on the wire only"
    )
    alone = compare.block(msgspec.structs.replace(RUN, conformance=CELLS[:4]))
    assert alone is None or alone["pairs"] == []


def test_the_summary_and_the_terminal_say_it_in_a_line() -> None:
    """With the first cases that differ."""
    text = markdown.render(RUN)
    assert "werkzeug:in-process" in text
    assert "`http/a/x`: fail on the wire, pass in-process" in text
    out = Console(file=io.StringIO(), width=120)
    closing.summary(RUN, console=out, verbose=True)
    output = out.file.getvalue()  # type: ignore[attr-defined]
    assert "http/a/x: fail on the wire, pass in-process" in output
    assert "In-process" not in markdown.render(msgspec.structs.replace(RUN, conformance=CELLS[:4]))


@pytest.mark.parametrize("name", ["x:in-process", "x"])
def test_one_of_the_two_alone_is_no_pair(name: str) -> None:
    """Whichever it is."""
    assert find_pairs(Results(SCHEMA, {}, {}, (cell(name, "a/x", Verdict.PASS),))) == []
