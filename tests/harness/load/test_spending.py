"""What answers cost, and when a rate that needs all cores is no finding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wsgi_gauntlet.harness.histogram import Histogram
from wsgi_gauntlet.harness.load.lanes.lane_result import LaneResult
from wsgi_gauntlet.harness.load.rates.spending import TICK, Spent, fit


def result(answers: int, **others: Any) -> LaneResult:
    latency = Histogram()
    for _ in range(answers):
        latency.record(1_000_000)
    return replace(LaneResult(8, 1.0, 0.1, latency, Histogram(), Histogram()), **others)


def test_costs_are_for_a_thousand_answers() -> None:
    found = Spent(result(500), server=0.1, front=0.05)
    assert (found.server_each, found.front_each) == (0.2, 0.1)
    assert round(found.each, 9) == 0.3
    assert found.resolution == 2 * TICK


def test_without_answers_nothing_was_paid_for() -> None:
    assert Spent(result(0), server=0.1, front=0.1).each == 0.0


def test_other_programs_disturb() -> None:
    assert Spent(result(1), 0.0, 0.0, others=0.05).quiet
    assert not Spent(result(1), 0.0, 0.0, others=0.5).quiet


def test_a_busy_generator_bounds_rates_and_leaves_costs() -> None:
    health, told = fit([result(10), result(10, cpu_seconds=0.99)])
    assert health.valid
    assert told[0].startswith("rates are lower bounds")


def test_an_idle_generator_has_nothing_to_say() -> None:
    assert fit([result(10)])[1] == ()


def test_without_ports_nothing_was_measured() -> None:
    health, told = fit([result(10, ports_out=3)])
    assert not health.valid
    assert not told
