"""Servers on the wire and in-process, lint findings, and cells that are not judged, on the page."""

from __future__ import annotations

import io
import re

import msgspec
import pytest
from rich.console import Console

from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Level, Results, Verdict
from wsgi_gauntlet.reports.analysis.in_process import find_pairs
from wsgi_gauntlet.reports.terminal import summary as closing
from wsgi_gauntlet.reports.writers import markdown
from wsgi_gauntlet.reports.writers.html import report_page
from wsgi_gauntlet.reports.writers.html.sections import lint, not_judged
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors


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


def test_the_page_shows_both_sides_and_nothing_where_there_is_no_pair() -> None:
    """Expected and actual of each, escaped."""
    text = report_page.render(RUN)
    section = text[text.index('<section id="in-process"') :].partition("</section>")[0]
    assert "The same in 1 case, different in 1; 1 judged on the wire only" in section
    assert "a &lt;reset&gt;" in section
    assert "&lt;the&gt; expected" in section
    assert 'href="#cell--werkzeug-in-process--http-a-x"' in section
    alone = report_page.render(msgspec.structs.replace(RUN, conformance=CELLS[:4]))
    assert 'id="in-process"' not in alone


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


FOUND = (
    cell("one", "a/x", Verdict.PASS, findings=("missing-date: no Date (RFC 9110)", "missing-date: again")),
    cell("one", "a/y", Verdict.PASS, findings=("missing-date: no Date (RFC 9110)", "own-kind: <b>")),
    cell("two", "a/x", Verdict.PASS),
)


def test_findings_are_counted_by_kind_and_server() -> None:
    """Once for each cell, the commonest first, a kind that nobody knows too."""
    rows = lint.rows(Results(SCHEMA, {}, {}, FOUND), Anchors())
    assert [(each.kind, [count.number for count in each.counts]) for each in rows] == [
        ("missing-date", [2, 0]),
        ("own-kind", [1, 0]),
    ]
    assert rows[0].where == "RFC 9110, section 6.6.1"
    assert rows[1].sentence == ""
    assert lint.rows(RUN, Anchors()) == []


def test_the_page_shows_findings_as_lint_findings() -> None:
    """In the cell, and in the table that leads there."""
    text = report_page.render(Results(SCHEMA, {}, {}, FOUND))
    assert '<p class="finding"><b>lint</b> own-kind: &lt;b&gt;</p>' in text
    assert re.search(r'<a class="plain" href="#cell--one--http-a-x">2</a>', text)
    assert 'id="lint"' not in report_page.render(RUN)


NOT_JUDGED = (
    cell("one", "a/x", Verdict.FAIL, "broken"),
    cell("one", "a/y", Verdict.SKIPPED, "needs http/a/x, which came to fail", segmentations=()),
    cell("two", "a/y", Verdict.SKIPPED, "needs http/a/x, which came to fail"),
    cell("two", "a/x", Verdict.FLAKY, "1 of 3 attempts", segmentations=("whole", "bytes")),
    cell("one", "a/z", Verdict.ERROR, "EventsLost"),
    cell("two", "a/z", Verdict.UNSUPPORTED, "has no option for threads", segmentations=("whole",)),
)


def test_cells_that_are_not_judged_have_their_reason() -> None:
    """By verdict, each cell linked."""
    reason_groups = not_judged.reason_groups(Results(SCHEMA, {}, {}, NOT_JUDGED), Anchors())
    assert [each.verdict for each in reason_groups] == [
        Verdict.FLAKY,
        Verdict.ERROR,
        Verdict.SKIPPED,
        Verdict.UNSUPPORTED,
    ]
    [reason] = reason_groups[2].reasons
    assert reason.text == "needs http/a/x, which came to fail"
    assert [each.server for each in reason.cells] == ["one", "two"]
    assert not_judged.reason_groups(RUN, Anchors())[0].verdict is Verdict.UNSUPPORTED


def test_a_skipped_cell_leads_to_what_it_depends_on() -> None:
    """The cell shows the passed segmentations, and the matrix can be filtered by verdict."""
    text = report_page.render(Results(SCHEMA, {}, {}, NOT_JUDGED))
    assert '(<a href="#cell--one--http-a-x">http/a/x</a>)' in text
    assert "<dt>Passed</dt><dd>sent whole and byte by byte</dd>" in text
    assert '<option value="skipped">cases with skipped</option>' in text
    assert re.search(r'data-is="[^"]*\bflaky\b[^"]*"', text)
    assert 'id="not-judged"' not in report_page.render(Results(SCHEMA, {}, {}, FOUND))


@pytest.mark.parametrize("name", ["x:in-process", "x"])
def test_one_of_the_two_alone_is_no_pair(name: str) -> None:
    """Whichever it is."""
    assert find_pairs(Results(SCHEMA, {}, {}, (cell(name, "a/x", Verdict.PASS),))) == []
