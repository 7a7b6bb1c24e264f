"""How a trial is made from a measured cell."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest

from wsgi_gauntlet.harness.load.arrivals import Pacer
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import UserTraffic
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.traffic_workload import TrafficWorkload
from wsgi_gauntlet.harness.load.workload import ReferencePage
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, ScenarioResult
from wsgi_gauntlet.harness.model import Step as LoadStep
from wsgi_gauntlet.harness.model.recommendation import RatePoint, Stage
from wsgi_gauntlet.harness.recommendation import measurement
from wsgi_gauntlet.harness.recommendation.capacity import ClosedLoop
from wsgi_gauntlet.harness.recommendation.measurement import (
    INVALID_RATE,
    MAX_LOOP_SECONDS,
    PARAMETERS,
    WRONG,
    TrialParameters,
    best_loop_limit,
    cpu_per_request,
    failed_share,
    loop_seconds,
    peak_metric,
    trial_of,
    users_rate,
)
from wsgi_gauntlet.harness.stats.histogram import Histogram
from wsgi_gauntlet.harness.traffic.model import Traffic


def cell(*metrics: Metric, grade: Grade = Grade.MEASURED, why: str = "", note: str = "") -> ScenarioResult:
    health = GeneratorHealth(valid=not why, why=why)
    steps = (LoadStep(0, 0.75, p99=0.2, rate=10.0),)
    return ScenarioResult("a", "recommendation", grade, generator=health, metrics=metrics, steps=steps, note=note)


def test_a_trial_has_the_figures_and_the_curve_of_its_cell() -> None:
    found = trial_of(
        cell(Metric("capacity", "capacity", 5.0, "requests/s", censored=True, note="cpu")), Stage.FINALS, 3
    )
    assert (found.candidate, found.stage, found.round, found.valid, found.ruled_out) == ("a", Stage.FINALS, 3, True, "")
    (figure,) = found.figures
    assert (figure.value, figure.bound, figure.why, figure.higher_is_better) == (5.0, True, "cpu", True)
    assert found.curve == (RatePoint(10.0, 0.2, 0.25),)


def test_the_generators_lateness_is_kept_beside_p99() -> None:
    p99 = Metric("p99_at_peak", "p99 at the peak", 0.004, "s", lateness=0.001)
    assert [each.lateness for each in trial_of(cell(p99), Stage.FINALS, 1).figures] == [0.001]


def test_an_invalid_cell_has_the_reason_of_the_generator_or_the_note() -> None:
    assert trial_of(cell(grade=Grade.INVALID, why="late"), Stage.SCREENING, 1).why == "late"
    assert trial_of(cell(grade=Grade.INVALID, note="no ports"), Stage.SCREENING, 1).why == "no ports"


def test_the_curve_of_an_invalid_cell_is_invalid() -> None:
    (point,) = trial_of(cell(grade=Grade.INVALID, why="late"), Stage.FINALS, 1).curve
    assert (point.valid, point.why) == (False, "late")


def test_a_rate_that_the_generator_could_not_offer_is_an_invalid_point_of_a_valid_trial() -> None:
    lost = Metric(INVALID_RATE, "rate", 80.0, "requests/s", note="it used 99 % of its core")
    measured = cell(Metric("capacity", "capacity", 100.0), lost)
    steps = (*measured.steps, LoadStep(0, 1.0, p99=0.4, rate=80.0))
    found = trial_of(msgspec.structs.replace(measured, steps=steps), Stage.FINALS, 1)
    assert found.valid
    assert [each.id for each in found.figures] == ["capacity"]
    assert found.curve == (
        RatePoint(10.0, 0.2, 0.25),
        RatePoint(80.0, 0.4, valid=False, why="it used 99 % of its core"),
    )


class Made:
    """An experiment of a server with a capacity of 1000/s, with a generator that is late from `late_from` /s on."""

    def __init__(self, late_from: float) -> None:
        self.late_from = late_from
        self.ctx = SimpleNamespace(progress=lambda *_: None)
        self.running = SimpleNamespace(processes=list)
        self.results: list[GeneratorResult] = []
        self.usage_at_start = SimpleNamespace(cpu=0.0, at=-1.0)
        self.workload = ReferencePage()

    async def run_closed_loop(self, connections: int, seconds: float) -> GeneratorResult:
        return loaded(1000.0, seconds, connections)

    async def offer(self, _name: str, pacer: Pacer, seconds: float, **_: object) -> GeneratorResult:
        rate = round(pacer.rate(0.0))
        found = loaded(rate, seconds, late=0.2 if rate >= self.late_from else 0.0, offered=rate)
        self.results.append(found)
        return found

    def discard_last(self) -> None:
        del self.results[-1]

    def connection_limit_reason(self, _found: GeneratorResult) -> str:
        return ""


def loaded(
    rate: float, seconds: float, connections: int = 8, late: float = 0.0, offered: float | None = None
) -> GeneratorResult:
    """Return the result of a load in which each request took 5 ms longer than the generator was `late`."""
    latency, lateness = Histogram(), Histogram()
    count = round(rate * seconds)
    latency.record(round((0.005 + late) * 1e9), count)
    lateness.record(round(late * 1e9), count)
    return GeneratorResult(
        connections, seconds, 0.1, latency, latency, Histogram(), offered=offered, achieved=offered, lateness=lateness
    )


@pytest.fixture
def idle_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async def usage(_processes: object) -> SimpleNamespace:
        return SimpleNamespace(cpu=0.0, at=next(clock))

    async def memory(_processes: object) -> int:
        return 10**7

    clock = itertools.count()
    monkeypatch.setattr(measurement, "usage", usage)
    monkeypatch.setattr(measurement, "memory", memory)


@pytest.mark.usefixtures("idle_server")
@pytest.mark.parametrize(("late_from", "lost"), [(9000, []), (700, [800]), (400, [500, 800])])
async def test_a_generator_that_is_late_at_high_rates_loses_these_and_no_capacity(
    late_from: float, lost: list[float]
) -> None:
    experiment = Made(late_from)
    alone = measurement._Alone(experiment, replace(PARAMETERS, curve=1, p99_limit=0.1))  # type: ignore[arg-type]
    await alone.measure()
    metrics = alone.metrics()
    assert [each.value for each in metrics if each.id == "capacity"] == [1000.0]
    assert [each.rate for each in alone.steps] == [250, 500, 800]
    assert [each.value for each in metrics if each.id == INVALID_RATE] == lost
    assert all("late" in each.note for each in metrics if each.id == INVALID_RATE)
    assert all(each.health().valid for each in experiment.results)


@pytest.mark.usefixtures("idle_server")
async def test_a_generator_that_is_late_at_the_lowest_rate_was_disturbed() -> None:
    experiment = Made(late_from=0)
    alone = measurement._Alone(experiment, replace(PARAMETERS, curve=1, p99_limit=0.1))  # type: ignore[arg-type]
    await alone.measure()
    assert not experiment.results[0].health().valid, "it stays, and makes the trial invalid"


def test_wrong_responses_rule_out_with_evidence_even_if_the_machine_was_busy() -> None:
    wrong = Metric(WRONG, "wrong", 2, note="log in: the page of another user: it has name 'a' (2 times)")
    found = trial_of(cell(wrong, grade=Grade.INVALID, why="late"), Stage.SCREENING, 1)
    assert found.ruled_out == "It mixes up users: 2 responses had the wrong body, among them pages of other users."
    assert found.evidence == (wrong.note,)
    other = trial_of(cell(Metric(WRONG, "wrong", 1, note="home: other bytes")), Stage.SCREENING, 1)
    assert other.ruled_out == "It gave 1 response with the wrong body under load."
    nobodys = Metric(WRONG, "wrong", 3, note="log in: a page without the text of its user: the body lacks 'a'")
    assert (
        trial_of(cell(nobodys), Stage.SCREENING, 1).ruled_out == "It gave 3 responses with the wrong body under load."
    )
    assert trial_of(cell(Metric(WRONG, "wrong", 0)), Stage.SCREENING, 1).ruled_out == ""


def test_the_parameters_are_declared_with_units() -> None:
    assert set(TrialParameters.declared()) >= {"loop", "open_loop", "users_phase", "peak", "slow_clients", "curve"}
    assert PARAMETERS.with_overrides({"loop": 1}, "x").loop == 1.0


def test_cpu_time_below_a_clock_tick_is_0_and_a_process_that_ended_is_unknown() -> None:
    assert cpu_per_request([(0.5, 100.0), (1.0, 200.0)]) == 0.005
    assert cpu_per_request([(0.0, 50.0)]) == 0.0
    assert cpu_per_request([(-0.1, 50.0)]) is None
    assert cpu_per_request([]) is None


def test_a_generator_that_limited_another_loop_does_not_limit_the_capacity() -> None:
    loops = [ClosedLoop(8, 100.0, 0.1), ClosedLoop(32, 120.0, 0.9)]
    assert best_loop_limit(loops, ["", "busy"], 0.3) == ""
    assert best_loop_limit(loops, ["busy", ""], 0.3) == "busy"
    assert best_loop_limit([], [], 0.3) == ""


def test_errors_at_the_peak_count_as_the_longest_wait() -> None:
    good = peak_metric((0.02, False), 0.995, 0.001)
    assert (good.value, good.censored, good.note, good.lateness) == (0.02, False, "", 0.001)
    bad = peak_metric((0.02, False), 0.7, 0.001)
    assert (bad.value, bad.censored, bad.note) == (5.0, True, "30 % of the requests get no correct answer")
    assert peak_metric(None, 0.0, 0.0).value == 5.0
    assert failed_share(90, 100) == pytest.approx(0.1)
    assert failed_share(0, 0) == 0.0


@pytest.mark.parametrize(
    ("users", "slow", "peak", "rate"),
    [
        (40, 8, 0.0, 20.0),
        (80, 16, 0.0, 40.0),
        (10_000, 0, 0.0, 100.0),
        (80, 16, 30.0, 30.0),
        (3, 0, 0.0, 5.0),
        (3, 0, 2.0, 2.0),
        (5, 9, 0.0, 5.0),
    ],
)
def test_the_rate_of_the_users_follows_from_their_number(users: int, slow: int, peak: float, rate: float) -> None:
    assert users_rate(users, slow, peak) == rate


async def test_users_beside_slow_clients_think_for_a_tenth_of_their_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    class Started(Exception):
        pass

    def continue_with_traffic(*arguments: object, **_options: object) -> None:
        seen.extend(arguments)
        raise Started

    monkeypatch.setattr(measurement, "continue_with_traffic", continue_with_traffic)
    with pytest.raises(Started):
        await measurement._measure_users(None, None, replace(PARAMETERS, users_phase=3.0), 8)  # type: ignore[arg-type]
    (users,) = (each for each in seen if isinstance(each, UserTraffic))
    assert users.longest_think_time == pytest.approx(0.3)


def test_a_closed_loop_of_a_slow_app_has_enough_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1})

    def seconds(mean: float) -> float:
        return loop_seconds(0.5, TrafficWorkload(Traffic(()), (), mean_seconds=mean))

    assert seconds(0.001) == 0.5
    assert seconds(0.04) == pytest.approx(2.0)
    assert seconds(0.5) == MAX_LOOP_SECONDS
    assert loop_seconds(0.5, ReferencePage()) == 0.5
