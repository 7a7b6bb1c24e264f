"""A threshold that a cell breaks stands in every report, also in one that is made of the run again."""

from __future__ import annotations

from csv import reader
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from wsgi_gauntlet.harness import exit_codes
from wsgi_gauntlet.harness.load.thresholds import apply_thresholds
from wsgi_gauntlet.harness.model import SCHEMA, Grade, Results, ScenarioResult, ServerInfo
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.journal import Journal, LoadLine, StartLine
from wsgi_gauntlet.reports.analysis.key_findings import key_findings
from wsgi_gauntlet.reports.terminal import summary as closing
from wsgi_gauntlet.reports.writers import csv, github_annotations, json, junit, markdown
from wsgi_gauntlet.reports.writers.html import report_page

CELL = apply_thresholds(
    {"goodput": 0.99}, ScenarioResult("waitress", "churn", Grade.DEGRADED, goodput=0.9, note="Some were lost.")
)
MESSAGE = "goodput 0.9 is below 0.99"


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """As `report` reads them from the journal."""
    with Journal.open(tmp_path / "run") as book:
        book.write(StartLine(SCHEMA, {}, {}, {}))
        book.write(journal.ServerLine(ServerInfo("waitress", "waitress", True)))
        book.write(LoadLine(CELL))
    return journal.read(tmp_path / "run")


def test_it_is_a_failure_for_a_ci_system(results: Results) -> None:
    suite = ET.fromstring(junit.render(results)).find("testsuite")
    assert suite is not None
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "0")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == f"threshold broken: {MESSAGE}"
    assert "Some were lost." in (failure.text or "")


def test_every_report_tells_it(results: Results, tmp_path: Path) -> None:
    assert any(each.topic == "Thresholds" and MESSAGE in each.text for each in key_findings(results))
    written = markdown.render(results)
    assert "## Broken thresholds\n\n- `waitress` in `churn`: `goodput 0.9 is below 0.99` (`thresholds`)" in written
    assert MESSAGE in report_page.render(results)
    shown = StringIO()
    closing.summary(results, console=Console(file=shown, width=200), verbose=True)
    assert MESSAGE in shown.getvalue()
    (tmp_path / "results.json").write_text(json.render(results))
    assert json.load(tmp_path).load == results.load
    assert results.load[0].broken[0].limit == 0.99


def test_of_many_the_servers_are_named() -> None:
    loads = tuple(
        apply_thresholds({"goodput": 0.99}, ScenarioResult(server, scenario, Grade.DEGRADED, goodput=0.9))
        for server in ("a", "b")
        for scenario in ("churn", "large", "mixed")
    )
    found = Results(SCHEMA, {}, {each: ServerInfo(each, "s", True) for each in "ab"}, load=loads)
    (text,) = [each.text for each in key_findings(found) if each.topic == "Thresholds"]
    assert text == "6 are broken by a and b."


UNCHECKED = (
    apply_thresholds({"churn": {"p99": 0.5}}, ScenarioResult("waitress", "churn", Grade.INCONCLUSIVE, goodput=1.0)),
    apply_thresholds({"goodput": 0.5}, ScenarioResult("waitress", "large", Grade.UNSUPPORTED, note="No.")),
    apply_thresholds({"goodput": 0.5}, ScenarioResult("waitress", "mixed", Grade.UNAFFECTED, goodput=1.0)),
)
REASON = "p99 of at most 0.5 s was not checked: the cell is inconclusive"


def test_a_threshold_that_was_not_checked_is_in_every_output() -> None:
    found = Results(SCHEMA, {}, {"waitress": ServerInfo("waitress", "waitress", True)}, load=UNCHECKED)
    assert exit_codes.exit_code(found, interrupted=False, failed_to_start=False) == 3
    suite = ET.fromstring(junit.render(found)).find("testsuite")
    assert suite is not None
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("0", "1", "1")
    error = suite.find("testcase/error")
    assert error is not None
    assert error.get("message") == f"threshold not checked: {REASON}"
    assert f"threshold not checked: {REASON}" in github_annotations.render(found)
    assert "::error" in github_annotations.render(found)
    written = markdown.render(found)
    assert f"## Thresholds that were not checked\n\n- `waitress` in `churn`: `{REASON}` (`thresholds.churn`)" in written
    assert "Thresholds: 2 not checked, 1 met." in written
    assert REASON in report_page.render(found)
    shown = StringIO()
    closing.summary(found, console=Console(file=shown, width=200))
    assert f"threshold not checked: waitress churn: {REASON}" in shown.getvalue()
    assert "Thresholds: 2 not checked, 1 met." in shown.getvalue()
    rows = list(reader(StringIO(csv.render(found)), dialect="excel"))
    columns = [rows[0].index(name) for name in ("thresholds_broken", "thresholds_not_checked", "thresholds_met")]
    assert [[row[place] for place in columns] for row in rows[1:]] == [
        ["", REASON, ""],
        ["", "goodput of at least 0.5 was not checked: the cell is unsupported", ""],
        ["", "", "goodput"],
    ]


def test_a_scenario_that_is_not_for_a_server_does_not_fail_a_run() -> None:
    found = Results(SCHEMA, {}, {"waitress": ServerInfo("waitress", "waitress", True)}, load=UNCHECKED[1:])
    assert exit_codes.exit_code(found, interrupted=False, failed_to_start=False) == 0


def test_a_broken_threshold_is_in_the_table_of_cells(results: Results) -> None:
    assert f",{MESSAGE},," in csv.render(results)
