"""The search for capacity, against servers whose capacity is known because they are one line long."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.stats.histogram import Histogram
from wsgi_gauntlet.suites.load.throughput.capacity_search import (
    MAX_PROBES,
    MAX_PROBES_PER_RATE,
    CapacityBounds,
    ProbeOutcome,
    RateProbe,
    capacity_bounds,
    evaluate_probe,
    is_inconclusive,
    next_probe_rate,
    search_capacity,
)

PASSED, FAILED, UNFIT = ProbeOutcome.PASSED, ProbeOutcome.FAILED, ProbeOutcome.UNFIT


def tries(*outcome: tuple[float, ProbeOutcome]) -> list[RateProbe]:
    return [RateProbe(rate, each) for rate, each in outcome]


def run(
    capacity: float, first: float, precision: float = 0.02, *, offers: float = math.inf, max_rate: float = math.inf
) -> list[RateProbe]:
    made: list[RateProbe] = []
    while (rate := next_probe_rate(made, first, precision, max_rate=max_rate)) is not None:
        made.append(RateProbe(rate, UNFIT if rate > offers else PASSED if rate <= capacity else FAILED))
        assert len(made) <= MAX_PROBES
    return made


@given(capacity=st.floats(2, 1e5), first=st.floats(1, 1e5))
def test_every_capacity_is_found_to_the_precision(capacity: float, first: float) -> None:
    found = capacity_bounds(run(capacity, first))
    assert found.passed is not None
    assert found.failed is not None
    assert found.passed <= capacity < found.failed <= found.passed * 1.02
    assert not found.bound
    assert not is_inconclusive(found, 0.02)


def test_a_good_guess_needs_few_tries() -> None:
    made = run(470, 400, 0.12)
    assert [round(each.rate) for each in made] == [400, 500, 500, 447, 447]
    found = capacity_bounds(made)
    assert (round(found.passed or 0), found.failed, found.generator_limit, found.noise) == (447, 500.0, None, 0.0)


@given(capacity=st.floats(2, 1e5), offers=st.floats(2, 1e5), first=st.floats(1, 1e5))
def test_a_generator_at_its_end_gives_a_lower_bound(capacity: float, offers: float, first: float) -> None:
    found = capacity_bounds(run(capacity, first, offers=offers))
    assert found.passed is not None
    assert found.passed <= min(capacity, offers)
    assert found.bound == (offers < (found.failed or math.inf))
    if found.bound:
        assert found.generator_limit is not None
        assert found.generator_limit <= found.passed * 1.16


def test_the_highest_rate_allowed_is_a_bound() -> None:
    found = capacity_bounds(run(1000, 100, max_rate=150))
    assert (found.passed, found.upper_limit, found.bound) == (150, None, True)


def test_a_server_that_holds_nothing() -> None:
    made = run(0.5, 100)
    found = capacity_bounds(made)
    assert found.passed is None
    assert not found.bound
    assert found.failed == 1.0
    assert len(made) <= 14


@given(seed=st.integers(0, 10_000), first=st.floats(1, 1e4))
def test_a_server_that_answers_at_random_ends_the_search_all_the_same(seed: int, first: float) -> None:
    draw = random.Random(seed)
    made: list[RateProbe] = []
    while (rate := next_probe_rate(made, first, 0.02)) is not None:
        made.append(RateProbe(rate, draw.choice(list(ProbeOutcome)), decisive=draw.random() < 0.2))
        assert sum(each.rate == rate for each in made) <= MAX_PROBES_PER_RATE
        if len(made) == MAX_PROBES:
            break
    found = capacity_bounds(made)
    if found.passed is not None and found.upper_limit is not None:
        assert found.passed < found.upper_limit


@pytest.mark.parametrize(
    ("made", "next_rate"),
    [
        ([], 400),
        ([(400, FAILED)], 400),  # it may have been a stall
        ([(400, FAILED), (400, PASSED)], 400),  # they contradict each other
        ([(400, UNFIT)], 400),
        ([(400, UNFIT), (400, UNFIT)], 320),
        ([(400, UNFIT), (400, PASSED)], 500),
        ([(400, FAILED), (400, FAILED)], 320),
        ([(400, FAILED), (400, PASSED), (400, PASSED)], 500),
        ([(400, FAILED), (400, PASSED), (400, FAILED)], 320),
        ([(400, PASSED), (404, FAILED), (404, FAILED)], 400),  # the answer is to hold twice
        ([(400, PASSED), (404, FAILED), (404, FAILED), (400, PASSED)], None),
        ([(400, PASSED), (404, FAILED), (404, FAILED), (400, FAILED)], 400),
        ([(400, PASSED), (404, FAILED), (404, FAILED), (400, UNFIT)], 400),
        ([(400, PASSED), (404, FAILED), (404, FAILED), (400, UNFIT), (400, UNFIT)], None),
    ],
)
def test_what_is_tried_next(made: list[tuple[float, ProbeOutcome]], next_rate: float | None) -> None:
    found = next_probe_rate(tries(*made), 400, 0.02)
    assert found == (None if next_rate is None else pytest.approx(next_rate))


def test_a_clear_failure_is_not_tried_again() -> None:
    assert next_probe_rate([RateProbe(400, FAILED, decisive=True)], 400, 0.02) == 320


def test_one_hiccup_is_no_noise() -> None:
    found = capacity_bounds(
        tries((100, FAILED), (100, PASSED), (100, PASSED), (400, PASSED), (500, FAILED), (500, FAILED))
    )
    assert (found.passed, found.failed, found.noise) == (400, 500, 0.0)


def test_contradictions_over_a_wide_stretch_are_noise() -> None:
    made = tries((100, PASSED), (100, FAILED), (100, PASSED), (150, PASSED), (150, FAILED), (150, FAILED))
    found = capacity_bounds(made)
    assert (found.passed, found.failed) == (100, 150)
    assert found.noise == pytest.approx(0.5)
    assert is_inconclusive(found, 0.02)
    assert is_inconclusive(found, 0.2)
    assert not is_inconclusive(found, 0.25)


def test_where_a_higher_rate_held_the_lower_failure_decides() -> None:
    made = tries((100, PASSED), (200, FAILED), (200, FAILED), (300, PASSED))
    assert capacity_bounds(made) == CapacityBounds(100, 200, None, 0.5)


async def test_a_search_out_of_time_says_what_it_has() -> None:
    left = iter([True] * 3 + [False])

    async def probe(rate: float) -> RateProbe:
        return RateProbe(rate, PASSED if rate < 170 else FAILED, decisive=True)

    made = await search_capacity(probe, 100, 0.02, has_time=lambda: next(left))
    assert [each.rate for each in made] == [100, 125, pytest.approx(195.3, abs=0.1)]
    assert capacity_bounds(made).passed == 125
    assert capacity_bounds([]) == CapacityBounds(None, None, None)


def result(
    *, ok: int, slow: int = 0, took: float = 0.01, late: float = 0.0, offered: float = 100.0, **counts: int
) -> GeneratorResult:
    """Return the result of an open loop: `slow` of `ok` responses took `took` seconds, all others 10 ms."""
    latency, lateness, waiting = Histogram(), Histogram(), Histogram()
    latency.record(10_000_000, ok - slow)
    latency.record(round(took * 1e9), slow)
    waiting.record(10**9, counts.get("timeouts", 0))
    lateness.record(round(late * 1e9), ok + sum(counts.values()))
    plain = GeneratorResult(64, 1.0, 0.1, latency, latency, waiting, offered=offered, achieved=100.0, lateness=lateness)
    return replace(plain, **counts)  # type: ignore[arg-type]  # all of them are counts


@pytest.mark.parametrize(
    ("found", "outcome", "decisive", "why"),
    [
        (result(ok=1000), PASSED, False, ""),
        (result(ok=999, errors=1), FAILED, False, "1 x error"),
        (result(ok=2999, errors=1), PASSED, False, ""),
        (result(ok=1000, slow=20, took=0.15), FAILED, False, "p99 of 150 ms"),
        (result(ok=1000, slow=600, took=0.15), FAILED, True, "p99 of 150 ms"),
        (result(ok=1000, slow=20, took=0.6), FAILED, True, "p99 of 6"),
        (result(ok=1000, slow=10, took=0.6), PASSED, False, ""),
        (result(ok=980, timeouts=20), FAILED, True, "p99 of at least 1.0 s; 20 x timeout; 98 % answered"),
        (result(ok=900, wrong=100), FAILED, True, "100 x wrong body; 90 % answered"),
        (result(ok=0, errors=50), FAILED, True, "no responses"),
        (result(ok=1000, slow=20, took=0.15, late=0.02), UNFIT, False, "late"),
        (result(ok=1000, late=0.009), PASSED, False, ""),  # 10 ms late move nothing that is judged against 100
        (result(ok=500, slow=500, took=0.6, late=0.3, offered=200.0), UNFIT, False, "100 of 200"),
    ],
)
def test_what_a_try_came_to(found: GeneratorResult, outcome: ProbeOutcome, decisive: bool, why: str) -> None:
    made = evaluate_probe(100.0, found)
    assert (made.rate, made.outcome, made.decisive) == (100.0, outcome, decisive)
    assert why in made.why
    assert bool(made.why) == bool(why)
