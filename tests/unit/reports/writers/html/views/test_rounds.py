"""The data of the view of comparisons in rounds."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness.model import Candidate, RoundResult, SlotResult
from wsgi_gauntlet.reports.charts.comparison_charts import interval_rows
from wsgi_gauntlet.reports.charts.run_charts import run_charts
from wsgi_gauntlet.reports.writers.html.report_page import render
from wsgi_gauntlet.reports.writers.html.views.rounds import VIEW

from ......helpers.sample_comparison import comparison, results


def test_a_run_without_comparisons_has_no_view() -> None:
    assert VIEW.block(results()) is None


def test_every_round_has_a_row_and_invalid_rounds_their_reason() -> None:
    made = comparison({"capacity": 2.0}, {"capacity": 1.0}, number=6)
    broken = RoundResult(1, (SlotResult("A", valid=False, why="busy"),))
    data = VIEW.block(results(replace(made, rounds=(broken, *made.rounds))))
    assert data is not None
    (shown,) = json.loads(json.dumps(data["comparisons"]))
    assert len(shown["rounds"]) == 7
    assert shown["rounds"][0][:3] == ["1", "A", "invalid: busy"]
    assert [row[-1] for row in shown["rounds"]] == [False, *[True] * 6]
    assert {len(row) for row in shown["rounds"]} == {len(shown["round_heads"]) + 1}
    assert {len(row) for row in shown["judged"]} == {len(shown["heads"]) + 1}
    assert [each["name"] for each in shown["charts"]] == [
        "compare/B", "compare/B/points", "compare/C", "compare/C/points",
    ]  # fmt: skip
    assert shown["names"] == ["gunicorn@23.0.0", "gunicorn@27.0.1", "waitress"]
    assert [row[-1] for row in shown["judged"]][:2] == ["good", ""]
    assert shown["command"].endswith("--seed 1")


def test_the_noise_floor_is_always_drawn_and_shares_have_a_chart_of_points() -> None:
    made = comparison({"capacity": 2.0, "p99": 2.0, "memory": 0.5, "served": 1.5})
    by_label = {each.label: each for each in interval_rows(made, "B")}
    assert (by_label["capacity"].word, by_label["capacity"].colour) == ("faster", "good")
    assert (by_label["p99"].word, by_label["p99"].colour) == ("slower", "bad")
    assert (by_label["peak memory"].word, by_label["peak memory"].colour) == ("less memory", "good")
    assert by_label["capacity, A / A"].noise
    assert "users served" not in by_label
    served, noise = interval_rows(made, "B", difference=True)
    assert (served.word, served.estimate, served.colour) == ("more users", 0.25, "good")
    assert noise.noise


def test_charts_of_several_comparisons_have_names_of_their_own() -> None:
    charts = run_charts(results(comparison({}, number=6), comparison({}, seed=2, number=6)))
    assert list(charts) == ["compare/B", "compare/B/points", "compare-2/B", "compare-2/B/points"]
    assert "gunicorn@27.0.1 (1.0)" in charts["compare/B"].wide


@pytest.mark.parametrize("threshold", [0.001, 0.025, 1.0])
def test_every_threshold_that_the_command_takes_can_be_drawn(threshold: float) -> None:
    assert VIEW.block(results(comparison({"capacity": 2.0}, threshold=threshold)))


def test_a_comparison_without_a_valid_round_is_shown() -> None:
    empty = replace(comparison({}), rounds=(), judged=())
    data = VIEW.block(results(empty))
    assert data is not None
    assert data["comparisons"][0]["charts"] == []  # type: ignore[index]


def test_the_page_is_written_and_hostile_names_are_escaped() -> None:
    made = comparison({"capacity": 2.0}, number=6)
    name = "<script>alert(1)</script>\x1b\u202e"
    page = render(results(replace(made, candidates=(Candidate("A", name, name), made.candidates[1]))))
    assert 'data-block="view/rounds"' in page
    assert "<script>alert" not in page
    assert "\u202e" not in page
