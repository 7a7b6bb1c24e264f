"""What answers cost, and when a rate that needs all cores is no finding."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from wsgi_gauntlet.harness.histogram import Histogram
from wsgi_gauntlet.harness.load.judging.claims import served
from wsgi_gauntlet.harness.load.lanes.lane_result import LaneResult
from wsgi_gauntlet.harness.load.rates import spending
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


def test_without_answers_there_is_no_cost_of_one() -> None:
    """It is not 0, which would be cheaper than anything: rounds like that are left out before."""
    nothing = Spent(result(0, errors=9), server=0.1, front=0.1)
    assert served({1: [nothing], 2: [Spent(result(9), 0.1, 0.1)]})[0] == {1: [], 2: []}
    with pytest.raises(ZeroDivisionError):
        nothing.each  # noqa: B018 - it raises


def test_other_programs_disturb() -> None:
    assert Spent(result(1), 0.0, 0.0, others=0.05).quiet
    assert not Spent(result(1), 0.0, 0.0, others=0.5).quiet


def test_only_cores_that_we_may_use_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps one of sixty-four busy takes nothing from a server that is not let onto it, and all of two cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {1, 10})
    line = "cpu{} 10 1 4 100 5 0 2 3 7 0"  # the last but one is guests', who are in the first
    stat = "\n".join([line.format(""), *(line.format(number) for number in (0, 1, 2, 10)), "intr 5 5", "ctxt 9"])
    busy, idle = spending.cores(stat)
    assert (round(busy / TICK), round(idle / TICK)) == (40, 210)


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
