"""Numbers are drawn at their places."""

from __future__ import annotations

import math

import msgspec
import pytest

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    Grade,
    Metric,
    Outcome,
    Percentile,
    Phase,
    Results,
    Sample,
    ScenarioInfo,
    ScenarioResult,
    ServerInfo,
    Step,
    Window,
)
from wsgi_gauntlet.reports.charts.collapse_plot import (
    CollapseData,
    KindResult,
    collapse_data,
    collapse_plot,
    collapse_table,
)
from wsgi_gauntlet.reports.charts.history import VersionPoint, history_chart, history_table
from wsgi_gauntlet.reports.charts.intervals import POINTS, RATIOS, IntervalRow, Measure, interval_plot, interval_table
from wsgi_gauntlet.reports.charts.latency_rows import latency_plot, latency_rows, latency_table
from wsgi_gauntlet.reports.charts.metric_bars import bar_plot, bar_table, goodput_bars, metric_bars, size_ticks
from wsgi_gauntlet.reports.charts.percentile_plot import percentile_plot, percentile_table
from wsgi_gauntlet.reports.charts.requirement_bars import (
    RequirementRow,
    requirement_bar,
    requirement_plot,
    requirement_table,
)
from wsgi_gauntlet.reports.charts.run_note import RunNote
from wsgi_gauntlet.reports.charts.samples import shared_axes
from wsgi_gauntlet.reports.charts.step_curves import goodput_plot, p99_plot, rate_plot, step_table
from wsgi_gauntlet.reports.charts.strip import slow_client_times, strip, strip_table
from wsgi_gauntlet.reports.charts.time_panel import time_panel, window_table

from .svg_reading import boxes, crosses, dots, hints, lines, texts

NOTE = RunNote("2026-11-29 · a machine", "2026-11-29", {"a": "1.0", "b": "2.0"})


def shown(svg: str) -> list[str]:
    return [each.text for each in texts(svg)]


def place(svg: str, text: str) -> float:
    """Return the horizontal place of the first text that is `text`."""
    return next(each.x for each in texts(svg) if each.text == text)


def height(svg: str, text: str) -> float:
    """Return the height of the middle of the first text that is `text`, of the small size."""
    return next(each.y for each in texts(svg) if each.text == text) - 0.35 * 11


def load(server: str = "a", grade: Grade = Grade.DEGRADED, **values: object) -> ScenarioResult:
    return msgspec.structs.replace(ScenarioResult(server, "s", grade), **values)


def phase(name: str, p50: float, p99: float, longest: float, *, waiting: int = 0) -> Phase:
    outcomes = {"ok": 100 - waiting, "timeout": waiting}
    return Phase(name, 0, 10, 100, outcomes, 1 - waiting / 100, p50, p99, p99, longest, censored=waiting > 1)


# N*


def search(server: str, kind: str, steps: dict[int, bool], collapse: int | None, grade: Grade) -> ScenarioResult:
    found = tuple(Step(clients, 0.0 if down else 1.0, collapsed=down) for clients, down in steps.items())
    return ScenarioResult(server, kind, grade, collapse=collapse, steps=found, note="too noisy")


def searched(*loads: ScenarioResult) -> Results:
    return Results(
        SCHEMA,
        {"date": "2026-11-29T10:00:00", "program": "wsgi-gauntlet 1"},
        {each.server: ServerInfo(each.server, each.server, True, "1.0") for each in loads},
        load=loads,
        scenarios={each.scenario: ScenarioInfo(each.scenario, f"About {each.scenario}", "") for each in loads},
    )


def plotted(*loads: ScenarioResult) -> tuple[CollapseData, str]:
    data = collapse_data(searched(*loads))
    assert data is not None
    return data, collapse_plot(data).render()


def test_n_star_is_on_the_logarithmic_axis() -> None:
    """A mark at 4 is in the middle between 1 and 16, exactly above the tick 4."""
    cells = [search(name, "slow/x", {16: True, n: True, max(n - 1, 1): n == 1}, n, Grade.COLLAPSED)
             for name, n in (("a", 1), ("b", 4), ("c", 16))]  # fmt: skip
    _, svg = plotted(*cells)
    marks = sorted(each for each in dots(svg, "series-0") if each[1] > 80)
    assert [round(x) for x, _ in marks] == [round(place(svg, tick)) for tick in ("1", "4", "16")]
    assert marks[1][0] == pytest.approx((marks[0][0] + marks[2][0]) / 2, abs=0.2)
    # The largest N* is at the top.
    assert marks[0][1] > marks[1][1] > marks[2][1]


def test_what_withstood_is_open_at_the_right_edge() -> None:
    data, svg = plotted(
        search("a", "slow/x", {64: True, 2: True, 1: False}, 2, Grade.COLLAPSED),
        search("b", "slow/x", {64: False}, None, Grade.UNAFFECTED),
    )
    assert "> 64" in collapse_table(data).rows[0][1].replace("\u00a0", " ")
    assert ">64" in shown(svg)
    assert any("b, slow/x: N* > 64" in each.replace("\u00a0", " ") for each in hints(svg))
    edge = next(each.x for each in texts(svg) if each.text == ">64")
    assert edge > place(svg, "64") + 20
    assert data.rows[0][0] == "b"


def test_an_invalid_cell_is_grey_dotted_and_has_its_reason() -> None:
    data, svg = plotted(
        search("a", "slow/x", {8: True, 1: True}, 1, Grade.COLLAPSED),
        search("b", "slow/x", {8: True}, None, Grade.INCONCLUSIVE),
    )
    assert "b, slow/x: N* – (inconclusive: too noisy)" in hints(svg)
    # One frame for the cell, one in the legend.
    assert len(boxes(svg, "doubt", hollow=True)) == 2
    assert collapse_table(data).rows[-1] == ["b", "– (inconclusive: too noisy)"]


def test_an_interrupted_search_shows_its_bounds() -> None:
    """N* is in (4, 9]: a dotted line from 5 to 9, and the figure is ≤ 9."""
    _, svg = plotted(
        search("a", "slow/x", {64: True, 4: False, 9: True}, 9, Grade.COLLAPSED),
        search("b", "slow/x", {64: False}, None, Grade.UNAFFECTED),
    )
    assert "≤9" in shown(svg)
    (bounds,) = [each for each in lines(svg, "series-0") if len(each) == 2]
    one, nine = (math.log(value) / math.log(64) for value in (5, 9))
    span = place(svg, "64") - place(svg, "1")
    assert bounds[0][0] == pytest.approx(place(svg, "1") + one * span, abs=0.2)
    assert bounds[1][0] == pytest.approx(place(svg, "1") + nine * span, abs=0.2)


def test_kinds_with_the_same_n_star_do_not_hide_each_other() -> None:
    kinds = [f"slow/{number}" for number in range(6)]
    _, svg = plotted(*(search("a", kind, {8: True, 1: True}, 1, Grade.COLLAPSED) for kind in kinds))
    found = [each for each in hints(svg) if each.startswith("a, slow/")]
    assert len(found) == 6
    # Six marks are two columns of three.
    assert "1" in shown(svg)


def test_a_closed_loop_is_no_kind_of_slow_client() -> None:
    closed = load(steps=(Step(1, 1.0, rate=100.0), Step(8, 1.0)))
    assert collapse_data(Results(SCHEMA, {}, {}, load=(closed,))) is None


def test_words_of_n_star() -> None:
    assert KindResult("a", "k", 9, 8).text == "9"
    assert KindResult("a", "k", 2000, 1999).text == "2,000"
    assert KindResult("a", "k", 9, 4).text.replace("\u00a0", " ") == "≤ 9"
    assert KindResult("a", "k", tried=256).text.replace("\u00a0", " ") == "> 256"
    assert KindResult("a", "k", reason="invalid").text == "–"


# strips and panels


def samples(*rows: tuple[float, float, Outcome]) -> tuple[Sample, ...]:
    return tuple(Sample(at, latency, latency, outcome) for at, latency, outcome in rows)


SAMPLED = load(
    samples=samples((0, 0.01, Outcome.OK), (5, 1.0, Outcome.OK), (10, 0.1, Outcome.ERROR), (10, 5.0, Outcome.TIMEOUT)),
    slow_clients=((0, 0), (2, 4), (3, 8), (8, 0)),
)


def test_a_strip_has_each_response_at_its_time_and_height() -> None:
    """Half of the time is in the middle. One second is on the line."""
    svg = strip(SAMPLED, shared_axes([SAMPLED]), width=208, height=48).render()
    first, second = dots(svg, "good")
    assert first[0] == pytest.approx(4)
    assert second[0] == pytest.approx(104)
    (limit,) = lines(svg, "slow")
    assert second[1] == pytest.approx(limit[0][1])
    assert first[1] > second[1]
    ((cross_x, cross_y),) = crosses(svg, "bad")
    assert cross_x == pytest.approx(204)
    assert cross_y < limit[0][1]


def test_a_strip_shades_the_time_of_slow_clients() -> None:
    """From the time when half of them are there to the time when they leave."""
    assert slow_client_times(SAMPLED) == [(2, 8)]
    svg = strip(SAMPLED, shared_axes([SAMPLED]), width=208, height=48).render()
    ((left, _, right, _),) = boxes(svg, "band")
    assert [left, right] == pytest.approx([44, 164])


def test_slow_clients_that_stay_are_shaded_to_the_end() -> None:
    stays = msgspec.structs.replace(SAMPLED, slow_clients=((1, 8),))
    assert slow_client_times(stays) == [(1, 10)]
    assert slow_client_times(msgspec.structs.replace(SAMPLED, slow_clients=())) == []


@pytest.mark.parametrize("grade", [Grade.INVALID, Grade.INCONCLUSIVE, Grade.ERROR])
def test_a_strip_that_is_not_judged_is_grey(grade: Grade) -> None:
    grey = msgspec.structs.replace(SAMPLED, grade=grade, note="the generator was late")
    svg = strip(grey, shared_axes([grey])).render()
    assert dots(svg, "good") == []
    assert len(dots(svg, "doubt")) == 2
    assert len(boxes(svg, "doubt", hollow=True)) == 1
    assert any("the generator was late" in each for each in hints(svg))


def test_strip_table_counts_what_got_no_answer() -> None:
    timed = msgspec.structs.replace(SAMPLED, phases=(Phase("during", 0, 11, 4, {"ok": 2, "timeout": 1}, 0.5),))
    (row,) = strip_table([timed]).rows
    assert row[0:2] == ["a", "during"]
    assert row[-1] == "1"


def windowed() -> ScenarioResult:
    windows = (
        Window(0, 10, 100, 1.0, 0.01, 0.1, rss=50_000_000, descriptors=10),
        Window(10, 10, 200, 0.5, None, None, rss=100_000_000, descriptors=20),
        Window(20, 10, 0, 1.0, 0.01, 1.0, rss=100_000_000),
    )
    return load(windows=windows)


def test_a_panel_has_windows_at_their_middle_and_gaps() -> None:
    """The second window has no response, so its p99 is a gap, and half of its requests are an area of loss."""
    cell = windowed()
    svg = time_panel(cell, shared_axes([cell]), NOTE).render()
    assert lines(svg, "good") == []  # two points with a gap between them are no line
    (offered,) = lines(svg, "ink")
    assert offered[0][0] == pytest.approx(66)
    assert offered[-1][0] == pytest.approx(336)
    assert offered[2][0] == pytest.approx(66 + 270 / 3)
    assert offered[1][1] > offered[2][1]
    (memory,) = lines(svg, "series-9")
    assert memory[0][0] == pytest.approx(66 + 270 / 6)
    assert memory[0][1] - memory[1][1] == pytest.approx(18, abs=0.1)


def test_window_table_has_no_empty_column() -> None:
    table = window_table([windowed()])
    assert table.heads == ["server", "second", "offered", "goodput", "p50", "p99", "memory", "descriptors"]
    bare = window_table([load(windows=(Window(0, 1, 5, 1.0),))])
    assert bare.heads == ["server", "second", "offered", "goodput"]


# response times


def test_latency_rows_have_both_phases_on_one_axis() -> None:
    cell = load(phases=(phase("baseline", 0.01, 0.1, 0.1), phase("during", 0.01, 1.0, 5.0)))
    rows = latency_rows([cell])
    svg = latency_plot(rows, "Times", NOTE).render()
    (before,) = [each for each in dots(svg, "slow") if each[1] > 60]
    (during,) = [each for each in dots(svg, "series-0") if each[1] > 60]
    assert before[0] == pytest.approx(during[0])
    assert before[1] < during[1]
    limit = place(svg, "1\u00a0s")
    longest = max(x for each in lines(svg, "series-0") for x, y in each if y > 60)
    # 10 ms, 100 ms and 1 s are equally far from each other; 5 s is right of 1 s.
    assert place(svg, "10\u00a0ms") == pytest.approx(before[0], abs=0.2)
    assert (place(svg, "100\u00a0ms") - before[0]) == pytest.approx(limit - place(svg, "100\u00a0ms"), abs=0.2)
    assert longest == pytest.approx(limit + (limit - place(svg, "100\u00a0ms")) * math.log10(5), abs=0.3)


def test_a_lower_bound_is_dotted_to_the_edge() -> None:
    bounded = latency_plot(
        latency_rows([load(phases=(phase("during", 0.01, 5.0, 5.0, waiting=5),))]), "T", NOTE
    ).render()
    exact = latency_plot(latency_rows([load(phases=(phase("during", 0.01, 0.5, 0.5),))]), "T", NOTE).render()
    # The legend has one dotted line of its own.
    assert bounded.count('stroke-dasharray="1.5 2.5"') == exact.count('stroke-dasharray="1.5 2.5"') + 1
    assert any("≥" in each for each in shown(bounded))


def test_latency_rows_are_sorted_and_say_why_one_is_grey() -> None:
    slow, fast = (load(name, phases=(phase("during", 0.01, p99, p99),)) for name, p99 in (("b", 0.5), ("a", 0.1)))
    grey = load("c", Grade.INVALID, phases=(phase("during", 0.01, 0.05, 0.05),), note="late")
    rows = latency_rows([grey, slow, fast, load("d")])
    assert [each.load.server for each in rows] == ["a", "b", "c"]
    drawn = latency_plot(rows, "T", NOTE).render()
    assert any(each.endswith(" · invalid") for each in shown(drawn))
    assert "during: p99 50\u00a0ms (invalid: late)" in drawn
    assert [row[1] for row in latency_table(rows).rows] == ["during"] * 3


def test_percentiles_have_a_nine_each_the_same_width() -> None:
    points = tuple(Percentile("during", p, seconds) for p, seconds in ((0, 0.01), (90, 0.1), (99, 1.0), (99.9, 1.0)))
    svg = percentile_plot([load(percentiles=points, phases=(phase("during", 0.01, 0.1, 0.1),))], "P", NOTE).render()
    nine, two, three = (place(svg, f"{each:g}\u00a0%") for each in (90, 99, 99.9))
    assert two - nine == pytest.approx(three - two, abs=0.2)
    curve = max(lines(svg, "series-0"), key=len)
    assert [x for x, _ in curve[1:]] == [pytest.approx(each, abs=0.2) for each in (nine, two, three)]
    assert curve[1][1] == pytest.approx(height(svg, "100\u00a0ms"), abs=0.2)
    assert curve[2][1] == pytest.approx(height(svg, "1\u00a0s"), abs=0.2)
    assert percentile_table([load(percentiles=points)]).rows[0][3:] == ["100\u00a0ms", "1\u00a0s", "1\u00a0s", "–"]


def test_percentiles_that_are_lower_bounds_are_dotted() -> None:
    points = tuple(Percentile("during", p, 5.0) for p in (0, 50, 90, 99))
    cell = load(percentiles=points, phases=(phase("during", 0.01, 5.0, 5.0, waiting=20),))
    svg = percentile_plot([cell], "P", NOTE).render()
    assert "stroke-dasharray" in svg
    assert any("lower bounds" in each for each in shown(svg))
    assert "≥" in percentile_table([cell]).rows[0][4]
    assert "≥" not in percentile_table([cell]).rows[0][2]


# steps


STEPPED = load(
    "a", Grade.MEASURED, steps=(Step(1, 1.0, 0.001, 0.01, 100.0), Step(4, 1.0, 0.001, 0.1, 200.0), Step(16, rate=None))
)


def test_rates_are_on_a_linear_axis_from_zero() -> None:
    svg = rate_plot([STEPPED], "Rate", NOTE).render()
    curve = max(lines(svg, "series-0"), key=len)
    assert [x for x, _ in curve] == [pytest.approx(place(svg, each), abs=0.2) for each in ("1", "4")]
    assert curve[1][1] == pytest.approx(height(svg, "200/s"), abs=0.2)
    zero = height(svg, "0/s")
    assert zero - curve[0][1] == pytest.approx((zero - curve[1][1]) / 2, abs=0.2)
    assert step_table([STEPPED]).rows[2] == ["a", "16", "–", "–", "–", "–"]


def test_p99_is_on_a_logarithmic_axis() -> None:
    svg = p99_plot([STEPPED], "p99", NOTE).render()
    curve = max(lines(svg, "series-0"), key=len)
    assert curve[0][1] == pytest.approx(height(svg, "10\u00a0ms"), abs=0.2)
    assert curve[1][1] == pytest.approx(height(svg, "100\u00a0ms"), abs=0.2)


def test_goodput_falls_at_n_star() -> None:
    cell = load("a", Grade.COLLAPSED, collapse=4, steps=(Step(1, 1.0), Step(4, 0.0, collapsed=True)))
    svg = goodput_plot([cell], "Goodput", NOTE).render()
    (mark,) = [each for each in dots(svg, "good") if each[1] > 50]
    (cross,) = [each for each in crosses(svg, "bad") if each[1] > 50]
    assert mark[0] == pytest.approx(place(svg, "1"), abs=0.2)
    assert cross[0] == pytest.approx(place(svg, "4"), abs=0.2)
    assert cross[1] - mark[1] == pytest.approx(34, abs=0.2)
    assert "N* = 4" in shown(svg)


def test_lines_beyond_the_colours_are_grey_and_counted() -> None:
    many = [msgspec.structs.replace(STEPPED, server=f"server-{number}") for number in range(13)]
    svg = rate_plot(many, "Rate", NOTE).render()
    assert "3 servers whose lines are grey" in " ".join(shown(svg))
    assert len(lines(svg, "slow")) == 3


# bars


def test_bars_have_the_length_of_their_figure() -> None:
    cells = [load(name, goodput=share) for name, share in (("a", 1.0), ("b", 0.25))]
    svg = bar_plot(goodput_bars(cells), "Goodput", "goodput", NOTE, ticks=[(0, "0 %"), (1, "100 %")]).render()
    ((left, _, right, _),) = boxes(svg, "good")
    ((_, _, quarter, _),) = boxes(svg, "bad")
    assert [left, right] == pytest.approx([place(svg, "0 %"), place(svg, "100 %")])
    assert quarter - left == pytest.approx((right - left) / 4, abs=0.1)


def test_a_bar_that_is_not_judged_is_a_dotted_frame() -> None:
    grey = load("a", Grade.INVALID, goodput=0.5, note="late")
    svg = bar_plot(goodput_bars([grey]), "Goodput", "goodput", NOTE, ticks=[(1, "100 %")]).render()
    assert len(boxes(svg, "doubt", hollow=True)) == 1
    assert bar_table(goodput_bars([grey]), "goodput").rows == [["a", "50\u00a0% · invalid: late"]]


def test_metrics_are_sorted_and_one_without_a_value_says_why() -> None:
    cells = [
        load(name, Grade.MEASURED, metrics=(Metric("capacity", "capacity", value, "requests/s", note="no time"),))
        for name, value in (("a", 10.0), ("b", 300.0), ("c", None))
    ]
    bars = metric_bars(cells, "capacity")
    assert [each.server for each in bars] == ["b", "a", "c"]
    assert bars[2].text == "– (no time)"
    assert any("no time" in each for each in shown(bar_plot(bars, "Capacity", "requests/s", NOTE).render()))


def test_ticks_of_bytes_are_powers_of_two() -> None:
    assert [text.replace("\u00a0", " ") for _, text in size_ticks(4096)] == [
        "0 B", "1 KiB", "2 KiB", "3 KiB", "4 KiB",
    ]  # fmt: skip


# requirements and history


def test_requirements_share_one_scale() -> None:
    rows = [RequirementRow("a", 200, 60, 40), RequirementRow("b", 100, 0, 50)]
    svg = requirement_plot(rows, NOTE).render()
    kept, broken = boxes(svg, "pass"), [each for each in boxes(svg, "bad") if each[1] > 72]
    zero, three = place(svg, "0"), place(svg, "300")
    kept = [each for each in kept if each[1] > 72]
    assert kept[0][2] - zero == pytest.approx((three - zero) * 200 / 300, abs=0.2)
    assert broken[0][2] == pytest.approx(three, abs=0.2)
    assert broken[1][2] - zero == pytest.approx((three - zero) / 2, abs=0.2)
    assert requirement_table(rows).rows[0] == ["a", "200", "60", "40", "0", "300"]


def test_the_bar_of_a_table_is_filled() -> None:
    svg = requirement_bar(RequirementRow("a", 50, 25, 25), width=200).render()
    assert [boxes(svg, name)[0][::2] for name in ("pass", "warn", "bad")] == [(0, 100), (100, 150), (150, 200)]


def test_a_server_without_verdict_has_a_dotted_frame() -> None:
    assert "no requirement was judged" in shown(requirement_plot([RequirementRow("a", 0, 0, 0)], NOTE).render())


def test_history_has_a_bar_for_each_version() -> None:
    points = [
        VersionPoint("1", 20, 10, 0, 100),
        VersionPoint("2", reason="not built"),
        VersionPoint("3", 0, 0, 0, 100, 30, 0),
    ]
    svg = history_chart(points, "A server").render()
    ((left, _, right, _),) = [each for each in boxes(svg, "bad") if each[1] > 72]
    assert [left, right] == pytest.approx([place(svg, "0"), place(svg, "20")])
    assert "not built" in shown(svg)
    assert "cases: 30 fixed, 0 new" in shown(svg)
    assert history_table(points).rows[1] == ["2", *["–"] * 6, "not built"]
    assert history_table(points).rows[0][5:7] == ["–", "–"]


# intervals


def test_a_ratio_and_its_inverse_are_equally_far_from_one() -> None:
    rows = [IntervalRow("x", 0.5, 1.0, 2.0, "inconclusive")]
    svg = interval_plot(rows).render()
    (interval,) = [each for each in lines(svg, "series-0") if len(each) == 2 and each[0][1] == each[1][1]]
    one = place(svg, "1")
    assert one - interval[0][0] == pytest.approx(interval[1][0] - one, abs=0.2)
    (dot,) = [each for each in dots(svg, "series-0") if each[1] > 60]
    assert dot[0] == pytest.approx(one, abs=0.2)


def test_the_noise_floor_is_always_drawn_last() -> None:
    rows = [IntervalRow("A/A", 0.9, 1.0, 1.1, "", noise=True), IntervalRow("x", 1.1, 1.2, 1.3, "faster")]
    assert [each[0] for each in interval_table(rows).rows] == ["x", "A/A"]
    missing = interval_table(rows[1:])
    assert missing.rows[-1][-1] == "not measured"
    assert "not measured" in shown(interval_plot(rows[1:]).render())


@pytest.mark.parametrize("colour", ["good", "bad", "series-0"])
def test_a_row_has_its_colour(colour: str) -> None:
    svg = interval_plot([IntervalRow("x", 1.1, 1.2, 1.3, "less memory", colour=colour)]).render()
    assert [each for each in dots(svg, colour) if each[1] > 60]


@pytest.mark.parametrize(("measure", "low", "high"), [(RATIOS, 1 / 1.5, 1.5), (POINTS, -0.5, 0.5)])
@pytest.mark.parametrize("band", [0.001, 0.025, 0.5, 1.0])
def test_the_band_is_that_of_the_test_of_equivalence(measure: Measure, low: float, high: float, band: float) -> None:
    rows = [IntervalRow("x", low, measure.neutral, high, "inconclusive")]
    svg = interval_plot(rows, measure=measure, band=band).render()
    assert any(f"no difference above {100 * band:g} {measure.unit}" in each for each in shown(svg))
    ((left, _, right, _),) = [each for each in boxes(svg, "band") if each[3] - each[1] > 20]
    (interval,) = [each for each in lines(svg, "series-0") if len(each) == 2 and each[0][1] == each[1][1]]
    middle = (left + right) / 2
    assert middle == pytest.approx((interval[0][0] + interval[1][0]) / 2, abs=0.3)
    if band == 0.5:
        assert (left, right) == pytest.approx((interval[0][0], interval[1][0]), abs=0.3)


def test_points_have_a_linear_axis_with_zero_in_its_middle() -> None:
    svg = interval_plot([IntervalRow("served", 0.1, 0.2, 0.4, "more users")], measure=POINTS).render()
    (interval,) = [each for each in lines(svg, "series-0") if len(each) == 2 and each[0][1] == each[1][1]]
    assert [each[0] for each in interval] == pytest.approx(
        [place(svg, "0") + (place(svg, "+20") - place(svg, "0")) * each / 0.2 for each in (0.1, 0.4)], abs=0.3
    )
    assert "+20 (+10 to +40)" in shown(svg)
    rows = interval_table([IntervalRow("served", -0.05, 0.0, 0.05, "")], POINTS).rows
    assert rows[0] == ["served", "0", "-5.0", "+5.0", ""]


@pytest.mark.parametrize("value", [None, math.nan, math.inf, 0.0, -1.0])
def test_a_row_without_a_figure_is_dotted_with_its_reason(value: float | None) -> None:
    svg = interval_plot([IntervalRow("x", 1.0, value, 2.0, "invalid: late")]).render()
    assert "invalid: late" in shown(svg)


def test_a_ratio_beyond_the_axis_ends_in_an_arrow() -> None:
    svg = interval_plot([IntervalRow("x", 1.0, 300.0, 9000.0, "slower", colour="bad")]).render()
    assert any(len(each) == 3 for each in lines(svg, "bad"))
    assert any("9,000" in each for each in shown(svg))
