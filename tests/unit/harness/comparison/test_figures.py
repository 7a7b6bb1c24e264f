"""Figures from the results of scenarios, and the parameters of the default figures."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.comparison import default_scenario
from wsgi_gauntlet.harness.comparison.figures import figures
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.model import Grade, Metric, Phase, ScenarioResult, Step
from wsgi_gauntlet.harness.stats.histogram import Histogram


def cell(**fields: object) -> ScenarioResult:
    return ScenarioResult("gunicorn", "slow-headers/byte", Grade.MEASURED, **fields)  # type: ignore[arg-type]


def test_the_figures_of_a_scenario_have_its_name_and_a_direction() -> None:
    found = figures(
        cell(
            goodput=0.9,
            phases=(Phase("during", 0, 1, 10, {}, 0.9, p50=0.01, p99=5.0, censored=True),),
            recovery=2.0,
            metrics=(
                Metric("memory", "memory per client", 9000.0, "bytes"),
                Metric("kept", "connections kept", 4.0),
                Metric("buffers", "buffers requests", 1.0, "yes/no"),
                Metric("nothing", "not measured", None, "s"),
            ),
        )
    )
    assert [(each.id, each.value, each.higher_is_better, each.bound) for each in found] == [
        ("slow-headers/byte:goodput", 0.9, True, False),
        ("slow-headers/byte:p50", 0.01, False, False),
        ("slow-headers/byte:p99", 5.0, False, True),
        ("slow-headers/byte:recovery", 2.0, False, False),
        ("slow-headers/byte:memory", 9000.0, False, False),
        ("slow-headers/byte:kept", 4.0, None, False),
    ]
    assert found[0].label == "slow-headers/byte goodput"


@pytest.mark.parametrize(("collapse", "value", "bound"), [(2, 2.0, False), (None, 64.0, True)])
def test_a_server_that_does_not_collapse_has_a_lower_bound(collapse: int | None, value: float, bound: bool) -> None:
    (found,) = figures(cell(collapse=collapse, steps=(Step(8), Step(64)), parameters={"probe": 0.4}))
    assert (found.label, found.value, found.bound) == ("slow-headers/byte N*", value, bound)


def test_the_best_rate_of_a_closed_loop() -> None:
    (found,) = figures(cell(steps=(Step(1, rate=50.0), Step(8, rate=400.0))))
    assert (found.id, found.value, found.unit) == ("slow-headers/byte:rate", 400.0, "requests/s")


def test_only_the_chosen_default_figures_are_compared() -> None:
    made = ScenarioResult(
        "gunicorn",
        default_scenario.SCENARIO.id,
        Grade.MEASURED,
        metrics=(
            Metric("capacity", "capacity", 900.0, "requests/s", censored=True, note="the generator was busy"),
            Metric("cpu", "CPU per request", 1e-4, "s"),
        ),
    )
    assert [each.id for each in figures(made)] == ["capacity", "cpu"]
    (capacity,) = figures(made, ("capacity",))
    assert (capacity.higher_is_better, capacity.bound, capacity.why) == (True, True, "the generator was busy")
    assert figures(made, ("cpu",))[0].higher_is_better is False


@pytest.mark.parametrize(
    ("metrics", "parts"),
    [
        ((), (True, True, True)),
        (("capacity",), (True, False, False)),
        (("memory", "p50"), (True, True, False)),
        (("p99",), (False, True, False)),
        (("served_p99",), (False, False, True)),
    ],
)
def test_parts_without_a_chosen_figure_are_left_out(metrics: tuple[str, ...], parts: tuple[bool, ...]) -> None:
    found = default_scenario.parameters_for(metrics)
    assert (found.closed_loop is not None, found.open_loop is not None, found.slow_clients is not None) == parts
    screening = default_scenario.screening_parameters(found)
    assert screening.closed_loop
    assert screening.open_loop is None
    assert screening.slow_clients is None


def test_every_default_figure_belongs_to_a_part() -> None:
    parts = (
        default_scenario.CLOSED_LOOP_METRICS,
        default_scenario.OPEN_LOOP_METRICS,
        default_scenario.SLOW_CLIENT_METRICS,
    )
    assert set().union(*parts) == set(default_scenario.METRICS)


@pytest.mark.parametrize(
    ("capacities", "rate"), [((1000.0, 2500.0), 400.0), ((1e5, 1e5), 1500.0), ((10.0,), 4.0), ((3333.0,), 1300.0)]
)
def test_the_common_rate_suits_the_slowest_server(capacities: tuple[float, ...], rate: float) -> None:
    assert default_scenario.common_rate(capacities) == rate


@pytest.mark.parametrize(("late_ms", "p99_ms", "valid"), [(2.0, 5.0, True), (2.0, 3.0, False), (0.9, 1.0, True)])
def test_the_lateness_of_an_open_loop_may_be_half_of_its_p99(late_ms: float, p99_ms: float, valid: bool) -> None:
    latency, lateness = Histogram(), Histogram()
    latency.record(int(p99_ms * 1e6), 200)
    lateness.record(int(late_ms * 1e6), 200)
    found = GeneratorResult(
        connections=1,
        seconds=1.0,
        cpu_seconds=0.1,
        latency=latency,
        service=latency,
        waiting=Histogram(),
        lateness=lateness,
        offered=200.0,
        achieved=200.0,
    )
    health = found.health(default_scenario.shortest_time_that_decides(p99_ms / 1e3))
    assert health.valid is valid
    assert valid or "late" in health.why
