"""Every scenario on ten servers: the page, the terminal, summary.md and junit.xml stay whole, small and harmless."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree as ET

import msgspec
import pytest
from rich.console import Console

from wsgi_gauntlet.harness.model import (
    Disconnect,
    Grade,
    Metric,
    Percentile,
    Phase,
    Results,
    ScenarioResult,
    Step,
)
from wsgi_gauntlet.reports.analysis import key_findings
from wsgi_gauntlet.reports.analysis.key_figure import key_figure
from wsgi_gauntlet.reports.terminal.summary import summary
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.writers import json as output
from wsgi_gauntlet.reports.writers import junit, markdown
from wsgi_gauntlet.reports.writers.html import report_page

from ...helpers.sample_scenarios import build_scenarios
from .writers.html.test_report_page import Page


@pytest.fixture(scope="module")
def everything() -> Results:
    """All of it."""
    return build_scenarios()


@pytest.fixture(scope="module")
def text(everything: Results) -> str:
    """Its page."""
    return report_page.render(everything)


def test_the_page_is_whole_and_small(text: str, everything: Results) -> None:
    """Elements nest, nothing runs, each scenario has its block of data, and it can be mailed around."""
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {f"load/{each}" for each in everything.scenarios} <= set(page.blocks)
    assert page.elements <= report_page.MAX_STATIC_ELEMENTS
    assert page.tags["script"] == 1 + len(page.blocks)
    assert page.handlers == []
    assert "\u202e" not in text
    assert len(text) < 12_000_000 / 3


def test_a_full_run_is_thinned_out() -> None:
    """Ten times as many answers are not ten times the page."""
    few, lots = (report_page.render(build_scenarios(1, full=full)) for full in (False, True))
    assert len(lots) < 2.5 * len(few)


def test_results_without_measures_and_windows_are_read_and_drawn(everything: Results) -> None:
    """What an older program wrote has neither, nor the names of them."""
    one = msgspec.structs.replace(everything, load=everything.load[:3])
    document = msgspec.json.decode(output.render(one))
    for each in document["load"]:
        del each["metrics"], each["windows"]
    older = msgspec.json.decode(msgspec.json.encode(document), type=Results)
    assert older.load[0].metrics == ()
    assert 'id="overview"' in report_page.render(older)


@pytest.mark.parametrize(
    ("load", "shown"),
    [
        (ScenarioResult("a", "s", Grade.COLLAPSED, 0.1, 9.0, collapse=98), "N* 98"),
        (ScenarioResult("a", "s", Grade.UNAFFECTED, 1.0, 1.2), "1.2 ×"),
        (ScenarioResult("a", "s", Grade.UNAFFECTED, 1.0), "100 %"),
        (ScenarioResult("a", "s", Grade.UNAFFECTED), ""),
        (ScenarioResult("a", "s", Grade.DEGRADED, 0.9, 5.0), "90 %"),
        (ScenarioResult("a", "s", Grade.INVALID, 0.9, 5.0, collapse=1), ""),
        (ScenarioResult("a", "s", Grade.MEASURED, 1.0, steps=(Step(1, rate=50.0),)), "50/s"),
        (
            ScenarioResult(
                "a", "s", Grade.MEASURED, metrics=(Metric("a", "a", None), Metric("b", "b", 2.0, "s", True))
            ),
            "≥ 2 s",
        ),
        (ScenarioResult("a", "s", Grade.MEASURED, phases=(Phase("load", 0, 1, 1, {}, 1.0, p99=0.5),)), "500 ms"),
        (ScenarioResult("a", "s", Grade.MEASURED, 1.0), "100 %"),
    ],
)
def test_one_figure_says_most(load: ScenarioResult, shown: str) -> None:
    assert key_figure(load).replace("\u00a0", " ") == shown


@pytest.mark.parametrize(
    ("measure", "shown"),
    [
        (Metric("x", "x", None, "s", note="nobody looked"), "–"),
        (Metric("x", "x", 5.0, "s", censored=True), "≥ 5 s"),
        (Metric("x", "x", 3.0), "3"),
        (Metric("x", "x", 2.5), "2.5"),
        (Metric("x", "x", 1234.0, "requests/s"), "1,234/s"),
        (Metric("x", "x", 2048.0, "bytes"), "2 KiB"),
        (Metric("x", "x", 2048.0, "bytes", censored=True), "≥ 2 KiB"),
        (Metric("x", "x", 12.34, "%"), "12.3 %"),
        (Metric("x", "x", -0.74232, "s"), "-742 ms"),
        (Metric("x", "x", 70_281_621.0, "bytes/s"), "67 MiB/s"),
        (Metric("x", "x", 1.5, "×", censored=True), "≥ 1.5 ×"),
        (Metric("x", "x", 7.0, "connections"), "7 connections"),
        (None, "–"),
    ],
)
def test_metrics_have_units(measure: Metric | None, shown: str) -> None:
    assert labels.metric(measure).replace("\u00a0", " ") == shown


def test_a_median_of_those_who_wait_is_a_bound() -> None:
    """As soon as half of them were still waiting; the longest as soon as one was."""
    most, few, none = (
        Phase("during", 0, 1, 10, {"ok": 10 - number, "timeout": number, "error": 3}, 0.5) for number in (6, 1, 0)
    )
    assert [labels.is_lower_bound(each, 0.5) for each in (most, few, none)] == [True, False, False]
    assert [labels.is_lower_bound(each, 1) for each in (most, few, none)] == [True, True, False]


def test_how_clients_were_dropped() -> None:
    load = ScenarioResult("a", "s", Grade.UNAFFECTED, disconnect=Disconnect("408", 10.0, 256, 12))
    assert labels.disconnect(load, share=True).replace("\u00a0", " ") == "408 after 10 s (12 of 256)"
    assert labels.disconnect(msgspec.structs.replace(load, disconnect=Disconnect("RST"))) == "RST"
    assert labels.disconnect(msgspec.structs.replace(load, disconnect=Disconnect("never"))) == "never"


def _console(width: int) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=width, force_terminal=False, no_color=True), file


@pytest.mark.parametrize("width", [30, 80, 120])
@pytest.mark.parametrize("servers", [2, 10])
def test_the_closing_table_fits(width: int, servers: int) -> None:
    """A row a scenario, and none is folded; names give way to letters, and tables to more tables."""
    results = build_scenarios(servers)
    console, file = _console(width)
    summary(results, None, console, verbose=True)
    shown = file.getvalue()
    assert max(map(len, shown.splitlines())) <= width
    if width >= 80:
        assert sum(each.startswith("slow-headers/first-byte ") for each in shown.splitlines()) == 1
        assert ("A  flask" in shown) == (servers == 10)
        assert re.search(r"^slow-read .*[✓✗!⊗≈?E–]", shown, re.MULTILINE)
    assert not set(shown) & {chr(value) for value in (*range(10), *range(11, 32))}


def test_many_scenarios_with_slow_clients_have_one_sentence(everything: Results) -> None:
    shown = [each.text for each in key_findings.key_findings(everything) if each.topic == "Slow clients"]
    assert len(shown) == 1
    assert re.search(r"collapsed in \d+ of \d+ scenarios \([a-z/-]+: N\* \d+\)", shown[0])
    doubts = next(each.text for each in key_findings.key_findings(everything) if each.topic == "Not judged")
    assert re.search(r"\d+ cells of load \(the generator or the machine could not keep up\)", doubts)


def test_the_summary_for_ci_has_all_grades_and_measures(everything: Results) -> None:
    """One table, then each scenario folded away; its folds shut."""
    shown = markdown.render(everything)
    assert "| scenario | `flask` |" in shown
    assert shown.count("<details>") == shown.count("</details>")
    few = markdown.render(build_scenarios(1))
    assert "- requests lost: `flask` " in few
    assert "408 after" in few.replace("\u00a0", " ") or "RST after" in few.replace("\u00a0", " ")


def test_junit_tells_measures(everything: Results) -> None:
    root = ET.fromstring(junit.render(everything))
    shown = [each.text or "" for each in root.findall(".//testcase[@name='capacity']/system-out")]
    assert shown
    assert all(re.search(r"^capacity: (≥\u00a0)?[\d,]+/s$", each, re.MULTILINE) for each in shown)


def _phased(*phases: tuple[str, float | None], curves: tuple[str, ...] = ()) -> ScenarioResult:
    made = tuple(Phase(name, 0, 1, 1, {}, 1.0, p99=p99) for name, p99 in phases)
    return ScenarioResult(
        "a", "s", Grade.UNAFFECTED, phases=made, percentiles=tuple(Percentile(each, 50, 0.1) for each in curves)
    )


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (_phased(("baseline", 0.1), ("during", 0.2), ("recovery", 9.0)), "during"),
        (_phased(("baseline", 0.1), ("reload 1", 0.2), ("reload 2", 0.5), ("reload 3", None)), "reload 2"),
        (_phased(("before", 0.1), ("surge", None), ("after", 5.0)), "surge"),
        (_phased(("try 1", 0.5), ("try 2", 0.05), curves=("try 2", "try 2, service time")), "try 2"),
        (_phased(("baseline", 0.5)), "baseline"),
    ],
)
def test_which_phase_the_figures_are_of(load: ScenarioResult, name: str) -> None:
    """The one that the scenario is about, and of several the worst; never the time before or after it."""
    phase = labels.during(load)
    assert phase is not None
    assert phase.name == name
