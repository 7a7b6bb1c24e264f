"""What every report says of a run that was held against a baseline."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree as ET

import msgspec
import pytest
from rich.console import Console

from wsgi_gauntlet.harness.events import CaseFinished, StageStarted
from wsgi_gauntlet.harness.model import (
    SCHEMA,
    BaselineExpectation,
    BaselineStatus,
    CaseResult,
    Level,
    Results,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.reports.terminal.progress import ProgressDisplay
from wsgi_gauntlet.reports.terminal.summary import summary
from wsgi_gauntlet.reports.writers import json, junit, markdown
from wsgi_gauntlet.reports.writers.html import report_page

REASON = "<b>reported</b> *upstream*"
WHERE = "lines 3 to 7 of known.toml"
FAIL, PASS, WARN = Verdict.FAIL, Verdict.PASS, Verdict.WARN


def mark(
    standing: BaselineStatus, verdict: Verdict | None = FAIL, *, expired: bool = False, link: str = ""
) -> BaselineExpectation:
    """Return what the baseline says of a cell."""
    if verdict is None:
        return BaselineExpectation(standing)
    return BaselineExpectation(standing, verdict, REASON, link, "2026-03-01", expired, WHERE)


CELLS = {
    "met": (FAIL, mark(BaselineStatus.EXPECTED, link="https://example.org/1")),
    "met-warn": (WARN, mark(BaselineStatus.EXPECTED, WARN, link="javascript:alert(1)")),
    "new": (FAIL, mark(BaselineStatus.UNEXPECTED_FAIL, None)),
    "late": (FAIL, mark(BaselineStatus.UNEXPECTED_FAIL, expired=True)),
    "mended": (PASS, mark(BaselineStatus.UNEXPECTED_PASS)),
    "other": (Verdict.FLAKY, mark(BaselineStatus.OTHER)),
    "stale": (WARN, mark(BaselineStatus.EXPIRED, expired=True)),
    "good": (PASS, None),
}


@pytest.fixture
def baseline_results() -> Results:
    """A run of one server with a cell for each way to stand to a baseline."""
    checks = tuple(
        CaseResult(
            "gunicorn", f"http/framing/{name}", Level.MUST, (), verdict, expected="x", actual="y", baseline=baseline
        )
        for name, (verdict, baseline) in CELLS.items()
    )
    servers = {"gunicorn": ServerInfo("gunicorn", "Gunicorn", True, "27.0.1", "sync")}
    return Results(SCHEMA, {}, servers, checks, baseline="known.toml")


def test_the_terminal_tells_what_is_unexpected_alone(baseline_results: Results) -> None:
    """What is as expected is a number; the rest stands with what to do."""
    file = io.StringIO()
    summary(baseline_results, console=Console(file=file, width=200, no_color=True), verbose=True)
    output = file.getvalue()
    assert "2 unexpected fails and 1 unexpected pass; 2 cells as known.toml expects; 2 entries to check." in output
    assert "Requirements broken" not in output
    assert f"gunicorn passes, but the baseline expects fail: delete {WHERE}" in output
    assert "gunicorn fails, and the baseline has no entry for it" in output
    assert f"gunicorn fails, and its entry ({WHERE}) expired on 2026-03-01: {REASON}" in output
    assert f"gunicorn flaky, but the baseline expects fail: correct {WHERE}" in output
    assert "http/framing/met" not in output
    assert re.search(r"unexpected *\ngunicorn( +\d+)+ +3 *\n", output)


def test_a_long_list_is_cut(baseline_results: Results) -> None:
    """With a word of how much is left out."""
    many = tuple(
        msgspec.structs.replace(baseline_results.conformance[2], case=f"http/framing/{number}") for number in range(50)
    )
    file = io.StringIO()
    summary(
        msgspec.structs.replace(baseline_results, conformance=many),
        console=Console(file=file, width=200, no_color=True),
        verbose=True,
    )
    assert "… and 20 more cells in the report" in file.getvalue()


def test_the_course_of_a_run_counts_them(baseline_results: Results) -> None:
    """At the end of the stage."""
    file = io.StringIO()
    with ProgressDisplay(Console(file=file, width=200, force_terminal=False, no_color=True)) as shown:
        shown.handle(StageStarted("check", len(baseline_results.conformance)))
        for each in baseline_results.conformance:
            shown.handle(CaseFinished(each))
        shown.handle(StageStarted("load", 0))
    assert "2 expected, 2 unexpected fail, 1 unexpected pass" in file.getvalue()


def test_junit_fails_for_what_is_unexpected_alone(baseline_results: Results) -> None:
    """An expected fail is skipped, with its reason; the verdicts that never failed do not now."""
    root = ET.fromstring(junit.render(baseline_results))
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


def test_markdown_tells_them_first(baseline_results: Results) -> None:
    """And nothing of a reason is markup."""
    output = markdown.render(baseline_results)
    assert output.index("## What changed\n\nAgainst `known.toml`: 2 new failures") < output.index("## Scoreboard")
    assert (
        f"- Fixed: `http/framing/mended` on `gunicorn`: passes, but the baseline expects fail: delete {WHERE}" in output
    )
    assert "`gunicorn` (`as the baseline expects: <b>reported</b> *upstream*`)" in output


def test_the_page_begins_with_the_new_failures(baseline_results: Results) -> None:
    """An unexpected pass is fixed. The links of entries are in the data, and no link of the page."""
    page = report_page.render(baseline_results)
    changed = page[page.index('id="changed"') :].partition("</section>")[0]
    assert changed.startswith('id="changed">2 new failures against known.toml<')
    assert changed.count("<article") == 2
    assert "<summary>1 requirement fixed</summary>" in changed
    assert "gunicorn: passes, but the baseline expects fail" in changed
    assert 'href="javascript' not in page


def test_without_a_baseline_nothing_is_said_of_one(baseline_results: Results) -> None:
    """As before there were any."""
    plain = msgspec.structs.replace(
        baseline_results,
        baseline="",
        conformance=tuple(msgspec.structs.replace(each, baseline=None) for each in baseline_results.conformance),
    )
    file = io.StringIO()
    summary(plain, console=Console(file=file, width=200), verbose=True)
    for text in (file.getvalue(), markdown.render(plain), junit.render(plain)):
        assert "baseline" not in text
        assert "unexpected" not in text
    assert "Broken requirements" in file.getvalue()
    assert 'id="changed"' not in report_page.render(plain)


def test_it_is_in_the_document_and_read_again(baseline_results: Results) -> None:
    """Also where an older program wrote none."""
    text = json.render(baseline_results)
    assert msgspec.json.decode(text, type=Results).conformance[0].baseline == CELLS["met"][1]
    assert '"baseline":"known.toml"' in text
