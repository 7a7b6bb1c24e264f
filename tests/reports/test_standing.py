"""What every report says of a run that was held against a baseline."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree as ET

import msgspec
import pytest
from rich.console import Console

from wsgi_gauntlet.harness.model import SCHEMA, Check, Expectation, Level, Results, ServerInfo, Standing, Verdict
from wsgi_gauntlet.reports import html, json, junit, markdown
from wsgi_gauntlet.reports.terminal import Terminal, summary

REASON = "<b>reported</b> *upstream*"
WHERE = "lines 3 to 7 of known.toml"
FAIL, PASS, WARN = Verdict.FAIL, Verdict.PASS, Verdict.WARN


def mark(standing: Standing, verdict: Verdict | None = FAIL, *, expired: bool = False, link: str = "") -> Expectation:
    """Return what the baseline says of a cell."""
    if verdict is None:
        return Expectation(standing)
    return Expectation(standing, verdict, REASON, link, "2026-03-01", expired, WHERE)


CELLS = {
    "met": (FAIL, mark(Standing.EXPECTED, link="https://example.org/1")),
    "met-warn": (WARN, mark(Standing.EXPECTED, WARN, link="javascript:alert(1)")),
    "new": (FAIL, mark(Standing.UNEXPECTED_FAIL, None)),
    "late": (FAIL, mark(Standing.UNEXPECTED_FAIL, expired=True)),
    "mended": (PASS, mark(Standing.UNEXPECTED_PASS)),
    "other": (Verdict.FLAKY, mark(Standing.OTHER)),
    "stale": (WARN, mark(Standing.EXPIRED, expired=True)),
    "good": (PASS, None),
}


@pytest.fixture
def held() -> Results:
    """A run of one server with a cell for each way to stand to a baseline."""
    checks = tuple(
        Check("gunicorn", f"http/framing/{name}", Level.MUST, (), verdict, expected="x", actual="y", baseline=baseline)
        for name, (verdict, baseline) in CELLS.items()
    )
    servers = {"gunicorn": ServerInfo("gunicorn", "Gunicorn", True, "27.0.1", "sync")}
    return Results(SCHEMA, {}, servers, checks, baseline="known.toml")


def test_the_terminal_tells_what_is_unexpected_alone(held: Results) -> None:
    """What is as expected is a number; the rest stands with what to do."""
    file = io.StringIO()
    summary(held, console=Console(file=file, width=200, no_color=True))
    told = file.getvalue()
    assert "2 unexpected fails and 1 unexpected pass; 2 cells as known.toml expects; 2 entries to look at." in told
    assert "Requirements broken" not in told
    assert f"gunicorn passes, and the baseline expects fail: delete {WHERE}" in told
    assert "gunicorn fails, and the baseline has no entry for it" in told
    assert f"gunicorn fails, and its entry ({WHERE}) expired on 2026-03-01: {REASON}" in told
    assert f"gunicorn flaky, and the baseline expects fail: correct {WHERE}" in told
    assert "http/framing/met" not in told
    assert re.search(r"unexpected *\ngunicorn( +\d+)+ +3 *\n", told)


def test_a_long_list_is_cut(held: Results) -> None:
    """With a word of how much is left out."""
    many = tuple(msgspec.structs.replace(held.checks[2], case=f"http/framing/{number}") for number in range(50))
    file = io.StringIO()
    summary(msgspec.structs.replace(held, checks=many), console=Console(file=file, width=200, no_color=True))
    assert "… and 20 more cells in the report" in file.getvalue()


def test_the_course_of_a_run_counts_them(held: Results) -> None:
    """At the end of the stage."""
    file = io.StringIO()
    with Terminal(Console(file=file, width=200, force_terminal=False, no_color=True)) as shown:
        shown.stage("check", len(held.checks))
        for each in held.checks:
            shown.checked(each)
        shown.stage("load", 0)
    assert "2 expected, 2 unexpected fail, 1 unexpected pass" in file.getvalue()


def test_junit_fails_for_what_is_unexpected_alone(held: Results) -> None:
    """An expected fail is skipped, with its reason; the verdicts that never failed do not now."""
    root = ET.fromstring(junit.render(held))
    assert (root.get("failures"), root.get("skipped"), root.get("errors")) == ("3", "1", "0")
    failing = {(each.get("name") or "").rpartition("/")[2] for each in root.findall(".//testcase[failure]")}
    assert failing == {"new", "late", "mended"}
    met = root.find(".//testcase[@name='http/framing/met']/skipped")
    assert met is not None
    assert met.get("message") == f"as the baseline expects: {REASON}"
    assert (met.text or "").endswith("https://example.org/1")
    mended = root.find(".//testcase[@name='http/framing/mended']/failure")
    assert mended is not None
    assert mended.get("type") == "unexpected pass"
    assert WHERE in (mended.get("message") or "")


def test_markdown_tells_them_first(held: Results) -> None:
    """And nothing of a reason is markup."""
    told = markdown.render(held)
    assert told.index("### Not as the baseline expects (known.toml)") < told.index("<details>")
    assert f"- `http/framing/mended`: gunicorn passes, and the baseline expects fail: delete {WHERE}" in told
    assert "gunicorn (as the baseline expects: \\<b\\>reported\\</b\\> \\*upstream\\*)" in told
    assert "| other | unexpected |" in told
    assert "| 3 |" in told


def test_the_page_marks_them(held: Results) -> None:
    """Reason and link beside the cell, an unexpected pass set apart from the others that passed."""
    page = html.render(held)
    assert '<option value="unexpected">' in page
    assert 'aria-label="gunicorn: pass; passes, and the baseline expects fail' in page
    assert len(re.findall(r'<details class="cell[^"]* unexpected"', page)) == 3
    assert len(re.findall(r'<details class="cell[^"]* expected"', page)) == 2
    assert '<details class="cell quiet unexpected"' not in page
    assert "As the baseline expects: &lt;b&gt;reported&lt;/b&gt; *upstream*" in page
    assert '<a href="https://example.org/1"' in page
    assert 'href="javascript' not in page


def test_without_a_baseline_nothing_is_said_of_one(held: Results) -> None:
    """As before there were any."""
    plain = msgspec.structs.replace(
        held, baseline="", checks=tuple(msgspec.structs.replace(each, baseline=None) for each in held.checks)
    )
    file = io.StringIO()
    summary(plain, console=Console(file=file, width=200))
    for text in (file.getvalue(), markdown.render(plain), junit.render(plain)):
        assert "baseline" not in text
        assert "unexpected" not in text
    assert "Requirements broken" in file.getvalue()
    assert 'value="unexpected"' not in html.render(plain)


def test_it_is_in_the_document_and_read_again(held: Results) -> None:
    """Also where an older program wrote none."""
    text = json.render(held)
    assert msgspec.json.decode(text, type=Results).checks[0].baseline == CELLS["met"][1]
    assert '"baseline":"known.toml"' in text
