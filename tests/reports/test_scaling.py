"""Worker counts side by side: the capacity that each came to."""

from __future__ import annotations

from typing import Any

from wsgi_gauntlet.harness.model import SCHEMA, Grade, Load, Measure, Results, ServerInfo
from wsgi_gauntlet.reports import words
from wsgi_gauntlet.reports.answer import answer
from wsgi_gauntlet.reports.markdown import render
from wsgi_gauntlet.reports.scaling import scaled


def cell(server: str, rate: float | None, *, bound: bool = False, **more: Any) -> Load:
    measures = (Measure("capacity", rate, "requests/s", censored=bound),)
    return Load(server, "capacity", **{"grade": Grade.MEASURED, "measures": measures, **more})


def results(*loads: Load) -> Results:
    return Results(SCHEMA, {}, {each.server: ServerInfo(each.server, "s", True) for each in loads}, loads=loads)


def test_numbers_of_workers_stand_beside_each_other_the_fewest_first() -> None:
    (found,) = scaled(
        [cell("gunicorn[workers=4]", 3400.0), cell("gunicorn[workers=1]", 900.0), cell("waitress", 900.0)]
    )
    assert found.server == "gunicorn"
    assert found.told == "1 worker 900/s, 4 workers 3,400/s (3.8 times as much)"


def test_a_default_is_known_from_the_cell_s_conditions() -> None:
    (found,) = scaled([cell("gunicorn", 900.0, conditions={"workers": 1}), cell("gunicorn[workers=2]", 1800.0)])
    assert [workers for workers, _ in found.figures] == [1, 2]


def test_servers_that_differ_in_more_are_not_compared() -> None:
    assert not scaled([cell("gunicorn[workers=4,threads=2]", 3400.0), cell("gunicorn[workers=1]", 900.0)])
    assert not scaled([cell("gunicorn:sync[workers=4]", 3400.0), cell("gunicorn:gthread[workers=1]", 900.0)])
    assert not scaled([cell("nginx+gunicorn[workers=4]", 3400.0), cell("gunicorn[workers=1]", 900.0)])


def test_what_was_not_measured_is_not_compared() -> None:
    one = cell("gunicorn[workers=1]", 900.0)
    assert not scaled([one, cell("gunicorn[workers=4]", None)])
    assert not scaled([one, cell("gunicorn[workers=4]", 3400.0, grade=Grade.INVALID)])
    (found,) = scaled([one, cell("gunicorn[workers=4]", 3400.0, bound=True)])
    assert "(at least 3.8 times as much)" in found.told


def test_the_table_and_the_answer_have_it() -> None:
    both = results(cell("gunicorn[workers=1]", 900.0), cell("gunicorn[workers=4]", 3400.0))
    (told,) = (each.text for each in answer(both) if each.lead == "Workers")
    assert told == "gunicorn: 1 worker 900/s, 4 workers 3,400/s (3.8 times as much)."
    page = render(both)
    assert "measured, 900/s |" in page
    assert "- workers of gunicorn: 1 worker 900/s, 4 workers 3,400/s" in page


def test_a_cell_s_one_rate() -> None:
    assert words.rated(cell("a", 900.0, bound=True)) == "≥\u00a0900/s"
    assert words.rated(cell("a", None)) == words.MISSING
