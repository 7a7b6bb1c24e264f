"""The charts of a recommendation: the frontier, invalid figures, limits, and odd numbers."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness.model import SCHEMA, Results
from wsgi_gauntlet.harness.model.recommendation import (
    Answer,
    CandidateFigures,
    MeasuredFigure,
    RatePoint,
    Recommendation,
    RecommendationCandidate,
)
from wsgi_gauntlet.reports.charts.chart import Chart
from wsgi_gauntlet.reports.charts.frontier_plot import FrontierPoint, frontier, frontier_plot
from wsgi_gauntlet.reports.charts.line_plot import Axes, Limit
from wsgi_gauntlet.reports.charts.palette import LIGHT
from wsgi_gauntlet.reports.charts.recommendation_charts import (
    CAPACITY_AND_MEMORY,
    MAX_ROWS,
    P99_BY_RATE,
    USERS,
    frontier_points,
    recommendation_charts,
    users_rows,
)
from wsgi_gauntlet.reports.charts.run_charts import run_charts
from wsgi_gauntlet.reports.charts.shapes import DOTTED, Marks, Text
from wsgi_gauntlet.reports.charts.text_width import text_width

from ....helpers.sample_recommendation import (
    CONDITIONS,
    EQUAL,
    LATE,
    MIXED,
    SLOW,
    WINNER,
    measured,
    recommendation,
    results,
)


def charts(found: Recommendation | None = None) -> dict[str, Chart]:
    return {each.name: each for each in recommendation_charts(results(found))}


def many(number: int) -> Recommendation:
    """Return a search with `number` candidates on one curve, so that all of them are on the frontier."""
    names = [f"server-{each}[workers={each}]" for each in range(number)]
    return Recommendation(
        CONDITIONS,
        tuple(RecommendationCandidate(each, each) for each in names),
        Answer.RECOMMENDED,
        winner=names[0],
        finalists=tuple(names[:2]),
        figures=tuple(
            CandidateFigures(
                each, measured(100.0 + place), goodput_alone=measured(1, 0), memory=measured(1e6 * (1 + place))
            )
            for place, each in enumerate(names)
        ),
    )


@pytest.mark.parametrize(
    ("points", "best"),
    [
        ([("a", 1, 10), ("b", 2, 20), ("c", 3, 15)], ["a", "b"]),
        ([("a", 1, 10), ("same", 1, 10), ("less", 1, 9)], ["a", "same"]),
        ([("cheap", 1, 10), ("dear", 2, 10)], ["cheap"]),
        ([("none", None, 10), ("half", 2, None)], []),
        ([("zero", 0, 0), ("a", 1, 1)], ["zero", "a"]),
        ([], []),
    ],
)
def test_nobody_beats_the_frontier(points: list[tuple[str, float | None, float | None]], best: list[str]) -> None:
    found = frontier([FrontierPoint(name, cost, gain) for name, cost, gain in points])
    assert [each.name for each in found] == best


def test_wrong_responses_are_never_on_the_frontier() -> None:
    points = [FrontierPoint("wrong", 1, 50, solid=False, on_frontier=False), FrontierPoint("right", 2, 40)]
    assert [each.name for each in frontier(points)] == ["right"]
    found = recommendation()
    mixed = CandidateFigures(MIXED, capacity=measured(9000.0), memory=measured(1e6))
    charted = charts(replace(found, figures=(*found.figures, mixed)))[CAPACITY_AND_MEMORY]
    on_it = {row[0]: row[-1] for row in charted.table().rows}
    assert (on_it[MIXED], on_it[WINNER]) == ("", "yes")


def test_a_capacity_that_was_not_checked_is_no_rival_of_the_finals() -> None:
    found = recommendation()
    assert found.rounds
    fast = CandidateFigures(SLOW, capacity=measured(9000.0), memory=measured(1e6))
    figures = (*(each for each in found.figures if each.candidate != SLOW), fast)
    for rounds, place in ((found.rounds, ""), (0, "yes")):
        charted = charts(replace(found, figures=figures, rounds=rounds))[CAPACITY_AND_MEMORY]
        assert {row[0]: row[-1] for row in charted.table().rows}[SLOW] == place


def test_a_runner_up_that_left_in_screening_looks_as_the_legend_says() -> None:
    found = replace(recommendation(), runner_up=SLOW)
    shown = {each.name: each for each in frontier_points(found)}
    assert (shown[SLOW].shape, shown[SLOW].solid, shown[SLOW].colour) == ("s", True, "series-0")
    assert not {each.name: each for each in frontier_points(recommendation())}[SLOW].solid


def test_long_names_that_differ_in_the_middle_have_their_own_shares() -> None:
    names = [f"{'a' * 80}{each}{'b' * 80}" for each in (1, 2)]
    figures = tuple(
        CandidateFigures(each, goodput_alone=measured(share, 0)) for each, share in zip(names, (0.5, 1.0), strict=True)
    )
    candidates = tuple(RecommendationCandidate(each, each) for each in names)
    table = charts(Recommendation(CONDITIONS, candidates, figures=figures))[USERS].table()
    assert [row[2].replace("\u00a0", " ") for row in table.rows] == ["50 %", "100 %"]


def test_a_run_with_a_recommendation_has_three_charts() -> None:
    assert list(charts()) == [CAPACITY_AND_MEMORY, P99_BY_RATE, USERS]
    assert set(charts()) <= set(run_charts(results()))
    assert recommendation_charts(Results(SCHEMA, {}, {})) == []
    assert charts(Recommendation(CONDITIONS, ())) == {}


def test_an_invalid_capacity_is_a_dotted_grey_line_with_its_reason() -> None:
    point = next(each for each in frontier_points(recommendation()) if each.name == LATE)
    assert (point.gain, point.known) == (None, False)
    drawn = charts()[CAPACITY_AND_MEMORY].draw(False).render()
    assert "capacity invalid: the generator was late" in drawn
    (half,) = [each for each in drawn.splitlines() if f'stroke-dasharray="{DOTTED}"' in each and "M" in each][:1]
    assert LIGHT["doubt"] in half
    row = next(each for each in charts()[CAPACITY_AND_MEMORY].table().rows if each[0] == LATE)
    assert row[2:4] == ["invalid", "2 invalid, the generator was late"]


def test_an_invalid_rate_is_a_grey_ring_with_its_reason_and_no_line_joins_it() -> None:
    chart = charts()[P99_BY_RATE]
    ring = next(each for each in chart.draw(False).render().splitlines() if f"{EQUAL}: the generator was late" in each)
    assert ring.startswith("<circle")
    assert LIGHT["doubt"] in ring
    rows = [each for each in chart.table().rows if each[0] == EQUAL]
    assert [each[-1] for each in rows].count("valid") == 6
    assert rows[-1][-1] == "invalid: the generator was late"


def test_a_finalist_without_a_valid_rate_is_a_grey_line() -> None:
    found = recommendation()
    late = tuple(RatePoint(rate, 0.1, valid=False, why="busy") for rate in (10.0, 20.0))
    figures = tuple(replace(each, curve=late) if each.candidate == WINNER else each for each in found.figures)
    text = charts(replace(found, figures=figures))[P99_BY_RATE].draw(True).render()
    assert f"{WINNER} (invalid: busy)" in text.replace("&#x27;", "'")


def test_a_finalist_without_a_valid_capacity_is_a_grey_line_with_the_reason() -> None:
    """Its rates may be valid one by one, and still no measurement of it counts."""
    found = recommendation()
    late = MeasuredFigure(None, n_invalid=2, why="the generator was late")
    figures = tuple(replace(each, capacity=late) if each.candidate == WINNER else each for each in found.figures)
    chart = charts(replace(found, figures=figures))[P99_BY_RATE]
    assert f"{WINNER} (invalid: the generator was late)" in chart.draw(True).render()
    colours = {each.colour for each in chart.draw(False).shapes if isinstance(each, Marks) and WINNER in each.hint}
    assert colours == {"doubt"}


def test_without_finals_the_lines_are_those_in_the_race() -> None:
    chart = charts(replace(recommendation(), finalists=()))[P99_BY_RATE]
    assert {each[0] for each in chart.table().rows} >= {WINNER, EQUAL}
    assert LATE not in {each[0] for each in chart.table().rows}


def test_users_that_nobody_counted_have_a_row_with_the_reason() -> None:
    rows = {each.name: each for each in users_rows(recommendation())}
    assert (rows[LATE].alone, rows[LATE].why_alone) == (None, "invalid: the generator was late")
    assert "the generator was late" in charts()[USERS].draw(False).render()


def test_of_many_candidates_the_winner_has_its_name_and_no_text_covers_another() -> None:
    found = many(40)
    for narrow in (False, True):
        drawn = charts(found)[CAPACITY_AND_MEMORY].draw(narrow)
        places = [each.at for each in drawn.shapes if isinstance(each, Text)]
        assert len(set(places)) == len(places)
        assert any(isinstance(each, Text) and each.text == found.winner for each in drawn.shapes)
    assert len(charts(found)[CAPACITY_AND_MEMORY].table().rows) == 40
    users = charts(found)[USERS]
    assert f"The table has {40 - MAX_ROWS} more servers." in users.draw(False).render()
    assert len(users.table().rows) == 40


@pytest.mark.parametrize("narrow", [False, True])
def test_names_of_points_that_are_close_do_not_touch(narrow: bool) -> None:
    limits = [Limit(5, "limit"), Limit(5, "other limit", vertical=True)]
    axes = Axes((0, 10), (0, 10), [(0, "0")], [(0, "0")], "x", "y", limits=limits)
    points = [FrontierPoint(f"a name of some length {each}", 5 + each / 7, 4 + each % 5) for each in range(20)]
    drawn = frontier_plot(points, axes, "t", "", narrow=narrow)
    boxes = [_box(each) for each in drawn.shapes if isinstance(each, Text)]
    assert len(boxes) > 20
    for place, one in enumerate(boxes):
        assert 0 <= one[0] <= one[2] <= drawn.width
        for other in boxes[place + 1 :]:
            apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            assert apart, (one, other)
    keys = [each for each in drawn.shapes if isinstance(each, Text) and each.text.isdigit()]
    assert len([each for each in keys if each.text == "1"]) == 2, "at its point and in the key"


def _box(text: Text) -> tuple[float, float, float, float]:
    width = text_width(text.text, text.size, bold=text.bold)
    x, y = text.at
    left = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[text.anchor]
    return left + 0.5, y - 5, left + width - 0.5, y + 5


@pytest.mark.parametrize("capacity", [0.0, 1e-9, 0.3, 1.0, 1e7])
@pytest.mark.parametrize("memory", [0.0, 1.0, 1e12])
@pytest.mark.parametrize("peak", [0.0, 60.0, 1e9])
def test_every_number_can_be_drawn(capacity: float, memory: float, peak: float) -> None:
    name = "server"
    found = Recommendation(
        replace(CONDITIONS, peak=peak, p99_limit=0.0, memory_limit=0),
        (RecommendationCandidate(name, name),),
        finalists=(name,),
        figures=(
            CandidateFigures(
                name,
                MeasuredFigure(capacity, n=1),
                goodput_among_slow=MeasuredFigure(0.0, n=1),
                memory=MeasuredFigure(memory, n=1),
                curve=(RatePoint(capacity, 0.0), RatePoint(capacity, None)),
            ),
        ),
    )
    for each in charts(found).values():
        for narrow in (False, True):
            assert "nan" not in each.draw(narrow).render()
        assert each.table().rows


def test_values_far_apart_have_a_logarithmic_axis() -> None:
    found = many(2)
    figures = tuple(
        replace(each, capacity=MeasuredFigure(10.0 * 100**place, n=1)) for place, each in enumerate(found.figures)
    )
    assert "(log)" in charts(replace(found, figures=figures))[CAPACITY_AND_MEMORY].draw(False).render()
    assert "(log)" not in charts(found)[CAPACITY_AND_MEMORY].draw(False).render()
