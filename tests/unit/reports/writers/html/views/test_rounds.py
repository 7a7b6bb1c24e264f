"""The data of the view of comparisons in rounds."""

from __future__ import annotations

import json

from msgspec.structs import replace

from wsgi_gauntlet.harness.model import Candidate, RoundResult, SlotResult
from wsgi_gauntlet.reports.writers.html.report_page import render
from wsgi_gauntlet.reports.writers.html.views.rounds import VIEW, interval_rows

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
    assert shown["rounds"][0][:3] == [1, "A", "invalid: busy"]
    assert [row[-1] for row in shown["rounds"]] == [False, *[True] * 6]
    assert {len(row) for row in shown["rounds"]} == {len(shown["round_heads"]) + 1}
    assert {len(row) for row in shown["judged"]} == {len(shown["heads"]) + 1}
    assert [letter for letter, _, _ in shown["charts"]] == ["B", "C"]
    assert shown["command"].endswith("--seed 1")


def test_the_noise_floor_is_always_drawn_and_shares_have_no_ratio() -> None:
    rows = interval_rows(comparison({"capacity": 2.0, "served": 1.5}), "B")
    by_label = {each.label: each for each in rows}
    assert by_label["capacity"].word == "faster"
    assert by_label["capacity, A / A"].noise
    assert not by_label["users served"].known
    assert by_label["users served"].word == "more users (+25 pt)"


def test_the_page_is_written_and_hostile_names_are_escaped() -> None:
    made = comparison({"capacity": 2.0}, number=6)
    name = "<script>alert(1)</script>\x1b\u202e"
    page = render(results(replace(made, candidates=(Candidate("A", name, name), made.candidates[1]))))
    assert 'data-block="view/rounds"' in page
    assert "<script>alert" not in page
    assert "\u202e" not in page
