"""Servers on the wire and in-process, what lint noticed, and what was set aside: in the page, and nowhere without."""

from __future__ import annotations

import io
import re

import msgspec
import pytest
from rich.console import Console

from wsgi_gauntlet.harness.model import SCHEMA, Check, Level, Results, Verdict
from wsgi_gauntlet.reports import closing, html, markdown
from wsgi_gauntlet.reports.pairs import pairs
from wsgi_gauntlet.reports.sections import aside, lint
from wsgi_gauntlet.reports.sections.names import Names


def cell(server: str, case: str, verdict: Verdict, actual: str = "", **more: object) -> Check:
    given = Check(server, f"http/{case}", Level.MUST, (), verdict, "", "<the> expected" if actual else "", actual)
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
    werkzeug, wsgiref = pairs(RUN)
    assert (werkzeug.wire, werkzeug.within) == ("werkzeug:threaded", "werkzeug:in-process")
    assert (werkzeug.same, werkzeug.unjudged) == (1, 1)
    assert [[each.verdict for each in both] for both in werkzeug.differing] == [[Verdict.FAIL, Verdict.PASS]]
    assert (wsgiref.wire, wsgiref.same, wsgiref.differing) == ("wsgiref", 1, [])


def test_the_page_shows_both_sides_and_nothing_where_there_is_no_pair() -> None:
    """Expected and actual of each, escaped."""
    text = html.render(RUN)
    section = text[text.index('<section id="pairs"') :].partition("</section>")[0]
    assert "the same in 1 case, different in 1; 1 judged on the wire only" in section
    assert "a &lt;reset&gt;" in section
    assert "&lt;the&gt; expected" in section
    assert 'href="#cell--werkzeug-in-process--http-a-x"' in section
    alone = html.render(msgspec.structs.replace(RUN, checks=CELLS[:4]))
    assert 'id="pairs"' not in alone


def test_the_summary_and_the_terminal_say_it_in_a_line() -> None:
    """With the first cases that differ."""
    text = markdown.render(RUN)
    assert "werkzeug:in-process" in text
    assert "`http/a/x`: fail on the wire, pass in-process" in text
    out = Console(file=io.StringIO(), width=120)
    closing.summary(RUN, console=out)
    told = out.file.getvalue()  # type: ignore[attr-defined]
    assert "http/a/x: fail on the wire, pass in-process" in told
    assert "In-process" not in markdown.render(msgspec.structs.replace(RUN, checks=CELLS[:4]))


FOUND = (
    cell("one", "a/x", Verdict.PASS, findings=("date-missing: no Date (RFC 9110)", "date-missing: again")),
    cell("one", "a/y", Verdict.PASS, findings=("date-missing: no Date (RFC 9110)", "own-kind: <b>")),
    cell("two", "a/x", Verdict.PASS),
)


def test_findings_are_counted_by_kind_and_server() -> None:
    """Once for each cell, the commonest first, a kind that nobody knows too."""
    rows = lint.rows(Results(SCHEMA, {}, {}, FOUND), Names())
    assert [(each.kind, [count.number for count in each.counts]) for each in rows] == [
        ("date-missing", [2, 0]),
        ("own-kind", [1, 0]),
    ]
    assert rows[0].where == "RFC 9110, section 6.6.1"
    assert rows[1].sentence == ""
    assert lint.rows(RUN, Names()) == []


def test_the_page_shows_findings_as_remarks() -> None:
    """In the cell, and in the table that leads there."""
    text = html.render(Results(SCHEMA, {}, {}, FOUND))
    assert '<p class="remark"><b>info</b> own-kind: &lt;b&gt;</p>' in text
    assert re.search(r'<a class="plain" href="#cell--one--http-a-x">2</a>', text)
    assert 'id="lint"' not in html.render(RUN)


ASIDE = (
    cell("one", "a/x", Verdict.FAIL, "broken"),
    cell("one", "a/y", Verdict.SKIPPED, "needs http/a/x, which came to fail", patterns=()),
    cell("two", "a/y", Verdict.SKIPPED, "needs http/a/x, which came to fail"),
    cell("two", "a/x", Verdict.FLAKY, "1 of 3 attempts", patterns=("whole", "byte by byte")),
    cell("one", "a/z", Verdict.ERROR, "EventsLost"),
    cell("two", "a/z", Verdict.UNSUPPORTED, "has no option for threads", patterns=("whole",)),
)


def test_what_was_set_aside_is_listed_with_its_reason() -> None:
    """By verdict, each cell linked."""
    heaps = aside.heaps(Results(SCHEMA, {}, {}, ASIDE), Names())
    assert [each.verdict for each in heaps] == [Verdict.FLAKY, Verdict.ERROR, Verdict.SKIPPED, Verdict.UNSUPPORTED]
    [reason] = heaps[2].reasons
    assert reason.text == "needs http/a/x, which came to fail"
    assert [each.server for each in reason.cells] == ["one", "two"]
    assert aside.heaps(RUN, Names())[0].verdict is Verdict.UNSUPPORTED


def test_a_skipped_cell_leads_to_what_it_depends_on() -> None:
    """And the ways of sending in which a case held are told; the matrix can be narrowed to a verdict."""
    text = html.render(Results(SCHEMA, {}, {}, ASIDE))
    assert '(<a href="#cell--one--http-a-x">http/a/x</a>)' in text
    assert "<dt>Held</dt><dd>sent whole and byte by byte</dd>" in text
    assert '<option value="skipped">cases with skipped</option>' in text
    assert re.search(r'data-is="[^"]*\bflaky\b[^"]*"', text)
    assert 'id="aside"' not in html.render(Results(SCHEMA, {}, {}, FOUND))


@pytest.mark.parametrize("name", ["x:in-process", "x"])
def test_one_of_the_two_alone_is_no_pair(name: str) -> None:
    """Whichever it is."""
    assert pairs(Results(SCHEMA, {}, {}, (cell(name, "a/x", Verdict.PASS),))) == []
