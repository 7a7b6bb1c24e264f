"""Which charts a run has: those for which it has data, each with its table, date and versions."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import SCHEMA, Cost, Grade, Metric, Results, ScenarioInfo, ScenarioResult, ServerInfo
from wsgi_gauntlet.reports.charts.palette import DARK, LIGHT
from wsgi_gauntlet.reports.charts.run_charts import run_charts
from wsgi_gauntlet.reports.charts.run_note import RunNote, run_note
from wsgi_gauntlet.reports.charts.scenario_charts import scenario_charts
from wsgi_gauntlet.reports.writers import json, readme_picture

from ....helpers.sample_results import build
from ....helpers.sample_scenarios import build_scenarios
from .svg_reading import texts

INFO = ScenarioInfo("s", "A scenario", "")


def names(*loads: ScenarioResult) -> list[str]:
    return [each.name for each in scenario_charts(INFO, loads, RunNote())]


def test_the_charts_of_a_run(results: Results) -> None:
    """In the order of a reader: N*, requirements, then each scenario."""
    charts = run_charts(results)
    first = [f"classroom/{each}" for each in ("strips", "latency", "percentiles")]
    assert list(charts)[:5] == ["slow-clients", "requirements", *first]
    assert {"throughput/rate", "throughput/p99", "slow-headers/byte/goodput"} <= set(charts)
    assert len({each.file_stem for each in charts.values()}) == len(charts)


def test_each_chart_has_its_data_date_and_versions(results: Results) -> None:
    """The caption names the date and the program. A version stands beside each server, or in the caption."""
    for each in run_charts(results).values():
        table = each.table()
        assert table.rows, each.name
        assert {len(row) for row in table.rows} == {len(table.heads)}, each.name
        for drawn in (each.wide, each.narrow):
            ET.fromstring(drawn)
            shown = " ".join(text.text for text in texts(drawn))
            assert "2026-11-22" in shown, each.name
            assert "wsgi-gauntlet 0.1.0" in shown, each.name
    versioned = " ".join(text.text for text in texts(run_charts(results)["slow-clients"].wide))
    assert "27.0.1" in versioned


def test_a_run_without_load_has_requirements_only() -> None:
    assert list(run_charts(build(loads=False))) == ["requirements"]
    assert run_charts(Results(SCHEMA, {}, {})) == {}


def test_every_sample_scenario_has_a_chart() -> None:
    results = build_scenarios(3)
    charts = run_charts(results)
    for scenario in results.scenarios:
        if any(each.scenario == scenario and each.grade.is_judged for each in results.load):
            assert any(name.startswith(f"{scenario}/") for name in charts), scenario


def test_a_measured_scenario_has_a_chart_of_its_first_metric() -> None:
    """It compares servers, so it needs two."""
    loads = [
        ScenarioResult(name, "s", Grade.MEASURED, metrics=(Metric("rate", "rate", 5.0, "requests/s"),)) for name in "ab"
    ]
    assert names(*loads) == ["s/metric"]
    assert names(loads[0]) == []
    judged = ScenarioResult("c", "s", Grade.DEGRADED)
    assert names(*loads, judged) == []


def test_costs_are_of_one_client() -> None:
    """A server that held no client has no bar. A cost that is 0 everywhere has no chart."""
    loads = [
        ScenarioResult("a", "s", Grade.UNAFFECTED, cost=Cost(4, 8192, 8, 1)),
        ScenarioResult("b", "s", Grade.UNAFFECTED, cost=Cost(4, -8192, 0, 0)),
        ScenarioResult("c", "s", Grade.UNAFFECTED, cost=Cost(0)),
    ]
    memory, descriptors, threads = scenario_charts(INFO, loads, RunNote())
    assert [each[1].replace("\u00a0", " ") for each in memory.table().rows] == ["-2 KiB", "2 KiB"]
    assert descriptors.table().rows == [["b", "0"], ["a", "2"]]
    assert threads.table().rows == [["b", "0"], ["a", "0.25"]]
    assert names(loads[2]) == []


def test_the_note_of_a_run() -> None:
    environment = {
        "date": "2026-11-28T10:00:00+00:00",
        "processor": "AMD",
        "cores": 1,
        "python": "3.11",
        "program": "p 1",
    }
    load = ScenarioResult("remote", "s", Grade.MEASURED, conditions={"version": "7"})
    results = Results(SCHEMA, environment, {"a": ServerInfo("a", "A", True, "1.0")}, load=(load,))
    note = run_note(results)
    assert note.caption == "2026-11-28 · AMD · 1 core · Python 3.11 · p 1"
    assert note.short == "2026-11-28 · p 1"
    assert note.with_versions(["a", "remote"]) == f"{note.caption} · a 1.0, remote 7"
    assert note.with_versions(["a"] * 7) == note.caption
    assert run_note(Results(SCHEMA, {}, {})).caption == ""


def test_the_picture_is_a_file_of_its_own(results: Results, tmp_path: Path) -> None:
    """In light and dark, written by the command from a run folder."""
    (tmp_path / "results.json").write_text(json.render(results))
    assert readme_picture.main([str(tmp_path), str(tmp_path)]) == 0
    light, dark = (tmp_path / name for name in ("classroom.svg", "classroom-dark.svg"))
    assert light.read_text() == readme_picture.picture(results, LIGHT)
    assert DARK["paper"] in dark.read_text()
    ET.fromstring(light.read_text())


def test_no_samples_no_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that says what to do."""
    with pytest.raises(ConfigurationError, match="no scenario with samples"):
        readme_picture.picture(build(loads=False), LIGHT)
    assert readme_picture.main([]) == 2
    assert readme_picture.main([str(tmp_path), "x"]) == 2
    assert "cannot read" in capsys.readouterr().err
