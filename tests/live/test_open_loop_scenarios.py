"""The scenarios of the open model, on servers whose answer is known by construction.

Times are tens of milliseconds and more, so that a busy machine moves nothing. Where it kept the generator from its work
the cell says so itself, and the test tries again.
"""

from __future__ import annotations

import math
import os
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wsgi_gauntlet.harness.load.arrivals import Uniform
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments import open_loop_experiment
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_open_loop
from wsgi_gauntlet.harness.model import Grade, Metric, Outcome, ScenarioResult
from wsgi_gauntlet.harness.server.instance import ServerInstance
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.stats.histogram import Histogram
from wsgi_gauntlet.suites.load.throughput.capacity import capacity
from wsgi_gauntlet.suites.load.throughput.ramp import ramp
from wsgi_gauntlet.suites.load.throughput.steady import SteadyParameters, steady
from wsgi_gauntlet.suites.load.throughput.surge import surge

from ..helpers.scenario_runs import attempts, check_metrics, make_context
from ..known_servers.adapter import plan

pytestmark = pytest.mark.live

UNDECIDED = (Grade.INVALID, Grade.INCONCLUSIVE)
"""Grades of a cell that a busy machine has kept from a result."""


async def run(scenario: Scenario, server: Plan, folder: Path, **parameters: float) -> ScenarioResult:
    fractions: list[float | None] = []
    ctx = make_context(
        scenario, server, folder, parameters, progress=lambda fraction, _doing: fractions.append(fraction)
    )
    cell = check_metrics(await scenario.run(ctx))
    assert cell.scenario == scenario.id
    assert cell.note
    assert cell.generator is not None
    assert all(each is None or 0 <= each <= 1 for each in fractions)
    assert cell.grade is not Grade.ERROR, cell.note
    return cell


def measure(cell: ScenarioResult, name: str) -> Metric:
    return next(each for each in cell.metrics if each.label == name)


def value(cell: ScenarioResult, name: str) -> float:
    found = measure(cell, name).value
    assert found is not None
    return found


async def run_until(
    enough: Callable[[ScenarioResult], object], scenario: Scenario, server: Plan, folder: Path, **parameters: float
) -> ScenarioResult:
    """Run it until `enough` holds, which a busy machine can only prevent."""
    for _ in attempts():
        cell = await run(scenario, server, folder, **parameters)
        if enough(cell):
            break
    return cell


def figure(cell: ScenarioResult, name: str) -> float:
    """Return the value of the metric, 0 if it has none."""
    return next((each.value or 0.0 for each in cell.metrics if each.label == name), 0.0)


async def test_capacity_is_what_so_many_slots_can_do(folder: Path) -> None:
    # 8 answers at a time of 20 ms each: 400 a second. Poisson arrivals may queue for 80 ms, four times an answer.
    cell = await run_until(
        lambda cell: cell.grade is Grade.MEASURED and figure(cell, "capacity") >= 300,
        *(capacity, plan("fixed_service_time", 8, 20), folder),
        duration=1.0,
        budget=10,
    )
    assert cell.grade is Grade.MEASURED, cell.note
    found = measure(cell, "capacity")
    assert found.value is not None
    # Up to 10 % more does not show in a second; the search is no finer than 12 %.
    assert 300 <= found.value <= 450
    if not found.censored:
        assert "p99" in measure(cell, "limited by").note
    assert value(cell, "p99 at capacity") < 0.1
    assert "at capacity" in {each.name for each in cell.phases}


async def test_a_server_that_is_always_too_slow_has_no_capacity(folder: Path) -> None:
    # Half of its pages are quick, so 300 ms are not what a page takes anyway.
    cell = await run(capacity, plan("fixed_service_time", 8, 300, 2), folder, duration=0.3, budget=10)
    assert measure(cell, "capacity").value is None
    assert cell.grade in (Grade.MEASURED, Grade.INVALID)
    assert "Not even" in cell.note or cell.grade is Grade.INVALID


async def test_the_highest_rate_allowed_is_a_lower_bound(folder: Path) -> None:
    cell = await run_until(
        lambda cell: cell.grade is Grade.MEASURED and figure(cell, "capacity") == 50,
        *(capacity, plan("fixed_service_time", 8, 20), folder),
        duration=0.5,
        rate=50,
    )
    assert value(cell, "capacity") == 50
    assert measure(cell, "capacity").censored
    assert measure(cell, "limited by").note == "The parameter rate."


async def test_a_generator_at_its_end_is_no_server_at_its_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def weak(*arguments: Any, **named: Any) -> GeneratorResult:
        """Be a generator that can offer only 100 requests per second."""
        found = await parallel_open_loop(*arguments, **named)
        if arguments[3].rate(0.0) <= 101:
            return found
        late = Histogram()
        late.record(120_000_000_000, found.scheduled)  # more than these tests let a generator have
        return replace(found, achieved=1.0, lateness=late)

    monkeypatch.setattr(open_loop_experiment, "parallel_open_loop", weak)
    # On a busy machine the server is at its end before the generator.
    cell = await run_until(
        lambda cell: figure(cell, "capacity") and measure(cell, "capacity").censored,
        *(capacity, plan("fixed_service_time", 8, 20), folder),
        duration=0.4,
        budget=5,
    )
    found = measure(cell, "capacity")
    assert cell.grade in (Grade.MEASURED, Grade.INVALID)
    assert found.value is not None
    assert found.value <= 101
    assert found.censored
    assert measure(cell, "limited by").note.startswith("The generator: ")


async def test_requests_lost_are_counted(folder: Path) -> None:
    cell = await run(steady, plan("loses_pages", 10, "cut"), folder, duration=1.5, rate=100, budget=0.1)
    assert [each.name for each in cell.phases] == ["uniform, 100/s", "Poisson, 100/s"]
    for each in cell.phases:
        # Every tenth, wherever the count stands when the phase begins.
        lost = each.scheduled - each.outcomes[Outcome.OK]
        assert lost in (each.scheduled // 10, math.ceil(each.scheduled / 10))
        assert lost == each.outcomes[Outcome.ERROR]
    assert cell.goodput == pytest.approx(0.9, abs=0.01)
    assert any("closed in the middle of a response" in words for words in cell.caveats)


async def test_p99_is_that_of_the_late_ones(folder: Path) -> None:
    # Every fiftieth is half a second late, so the slowest hundredth is, too.
    cell = await run_until(
        lambda cell: cell.grade is not Grade.INVALID,
        *(steady, plan("delays_pages", 50, 500), folder),
        duration=2,
        rate=100,
        budget=0.1,
    )
    assert cell.grade is not Grade.INVALID, cell.note
    really = [float(each) for each in re.findall(r"delayed ([\d.]+)", cell.log)]
    assert len(really) in (7, 8, 9)
    for each in cell.phases:
        assert each.p50 is not None
        assert each.p50 < min(really)
        assert each.p99 is not None
        # A busy machine makes answers later, and never sooner than the server says.
        assert min(really) * 0.98 <= each.p99 <= max(really) + 1
        assert each.service_p99 is not None
    curves = {each.phase for each in cell.percentiles}
    assert {"Poisson, 100/s", "Poisson, 100/s, service time"} <= curves


async def test_half_and_four_fifths_of_an_estimated_capacity(folder: Path) -> None:
    cell = await run_until(
        lambda cell: figure(cell, "capacity, estimated") >= 100 and cell.goodput == 1.0,
        *(steady, plan("fixed_service_time", 8, 40), folder),
        duration=1,
        budget=0.1,
    )
    # In a closed loop all slots are always busy.
    estimated = value(cell, "capacity, estimated")
    # A busy machine may take from it, and adds nothing.
    assert 100 <= estimated <= 220
    assert [each.name for each in cell.phases] == ["uniform, 50 %", "Poisson, 50 %", "uniform, 80 %", "Poisson, 80 %"]
    assert cell.phases[0].scheduled == pytest.approx(cell.phases[1].scheduled, abs=1)
    assert cell.phases[0].scheduled == pytest.approx(estimated * 0.5, rel=0.05, abs=2)
    assert cell.phases[2].scheduled == pytest.approx(estimated * 0.8, rel=0.05, abs=2)
    assert cell.goodput == 1.0
    assert cell.grade in (Grade.MEASURED, Grade.INVALID)


async def test_capacity_is_not_what_64_connections_can_do(folder: Path) -> None:
    # 128 answers at a time of 200 ms each: 640 a second, and 320 over 64 connections.
    cell = await run_until(
        lambda cell: figure(cell, "capacity, estimated") > 400,
        *(steady, plan("fixed_service_time", 128, 200), folder),
        duration=0.3,
        budget=0.1,
    )
    assert 400 < (value(cell, "capacity, estimated") or 0) < 700


@pytest.mark.parametrize("scenario", [steady, capacity, ramp, surge], ids=lambda scenario: scenario.id)
async def test_too_few_connections_are_no_server_at_its_end(scenario: Scenario, folder: Path) -> None:
    cell = await run(scenario, plan("fixed_service_time", 1000, 100), folder, clients=16, duration=1)
    assert cell.grade is Grade.INVALID
    assert cell.generator is not None
    assert not cell.generator.valid
    assert "all 16 connections of the generator were busy" in cell.note
    assert "set --slow-clients above 16" in cell.note


async def test_a_rate_that_the_connections_are_too_few_for_is_not_measured(folder: Path) -> None:
    cell = await run(
        steady, plan("fixed_service_time", 1000, 100), folder, clients=16, rate=320, duration=0.5, budget=0.1
    )
    assert cell.grade is Grade.INVALID
    assert "all 16 connections of the generator were busy, and each response took only 1" in cell.note


async def test_shares_of_a_capacity_that_the_server_has_outrun_are_offered_again(folder: Path) -> None:
    # 400 a second for the first 1,800 pages, which is longer than the estimate takes, and 100 from then on. A machine
    # that is busy meanwhile asks for fewer in the estimate and the first share, so that the change comes later.
    for _ in attempts():
        cell = await run(steady, plan("throttles", 1800, 16, 4, 40), folder, duration=1, budget=0.1)
        if "so all loads were repeated with shares of that" in cell.note:
            break
    now = value(cell, "capacity, estimated")
    assert 50 < (now or 0) < 200
    assert cell.phases[0].scheduled == pytest.approx((now or 0) / 2, abs=2)
    assert "so all loads were repeated with shares of that" in cell.note


async def test_a_server_that_is_throttled_while_it_is_estimated(folder: Path) -> None:
    # A machine that asks for fewer pages in the estimate may see only those before the change.
    cell = await run_until(
        lambda cell: 50 < figure(cell, "capacity, estimated") < 200,
        *(steady, plan("throttles", 300, 16, 4, 40), folder),
        duration=0.5,
        budget=0.1,
    )
    assert 50 < (value(cell, "capacity, estimated") or 0) < 200


@pytest.mark.parametrize("scenario", [ramp, surge], ids=lambda scenario: scenario.id)
async def test_a_capacity_that_changes_decides_nothing(scenario: Scenario, folder: Path) -> None:
    # On a machine so slow that fewer pages were asked for, the capacity changes after the last figure, or not at all.
    for _ in attempts():
        cell = await run(scenario, plan("throttles", 1500, 16, 4, 40), folder, duration=1)
        if cell.grade is Grade.INCONCLUSIVE or cell.recovery is None:
            break
    # A surge after which users are never well served again says so, and no more.
    assert cell.grade is Grade.INCONCLUSIVE or cell.recovery is None
    if cell.grade is Grade.INCONCLUSIVE:
        assert "it has changed" in cell.note or "measurement was shorter" in cell.note


async def test_the_knee_is_where_all_slots_are_busy(folder: Path) -> None:
    cell = await run_until(
        lambda cell: cell.grade is Grade.MEASURED and figure(cell, "knee") >= 50,
        *(ramp, plan("fixed_service_time", 4, 40), folder),
        duration=4,
        rate=150,
    )
    assert len(cell.windows) == 20
    assert cell.windows[-1].offered > cell.windows[0].offered
    assert cell.grade is Grade.MEASURED, cell.note
    # Two windows more; a busy machine may take from it, and adds nothing.
    assert 50 <= value(cell, "knee") <= 116
    assert not measure(cell, "knee").censored
    assert [each.name for each in cell.phases] == ["up to the knee", "past the knee"]


async def test_a_ramp_without_a_knee(folder: Path) -> None:
    cell = await run_until(
        lambda cell: cell.grade is Grade.MEASURED and figure(cell, "knee") == 100,
        *(ramp, plan("fixed_service_time", 8, 20), folder),
        duration=2,
        rate=100,
    )
    assert measure(cell, "knee").censored
    assert value(cell, "knee") == 100
    assert "no knee" in cell.note


async def test_the_queue_of_a_surge_and_its_end(folder: Path) -> None:
    # 100 a second can be answered. 0.6 s at 300 leave 120, which go at 80 a second: within 100 ms after 1.4 s.
    cell = await run_until(
        lambda cell: cell.grade not in UNDECIDED,
        *(surge, plan("fixed_service_time", 4, 40), folder),
        duration=0.6,
        rate=20,
        recovery=3,
    )
    assert cell.grade not in UNDECIDED, cell.note
    assert [each.name for each in cell.phases] == ["before", "surge", "after"]
    assert cell.phases[1].scheduled == 180
    # At least: a busy machine makes it longer, and users well served later.
    assert value(cell, "longest queue") >= 108
    assert value(cell, "requests lost") == 0
    assert cell.recovery is None or 1.15 <= cell.recovery <= 3


async def test_requests_lost_in_a_surge(folder: Path) -> None:
    cell = await run(surge, plan("loses_pages", 5, "cut"), folder, duration=1, rate=20, recovery=0.5)
    # Already before the surge: that decides nothing about it, and is a fault of its own.
    assert cell.grade in (Grade.DEGRADED, Grade.INVALID)
    before = cell.phases[0]
    assert before.outcomes[Outcome.ERROR] == pytest.approx(before.scheduled / 5, abs=1)
    if cell.grade is Grade.DEGRADED:
        assert value(cell, "requests lost without slow clients") == before.outcomes[Outcome.ERROR]
        lost, sent = before.outcomes[Outcome.ERROR], before.scheduled
        assert cell.note.startswith(f"Without any slow client {lost} of {sent} requests were lost ({lost} failed): ")
        assert "Users were not served well even before the surge" in cell.note
    asked = cell.phases[1].scheduled + cell.phases[2].scheduled
    assert value(cell, "requests lost") == pytest.approx(asked / 5, abs=1)
    assert cell.recovery is None


@pytest.mark.parametrize("scenario", [steady, capacity, ramp, surge], ids=lambda scenario: scenario.id)
async def test_a_server_that_gives_wrong_pages_is_not_measured(scenario: Scenario, folder: Path) -> None:
    ctx = make_context(scenario, plan("corrupts_pages", 1), folder)
    cell = await scenario.run(ctx)
    assert cell.grade is Grade.ERROR
    assert "The speed of wrong responses means nothing" in cell.note
    assert not cell.phases


async def test_a_server_that_has_ended_is_started_again(folder: Path) -> None:
    parameters = SteadyParameters(clients=8, duration=1, estimate=1, budget=1, size=2000)
    ctx = ScenarioContext(
        plan("fixed_service_time", 8, 20), steady, parameters, scratch=folder / "scratch", logs=folder / "logs"
    )
    async with open_loop_experiment.open_loop_experiment(ctx) as b:
        found = await b.offer("first", Uniform(40), 0.5)
        assert found.ok == found.scheduled
        assert isinstance(b.running, ServerInstance)
        os.kill(b.running.pid, signal.SIGKILL)
        assert await b.running.wait_for_end(10)
        found = await b.offer("second", Uniform(40), 0.5)
        assert found.ok == found.scheduled
        assert b.restarts == 1
        assert "the harness had to restart the server once" in b.caveats()
        assert [each.name for each in b.phases] == ["first", "second"]
        assert b.phases[0].ended <= b.phases[1].started
        b.discard_last()
        assert [each.name for each in b.phases] == ["first"]
