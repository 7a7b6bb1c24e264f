"""The texts of a comparison, and its section of summary.md."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from wsgi_gauntlet.harness.model import (
    Candidate,
    ComparisonWord,
    FigureComparison,
    RatioInterval,
    RoundResult,
    SlotResult,
)
from wsgi_gauntlet.reports.analysis.headline import headline
from wsgi_gauntlet.reports.analysis.key_findings import key_findings
from wsgi_gauntlet.reports.text import comparison_summary as texts
from wsgi_gauntlet.reports.writers.markdown import render

from ....helpers.sample_comparison import comparison, results


def judged(ratio: RatioInterval | None, **fields: object) -> FigureComparison:
    return FigureComparison("p99", "p99", "B", ComparisonWord.BETTER, "faster", ratio=ratio, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("each", "text"),
    [
        (judged(None), "–"),
        (judged(RatioInterval(1.118, 1.09, 1.15)), "1.12 [1.09, 1.15]"),
        (judged(RatioInterval(0.0041, 0.003, 12.34)), "0.004 [0.003, 12.3]"),
        (judged(RatioInterval(250.0, 2e-5, 4e4)), "250 [2e-05, 4e+04]"),
        (judged(RatioInterval(0.5, 0.4, 0.6), baseline_bound=True), "<0.50 [0.40, 0.60]"),
        (judged(RatioInterval(2.0, 1.5, 3.0), value_bound=True), ">2.00 [1.50, 3.00]"),
        (judged(RatioInterval(0.12, -0.0001, 1.006), difference=True), "+12 [0, +100] pt"),
        (judged(RatioInterval(-0.034, -0.05, 0.02), difference=True), "-3.4 [-5.0, +2.0] pt"),
    ],
)
def test_ratios(each: FigureComparison, text: str) -> None:
    assert texts.describe_ratio(each) == text


def test_the_conclusion_has_the_differences_first_and_each_figure_once() -> None:
    made = comparison({"capacity": 2.0, "p99": 1.5, "memory": 1.0})
    (text,) = texts.conclusions(made)
    assert text.startswith("gunicorn@27.0.1 against gunicorn@23.0.0: faster: capacity (2.0")
    assert text.index("faster: capacity") < text.index("slower: p99") < text.index("no difference above 5 %: ")
    for each in made.judged:
        assert text.count(each.label) == 1


def test_open_questions_say_how_many_rounds_would_help() -> None:
    made = comparison({}, {}, number=4)
    text = texts.open_questions(made)
    assert text.startswith("More rounds that would tell 5 %: ")
    assert "capacity of B 4" in text
    hopeless = replace(made, judged=(replace(made.judged[0], more_rounds=None),))
    assert texts.open_questions(hopeless) == "More rounds that would tell 5 %: capacity of B too many."
    assert texts.open_questions(comparison({})) == ""


def test_warnings_name_reasons_once_and_blame_no_server() -> None:
    made = comparison({}, number=6)
    late = [RoundResult(1, (SlotResult("B", valid=False, why=f"sent {each} ms late"),)) for each in (2.5, 3.1)]
    found = texts.warnings(replace(made, rounds=(*late, *made.rounds), stopped="interrupted"))
    assert found[0] == "The comparison ended early: interrupted."
    assert found[1] == "2 rounds did not count; no server is to blame: sent 3.1 ms late."
    assert texts.warnings(made) == []
    assert texts.warnings(replace(made, extended=2))[0].startswith("It went on 2 times after its words could be seen.")
    disturbed = replace(made, judged=(replace(made.judged[0], noise_differs=True),))
    assert "A differs from itself in capacity" in texts.warnings(disturbed)[0]


def test_summary_md_has_the_comparison_and_no_text_of_servers_is_markup() -> None:
    hostile = "@name #1 `|<b>\n[x](y)"
    made = comparison({"capacity": 2.0})
    made = replace(
        made,
        candidates=(Candidate("A", hostile, hostile, hostile), made.candidates[1]),
        judged=tuple(replace(each, label=hostile) for each in made.judged),
        command=hostile,
    )
    text = texts.comparison_section(results(made))
    assert text.startswith("## Comparison in rounds\n")
    page = MarkdownIt("commonmark").enable("table").render(text)
    assert "@name" in page
    assert "@name" not in re.sub(r"<code>.*?</code>", "", page, flags=re.DOTALL)
    assert "<b>" not in page
    assert "<a" not in page
    assert texts.comparison_section(results()) == ""
    assert texts.comparison_section(results(made)) in render(results(made))


def test_a_run_of_comparisons_alone_has_a_headline_and_findings() -> None:
    found = results(comparison({"capacity": 2.0}))
    assert headline(found).text == "gunicorn@23.0.0 and gunicorn@27.0.1 compared in 12 rounds"
    assert [each.topic for each in key_findings(found)] == ["Compared in rounds"]
