"""Exact known answers for the statistics."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.model import Outcome, Phase, Sample
from wsgi_gauntlet.harness.stats import summary


def sample(
    latency: float, outcome: Outcome = Outcome.OK, intended: float = 0.0, service: float | None = None
) -> Sample:
    return Sample(intended, latency, latency if service is None else service, outcome)


def phase(p99: float | None, censored: bool = False) -> Phase:
    return Phase("p", 0, 1, 1, {}, 1.0, p99=p99, censored=censored)


@pytest.mark.parametrize(
    ("count", "q", "expected"),
    [
        (1, 0.0, 1),
        (1, 0.99, 1),
        (1, 1.0, 1),
        (2, 0.5, 1),
        (3, 0.5, 2),
        (99, 0.99, 99),
        (100, 0.99, 99),
        (101, 0.99, 100),
        (1000, 0.999, 999),
        (100, 0.07, 7),  # 0.07 * 100 is a little more than 7 in floating point
        (100, 1.0, 100),
    ],
)
def test_nearest_rank(count: int, q: float, expected: int) -> None:
    assert summary.nearest_rank(count, q) == expected


@pytest.mark.parametrize("q", [-0.1, 1.1, float("nan")])
def test_a_quantile_outside_0_to_1_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        summary.quantile([1.0], q)


def test_a_quantile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        summary.quantile([], 0.5)


def test_quantile_does_not_need_sorted_values() -> None:
    assert summary.quantile([3, 1, 2], 0.5) == 2
    assert summary.quantile(range(100, 0, -1), 0.99) == 99
    assert summary.quantile([5, 1], 0) == 1


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_quantile_is_a_value_that_was_seen_with_enough_at_or_below_it(values: list[float], q: float) -> None:
    found = summary.quantile(values, q)
    assert found in values
    assert sum(each <= found for each in values) >= q * len(values) - 1e-6


def test_a_quantile_below_all_censored_values_is_exact() -> None:
    values = [(0.1, False)] * 99 + [(5.0, True)]
    assert summary.censored_quantile(values, 0.99) == (0.1, False)
    assert summary.censored_quantile(values, 1.0) == (5.0, True)


def test_a_quantile_at_or_above_a_censored_value_is_a_lower_bound() -> None:
    # One gave up waiting after 0.05 s: it may truly stand anywhere above, so the p99 is at least 0.1 s.
    values = [(0.05, True)] + [(0.1, False)] * 99
    assert summary.censored_quantile(values, 0.99) == (0.1, True)


def test_a_tie_counts_what_was_seen_first() -> None:
    assert summary.censored_quantile([(5.0, True), (5.0, False)], 0.5) == (5.0, False)


def test_every_scheduled_request_stays_in_the_denominator() -> None:
    assert summary.goodput([sample(0.1, outcome) for outcome in Outcome]) == pytest.approx(1 / 6)
    assert summary.goodput([sample(0.1)] * 3 + [sample(0.1, Outcome.NEVER_SENT)]) == 0.75


def test_nothing_scheduled_blames_nobody() -> None:
    found = summary.summarize([], "quiet", 0, 1)
    assert found.goodput == 1.0
    assert found.scheduled == 0
    assert found.p99 is None
    assert set(found.outcomes.values()) == {0}


def test_summary_with_known_answers() -> None:
    samples = [sample(n / 1000, intended=n / 100, service=n / 2000) for n in range(1, 101)]
    found = summary.summarize(samples, "before", 0, 2)
    assert (found.name, found.started, found.ended, found.scheduled) == ("before", 0, 2, 100)
    assert (found.p50, found.p90, found.p99, found.maximum) == (0.050, 0.090, 0.099, 0.100)
    assert found.service_p99 == 0.0495
    assert found.goodput == 1
    assert not found.censored
    assert found.outcomes == {**dict.fromkeys((each.value for each in Outcome), 0), "ok": 100}


def test_a_phase_has_only_the_samples_that_were_intended_in_it() -> None:
    samples = [sample(0.1, intended=at) for at in (0.0, 0.999, 1.0, 1.5, 2.0)]
    assert summary.summarize(samples, "second", 1, 2).scheduled == 2


def test_time_outs_make_the_p99_a_lower_bound() -> None:
    found = summary.summarize([sample(0.01)] * 98 + [sample(5.0, Outcome.TIMEOUT)] * 2, "attack", 0, 1)
    assert (found.p99, found.censored, found.maximum) == (5.0, True, 5.0)
    assert (found.p50, found.goodput) == (0.01, 0.98)


def test_a_single_time_out_in_a_hundred_leaves_the_p99_exact() -> None:
    found = summary.summarize([sample(0.01)] * 99 + [sample(5.0, Outcome.TIMEOUT)], "attack", 0, 1)
    assert (found.p99, found.censored, found.maximum) == (0.01, False, 5.0)


def test_what_was_in_flight_at_the_end_is_a_lower_bound_too() -> None:
    found = summary.summarize([sample(0.01)] * 9 + [sample(0.5, Outcome.UNFINISHED)], "attack", 0, 1)
    assert (found.p99, found.censored) == (0.5, True)


def test_quick_refusals_do_not_look_quick() -> None:
    found = summary.summarize([sample(2.0)] * 10 + [sample(0.001, Outcome.ERROR)] * 90, "attack", 0, 1)
    assert (found.p50, found.goodput) == (2.0, 0.1)


def test_only_errors_give_no_quantiles() -> None:
    found = summary.summarize([sample(0.001, Outcome.ERROR), sample(0.001, Outcome.WRONG)], "attack", 0, 1)
    assert found.p50 is found.p99 is found.maximum is None
    assert found.goodput == 0


def test_what_was_never_sent_waited_and_has_no_service_time() -> None:
    found = summary.summarize([sample(3.0, Outcome.NEVER_SENT, service=0.0)], "attack", 0, 1)
    assert (found.p99, found.censored, found.service_p99) == (3.0, True, None)


def test_slowdown() -> None:
    assert summary.slowdown(phase(0.01), phase(0.05)) == (0.05 / 0.01, False)
    assert summary.slowdown(phase(0.01), phase(5.0, censored=True)) == (500.0, True)


@pytest.mark.parametrize(
    ("before", "during"),
    [
        (phase(None), phase(1.0)),
        (phase(1.0, censored=True), phase(5.0)),
        (phase(1.0), phase(None)),
        (phase(0.0), phase(1.0)),
    ],
)
def test_slowdown_of_the_unknown_is_unknown(before: Phase, during: Phase) -> None:
    assert summary.slowdown(before, during) == (None, False)


def test_littles_law() -> None:
    assert summary.littles_law(1000, 0.064) == 64


def test_bootstrap_of_equal_values_has_no_width() -> None:
    assert summary.bootstrap_interval([0.9] * 7) == (0.9, 0.9)


def test_bootstrap_is_repeatable_and_holds_the_median() -> None:
    values = [0.91, 0.95, 0.93, 0.90, 0.97, 0.94, 0.92]
    low, high = summary.bootstrap_interval(values)
    assert low < statistics.median(values) < high
    assert min(values) <= low
    assert high <= max(values)
    assert summary.bootstrap_interval(values) == (low, high)


def test_bootstrap_refuses_no_values() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        summary.bootstrap_interval([])
