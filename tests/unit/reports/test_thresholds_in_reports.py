"""A threshold that a cell breaks stands in every report, also in one that is made of the run again."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from wsgi_gauntlet.harness.load.thresholds import apply_thresholds
from wsgi_gauntlet.harness.model import SCHEMA, Grade, Results, ScenarioResult, ServerInfo
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.journal import Journal, LoadLine, StartLine
from wsgi_gauntlet.reports.analysis.key_findings import key_findings
from wsgi_gauntlet.reports.terminal import summary as closing
from wsgi_gauntlet.reports.writers import json, junit, markdown
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
