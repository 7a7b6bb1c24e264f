"""What answers cost, and when a rate that needs all cores is no finding."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from wsgi_gauntlet.harness.load.analysis.paired_comparison import keep_served_rounds
from wsgi_gauntlet.harness.load.experiments import cpu_cost
from wsgi_gauntlet.harness.load.experiments.cpu_cost import CLOCK_TICK, CpuCost, judge_generator
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.stats.histogram import Histogram


def result(answers: int, **other_cpu_share: Any) -> GeneratorResult:
    latency = Histogram()
    for _ in range(answers):
        latency.record(1_000_000)
    return replace(GeneratorResult(8, 1.0, 0.1, latency, Histogram(), Histogram()), **other_cpu_share)


def test_costs_are_for_a_thousand_answers() -> None:
    found = CpuCost(result(500), server=0.1, front=0.05)
    assert (found.server_cpu_per_1000, found.front_cpu_per_1000) == (0.2, 0.1)
    assert round(found.cpu_per_1000, 9) == 0.3
    assert found.resolution == 2 * CLOCK_TICK


def test_without_answers_there_is_no_cost_of_one() -> None:
    """It is not 0, which would be cheaper than anything: rounds like that are left out before."""
    nothing = CpuCost(result(0, errors=9), server=0.1, front=0.1)
    assert keep_served_rounds({1: [nothing], 2: [CpuCost(result(9), 0.1, 0.1)]})[0] == {1: [], 2: []}
    with pytest.raises(ZeroDivisionError):
        nothing.cpu_per_1000  # noqa: B018 - it raises


def test_other_programs_disturb() -> None:
    assert CpuCost(result(1), 0.0, 0.0, other_cpu_share=0.05).undisturbed
    assert not CpuCost(result(1), 0.0, 0.0, other_cpu_share=0.5).undisturbed


def test_only_cores_that_we_may_use_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps one of sixty-four busy takes nothing from a server that is not let onto it, and all of two cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {1, 10})
    line = "cpu{} 10 1 4 100 5 0 2 3 7 0"  # the last but one is guests', who are in the first
    stat = "\n".join([line.format(""), *(line.format(number) for number in (0, 1, 2, 10)), "intr 5 5", "ctxt 9"])
    busy, idle = cpu_cost.core_times(stat)
    assert (round(busy / CLOCK_TICK), round(idle / CLOCK_TICK)) == (40, 210)


def test_a_busy_generator_bounds_rates_and_leaves_costs() -> None:
    health, caveats = judge_generator([result(10), result(10, cpu_seconds=0.99)])
    assert health.valid
    assert caveats[0].startswith("the rates are lower bounds")


def test_an_idle_generator_has_nothing_to_say() -> None:
    assert judge_generator([result(10)])[1] == ()


def test_without_ports_nothing_was_measured() -> None:
    health, caveats = judge_generator([result(10, out_of_ports=3)])
    assert not health.valid
    assert not caveats
