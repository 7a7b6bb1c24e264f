"""The figures of a scenario as text, with the number of requests and the interval of each."""

from __future__ import annotations

import msgspec
import pytest

from wsgi_gauntlet.harness.model import (
    GeneratorHealth,
    Grade,
    Metric,
    Outcome,
    Phase,
    Sample,
    ScenarioResult,
    Step,
    ThresholdViolation,
    TrafficStep,
    WorkerHealth,
)
from wsgi_gauntlet.reports.analysis.load_figures import (
    Figure,
    caveats,
    figure_columns,
    metric_table,
    phase_table,
    step_table,
    traffic_table,
    worker_table,
)


def figures(load: ScenarioResult) -> dict[str, Figure]:
    heads, (row,) = figure_columns([load])
    return dict(zip(heads, row, strict=True))


def plain(figure: Figure) -> str:
    return figure.whole.replace("\u00a0", " ")


def measured(*, late: int = 0) -> ScenarioResult:
    ok = [Sample(each / 10, 0.001 * (each + 1), 0.001, Outcome.OK) for each in range(100 - late)]
    waiting = [Sample(9.99, 5.0, 5.0, Outcome.TIMEOUT)] * late
    share = 1 - late / 100
    phase = Phase(
        "during", 0, 10, 100, {"ok": 100 - late, "timeout": late}, share, 0.05, 0.09, 0.099, 0.1, 0.1, late > 1
    )
    return ScenarioResult("a", "s", Grade.DEGRADED, share, phases=(phase,), samples=(*ok, *waiting))


def test_p99_has_its_n_and_interval() -> None:
    """Of 100 requests the upper end is open, so it is a lower bound."""
    assert plain(figures(measured())["p99"]) == "99 ms (n = 100; 95 %: 97 ms to ≥ 100 ms)"


def test_p99_of_waiting_requests_is_a_bound_with_bounds() -> None:
    assert plain(figures(measured(late=30))["p99"]) == "≥ 99 ms (n = 100; 95 %: ≥ 5 s to ≥ 5 s)"


def test_p99_without_samples_has_its_n() -> None:
    phase = Phase("load", 0, 10, 30_000, {"ok": 30_000}, 1.0, 0.002, 0.01, 0.03, 0.1)
    assert plain(figures(ScenarioResult("a", "s", Grade.MEASURED, phases=(phase,)))["p99"]) == "30 ms (n = 30,000)"


def test_p99_of_other_requests_than_the_samples_has_no_interval() -> None:
    """A phase leaves out requests that were too young at its end, and the samples have them."""
    load = measured()
    young = msgspec.structs.replace(load.samples[-1], latency=0.5)
    other = msgspec.structs.replace(load, samples=(*load.samples, young))
    assert plain(figures(other)["p99"]) == "99 ms (n = 100)"


def test_goodput_has_an_exact_interval() -> None:
    assert plain(figures(measured())["goodput"]) == "100 % (95 %: 96.3 % to 100 %)"


def test_goodput_of_other_requests_has_no_interval() -> None:
    """If the goodput of the cell is not that of the phase, the phase's count says nothing about it."""
    load = ScenarioResult("a", "s", Grade.DEGRADED, 0.5, phases=measured().phases)
    assert plain(figures(load)["goodput"]) == "50 %"


def test_only_columns_with_a_figure_are_shown() -> None:
    heads, rows = figure_columns([ScenarioResult("a", "s", Grade.ERROR), ScenarioResult("b", "s", Grade.MEASURED, 0.9)])
    assert heads == ["goodput"]
    assert [[each.text for each in row] for row in rows] == [["–"], ["90\u00a0%"]]
    assert figure_columns([]) == ([], [])


def test_slow_clients_affect_the_tail_first() -> None:
    heads, _ = figure_columns([measured()])
    assert "p50" in heads
    with_slowdown = ScenarioResult("a", "s", Grade.DEGRADED, 1.0, 3.0, phases=measured().phases)
    heads, _ = figure_columns([with_slowdown])
    assert "p50" not in heads
    assert "slowdown" in heads


def test_phases_have_their_outcomes() -> None:
    (row,) = phase_table(measured(late=30)).rows
    assert row[:3] == ["during", "100", "70\u00a0%"]
    assert row[-1] == "70 ok, 30 timeout"


def test_steps_are_sorted_and_have_no_empty_column() -> None:
    load = ScenarioResult("a", "s", Grade.COLLAPSED, steps=(Step(8, 0.1, collapsed=True), Step(1, 1.0)))
    table = step_table(load)
    assert table.heads == ["clients", "goodput", "state"]
    assert [row[0] for row in table.rows] == ["1", "8"]


def test_each_request_of_the_traffic_has_its_figures() -> None:
    steps = (TrafficStep("buy: login", 1200, 3, 0.05), TrafficStep("buy: basket", 0, 12))
    table = traffic_table(ScenarioResult("a", "s", Grade.MEASURED, traffic=steps))
    assert table.heads == ["request", "correct", "failed", "p99"]
    assert table.rows == [["buy: login", "1,200", "3", "50\u00a0ms"], ["buy: basket", "0", "12", "–"]]


def test_each_worker_of_a_cluster_has_its_health() -> None:
    workers = (
        WorkerHealth("worker 0 on a", True, 0.52, 0.0004, 500, 499, -0.0012),
        WorkerHealth("worker 1 on b", False, 0.99, 0.0, 0, 0, 0.0, "it was busy"),
    )
    load = ScenarioResult("a", "s", Grade.INVALID, generator=GeneratorHealth(False, workers=workers))
    assert worker_table(load).rows == [
        ["worker 0 on a", "kept up", "52\u00a0%", "400\u00a0µs", "499 of 500", "-1.2 ms"],
        ["worker 1 on b", "did not keep up: it was busy", "99\u00a0%", "0\u00a0s", "–", "+0.0 ms"],
    ]
    assert worker_table(ScenarioResult("a", "s", Grade.MEASURED)).rows == []


def test_equal_notes_of_several_servers_become_one() -> None:
    loads = [
        ScenarioResult(name, "s", Grade.MEASURED, metrics=(Metric("x", "x", 1.0, note=note),))
        for name, note in (("a", "same"), ("b", "same"), ("c", ""))
    ]
    found = metric_table(loads)
    assert found is not None
    assert found.table.heads == ["metric", "a", "b", "c"]
    assert found.table.rows == [["x", "1", "1", "1"]]
    (note,) = found.notes
    assert (note.text, note.servers) == ("same", ["a", "b"])
    every = metric_table(loads[:2])
    assert every is not None
    assert every.notes[0].servers == []
    assert metric_table([ScenarioResult("a", "s", Grade.MEASURED)]) is None


@pytest.mark.parametrize("grade", [Grade.INVALID, Grade.COLLAPSED])
def test_caveats_begin_with_broken_thresholds_and_the_reason(grade: Grade) -> None:
    load = ScenarioResult(
        "a", "s", grade, note="the note", caveats=("a plateau",),
        generator=GeneratorHealth(False, why="the generator was late"),
        broken=(ThresholdViolation("p99", 1, 2, "load", "p99 is 2 s"),),
    )  # fmt: skip
    reason = ["the note"] if grade is Grade.INVALID else []
    assert caveats(load) == ["threshold broken: p99 is 2 s", *reason, "the generator was late", "a plateau"]
