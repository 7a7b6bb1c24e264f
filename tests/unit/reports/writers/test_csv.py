"""cells.csv: one row for each cell."""

from __future__ import annotations

import csv
import io

import pytest

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.model.recommendation import (
    Elimination,
    FigureId,
    Recommendation,
    RecommendationCandidate,
    Stage,
)
from wsgi_gauntlet.reports.writers import csv as csv_writer

from ....helpers import sample_recommendation
from ....helpers.scoreboard_results import capacity, checks, classroom, collapse, run


def rows(results: Results) -> list[dict[str, str]]:
    """Return the rows by column."""
    return list(csv.DictReader(io.StringIO(csv_writer.render(results))))


def test_a_cell_of_each_kind_has_its_columns() -> None:
    results = run(
        classroom("a", 0.5, 5.0, censored=True),
        collapse("a", 3),
        capacity("a", 400.0),
        conformance=checks("a", security=1, broken=1),
    )
    check, room, search, rate = rows(results)
    assert tuple(check) == csv_writer.COLUMNS
    assert (check["kind"], check["version"], check["id"], check["level"], check["tags"], check["result"]) == (
        "conformance",
        "1.0",
        "http/framing/security-0",
        "must",
        "security",
        "fail",
    )
    assert check["goodput"] == ""
    assert (room["kind"], room["goodput"], room["p99"], room["p99_is_lower_bound"], room["requests"]) == (
        "load",
        "0.5",
        "5.0",
        "yes",
        "100",
    )
    assert (search["result"], search["collapse_clients"]) == ("collapsed", "3")
    assert rate["rate"] == "400.0"


def test_every_cell_of_the_sample_has_a_row(results: Results) -> None:
    found = rows(results)
    assert len(found) == len(results.conformance) + len(results.load)
    assert {each["kind"] for each in found} == {"conformance", "load"}


def test_a_variant_names_its_requirement(results: Results) -> None:
    found = {each["id"]: each["requirement"] for each in rows(results)}
    assert found["http/framing/te-obfuscated/vt"] == "http/framing/te-obfuscated"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200 OK", "200 OK"),
        ("=1+1", "'=1+1"),
        ('"=1+1', "'\"=1+1"),
        ("  @x", "'@x"),
        ("-", "'-"),
        ("a;=1", "a;'=1"),
        ("a, -1 b", "a, '-1 b"),
        ("\uff1d1", "'\uff1d1"),
        ("a-b=c", "a-b=c"),
        ("a\nb", "a b"),
    ],
)
def test_no_text_is_a_formula(text: str, expected: str) -> None:
    assert csv_writer.safe_text(text) == expected


def test_a_recommendation_has_a_row_for_each_candidate_and_figure() -> None:
    made = sample_recommendation.results()
    found = made.recommendation
    assert found is not None
    shown = [each for each in rows(made) if each["kind"] == "recommendation"]
    figures = {
        (each.candidate, which.value): figure
        for each in found.figures
        for which in FigureId
        if (figure := each.figure(which)) is not None
    }
    by_cell = {(each["server"], each["id"]): each for each in shown if each["id"]}
    assert by_cell.keys() == figures.keys()
    for key, figure in figures.items():
        row = by_cell[key]
        assert (row["value"], row["n"]) == ("" if figure.value is None else str(figure.value), str(figure.n))
        assert row["valid"] == ("yes" if figure.valid else "no")
        assert row["note"] == figure.why
    assert {each["server"] for each in shown} == {each.name for each in found.candidates}
    assert by_cell[sample_recommendation.WINNER, "capacity"]["result"] == "recommended"
    assert "no" in {each["valid"] for each in by_cell.values()}
    absent = [each for each in shown if not each["id"]]
    assert {each["server"] for each in absent} == {each.name for each in found.candidates} - {
        name for name, _ in figures
    }
    assert all(each["note"] and each["result"].startswith("out: ") and not each["n"] for each in absent)
    assert absent


def test_names_and_reasons_of_candidates_are_no_formulas() -> None:
    found = Recommendation(
        sample_recommendation.CONDITIONS,
        (RecommendationCandidate("=cmd()", "=cmd()"),),
        eliminated=(Elimination("=cmd()", Stage.START, "@sum(1)\nnext"),),
    )
    (row,) = rows(sample_recommendation.results(found))
    assert (row["server"], row["note"]) == ("'=cmd()", "'@sum(1) next")
