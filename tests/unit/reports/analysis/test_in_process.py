"""Servers on the wire and in-process, lint findings, and cells that are not judged, on the page."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Level, Results, Verdict
from wsgi_gauntlet.reports.analysis.in_process import find_pairs
from wsgi_gauntlet.reports.terminal import summary as closing
from wsgi_gauntlet.reports.writers import markdown


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


def test_the_summary_and_the_terminal_say_it_in_a_line() -> None:
    """With the first cases that differ."""
    text = markdown.render(RUN)
    assert "werkzeug:in-process" in text
    assert "`http/a/x`: fail on the wire, pass in-process" in text
    out = Console(file=io.StringIO(), width=120)
    closing.summary(RUN, console=out)
    output = out.file.getvalue()  # type: ignore[attr-defined]
    assert "http/a/x: fail on the wire, pass in-process" in output
    assert "In-process" not in markdown.render(msgspec.structs.replace(RUN, conformance=CELLS[:4]))


FOUND = (
    cell("one", "a/x", Verdict.PASS, findings=("missing-date: no Date (RFC 9110)", "missing-date: again")),
    cell("one", "a/y", Verdict.PASS, findings=("missing-date: no Date (RFC 9110)", "own-kind: <b>")),
    cell("two", "a/x", Verdict.PASS),
)


NOT_JUDGED = (
    cell("one", "a/x", Verdict.FAIL, "broken"),
    cell("one", "a/y", Verdict.SKIPPED, "needs http/a/x, which came to fail", segmentations=()),
    cell("two", "a/y", Verdict.SKIPPED, "needs http/a/x, which came to fail"),
    cell("two", "a/x", Verdict.FLAKY, "1 of 3 attempts", segmentations=("whole", "bytes")),
    cell("one", "a/z", Verdict.ERROR, "EventsLost"),
    cell("two", "a/z", Verdict.UNSUPPORTED, "has no option for threads", segmentations=("whole",)),
)


@pytest.mark.parametrize("name", ["x:in-process", "x"])
def test_one_of_the_two_alone_is_no_pair(name: str) -> None:
    """Whichever it is."""
    assert find_pairs(Results(SCHEMA, {}, {}, (cell(name, "a/x", Verdict.PASS),))) == []
