"""Every scenario on ten servers: the page, the terminal, summary.md and junit.xml stay whole, small and harmless."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree as ET

import msgspec
import pytest
from rich.console import Console

from wsgi_gauntlet.harness.model import (
    Cost,
    Disconnect,
    Grade,
    Metric,
    Outcome,
    Percentile,
    Phase,
    Results,
    Sample,
    ScenarioResult,
    Step,
    Window,
)
from wsgi_gauntlet.reports.analysis import key_findings
from wsgi_gauntlet.reports.analysis.key_figure import key_figure
from wsgi_gauntlet.reports.charts import bars, curves, panels, samples, svg
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


def _tailed(*outcomes: Outcome, exact: bool = True) -> ScenarioResult:
    kept = tuple(Sample(float(at), 0.1 * (at + 1), 0.1, each) for at, each in enumerate(outcomes))
    counts = {each.value: outcomes.count(each) for each in set(outcomes)}
    curve = tuple(Percentile("during", each, 0.1 + each / 50) for each in (0.0, 50.0, 90.0, 99.0, 99.99, 99.999))
    phase = Phase("during", 0, 100, len(outcomes), counts, 0.5)
    return ScenarioResult("a", "s", Grade.DEGRADED, phases=(phase,), percentiles=curve, samples=kept if exact else ())


@pytest.mark.parametrize("exact", [True, False])
def test_a_tail_that_waits_is_a_bound(exact: bool) -> None:
    """From the first request on that was still waiting: from the samples, or by what the phase counted."""
    load = _tailed(*[Outcome.OK] * 6, *[Outcome.TIMEOUT] * 2, *[Outcome.UNFINISHED] * 2, Outcome.ERROR, exact=exact)
    latency_curve = curves.latency_curve(load)
    assert latency_curve.exact == pytest.approx(60)
    assert max(percentile for percentile, _ in latency_curve.points) == 99.99
    drawn = svg.inline(curves.percentiles([load]), "x", "x")
    assert "lower bound" in drawn
    assert "99.99 %" in drawn
    sure = curves.percentiles([_tailed(*[Outcome.OK] * 6, exact=exact)])
    assert "lower bound" not in sure


def test_windows_are_lines_that_break() -> None:
    """Where nothing was answered there is no latency; what was due is above what was answered."""
    windows = tuple(
        Window(
            float(at), 1.0, 100.0, 0.0 if at == 2 else 0.9, None if at == 2 else 0.01, None if at == 2 else 0.1, 9, 3
        )
        for at in range(5)
    )
    load = ScenarioResult("a", "reload", Grade.DEGRADED, windows=windows, slow_clients=((0.0, 2), (4.0, 0)))
    shared = samples.shared_axes([load])
    assert (shared.last, shared.rate, shared.rss, shared.descriptors, shared.slow_clients) == (5.0, 100.0, 9, 3, 2)
    drawn = svg.inline(panels.over_time(load, shared), "x", "x")
    assert "100/s" in drawn
    assert "9 B" in drawn.replace("\u00a0", " ")
    assert "2 slow" in drawn
    bare = msgspec.structs.replace(load, windows=(), slow_clients=())
    assert len(panels.over_time(bare, shared)) < len(panels.over_time(load, shared))


def test_costs_are_of_one_client() -> None:
    """What shrank meanwhile costs nothing; who held no client has no row."""
    paid = ScenarioResult("a", "s", Grade.UNAFFECTED, cost=Cost(4, 8192, 8, 1))
    less = ScenarioResult("b", "s", Grade.UNAFFECTED, cost=Cost(4, -8192, 0, 0))
    none = ScenarioResult("c", "s", Grade.UNAFFECTED, cost=Cost(0))
    drawn = svg.inline(bars.costs([paid, less, none]), "x", "x").replace("\u00a0", " ")
    assert ">2 KiB</text>" in drawn
    assert ">-2 KiB</text>" in drawn
    assert ">0.25</text>" in drawn
    assert ">c</text>" not in drawn


def test_the_slowest_answers_are_never_thinned_out() -> None:
    """They are what a reader looks for."""
    good = [Sample(number / 100, 0.001 + (number % 7) / 1e5, 0.001, Outcome.OK) for number in range(9000)]
    slow = [Sample(number + 0.5, 0.9, 0.9, Outcome.OK) for number in range(80)]
    kept = samples.downsample(good + slow, 300)
    assert sum(each.latency == 0.9 for each in kept) == 80
    assert len(kept) <= 302


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


def test_a_curve_may_span_phases() -> None:
    """Then it has a name of its own, and is one of a kind; what counts from the send itself is another."""
    load = _phased(("up", 0.1), ("past", 0.2), curves=("ramp", "ramp, service time"))
    assert curves.latency_curve(load).phase == "ramp"
    assert curves.latency_curve(load).points == [(50, 0.1)]
    assert curves.latency_curve(_phased(("up", 0.1), curves=("a", "b"))).points == []


def test_all_servers_begin_at_the_left() -> None:
    """Also one whose first round was thrown away."""
    first = ScenarioResult("a", "s", Grade.UNAFFECTED, phases=(Phase("during", 1, 5, 1, {}, 1.0),))
    again = msgspec.structs.replace(
        first, phases=(Phase("during", 31, 35, 1, {}, 1.0),), slow_clients=((31.0, 3), (33.0, 0))
    )
    shared = samples.shared_axes([first, again])
    assert shared.last == 4
    assert panels.time_scale(again, shared, 0, 4)(33) == 2
    assert panels.slow_client_intervals(again, shared) == [(31, 33, 3), (33, 35, 0)]


def test_a_measured_scenario_has_a_chart_of_its_first_figure() -> None:
    """All servers side by side, what is no finding hollow."""
    loads = [
        ScenarioResult("a", "s", Grade.MEASURED, metrics=(Metric("rate", "rate", 5.0, "requests/s", True),)),
        ScenarioResult("b", "s", Grade.INVALID, metrics=(Metric("rate", "rate", 9.0, "requests/s"),)),
    ]
    drawn = svg.inline(bars.metrics(loads, "rate"), "x", "x").replace("\u00a0", " ")
    assert ">≥ 5.0/s</text>" in drawn
    assert ">9.0/s  invalid</text>" in drawn
    assert drawn.index(">b</text>") < drawn.index(">a</text>")
