"""The histogram against exact computation, and merged histograms against one run."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.stats import histogram, summary
from wsgi_gauntlet.harness.stats.histogram import MAX_VALUE_NS, Histogram, counts_index, median_equivalent_value

latencies = st.lists(st.integers(1, 10**11), min_size=1, max_size=300)


def over(values: list[int]) -> Histogram:
    found = Histogram()
    for each in values:
        found.record(each)
    return found


def test_buckets_are_without_gap_or_overlap() -> None:
    indices = [counts_index(value) for value in range(5000)]
    assert indices[:257] == list(range(257))
    assert all(after - before in (0, 1) for before, after in pairwise(indices))
    assert counts_index(MAX_VALUE_NS) == len(Histogram().counts) - 1


@given(st.integers(0, MAX_VALUE_NS))
def test_a_bucket_stands_for_what_it_holds_to_less_than_half_a_percent(value: int) -> None:
    assert abs(median_equivalent_value(counts_index(value)) - value) <= value / 256
    assert counts_index(median_equivalent_value(counts_index(value))) == counts_index(value)


@pytest.mark.parametrize(("value", "nearest"), [(-5, 0), (MAX_VALUE_NS + 1, MAX_VALUE_NS), (1 << 80, MAX_VALUE_NS)])
def test_what_has_no_bucket_goes_to_the_nearest_end(value: int, nearest: int) -> None:
    assert counts_index(value) == counts_index(nearest)


def test_the_arithmetic_of_the_closed_loop_is_the_same() -> None:
    # closed_loop.py records without a call, with these two lines.
    for value in (256, 257, 511, 512, 10_000, 123_456_789, MAX_VALUE_NS):
        shift = value.bit_length() - histogram.PRECISION_BITS
        assert (shift << histogram.PRECISION_BITS - 1) + (value >> shift) == counts_index(value)


@given(latencies, st.floats(0, 1))
def test_quantiles_agree_with_exact_computation_to_one_percent(values: list[int], q: float) -> None:
    assert over(values).quantile(q) == pytest.approx(summary.quantile(values, q) / 1e9, rel=0.01)


def test_quantiles_of_a_long_run_agree_with_exact_computation() -> None:
    draw = random.Random(7)
    values = [int(draw.lognormvariate(13, 1.5)) for _ in range(50_000)]
    found = over(values)
    for q in (0, 0.01, 0.5, 0.9, 0.99, 0.999, 1):
        assert found.quantile(q) == pytest.approx(summary.quantile(values, q) / 1e9, rel=0.01)
    assert found.mean() == pytest.approx(sum(values) / len(values) / 1e9, rel=0.01)
    assert len(found) == 50_000


@given(st.lists(latencies, min_size=1, max_size=5))
def test_merging_equals_one_run_over_the_same_values(shards: list[list[int]]) -> None:
    whole = over([value for shard in shards for value in shard])
    assert Histogram.merged(over(shard) for shard in shards) == whole


def test_the_share_within_a_range() -> None:
    found = over([n * 1_000_000 for n in range(1, 101)])
    assert found.fraction_between(0.0405, 0.0505) == 0.1
    assert found.fraction_between(0, 1) == 1
    assert found.fraction_between(0.2, 0.3) == 0
    assert Histogram().fraction_between(0, 1) == 0


def test_an_empty_one_has_no_quantiles_and_no_curve() -> None:
    empty = Histogram()
    assert len(empty) == 0
    assert empty.percentiles("p") == ()
    with pytest.raises(ValueError, match="at least one value"):
        empty.quantile(0.5)
    with pytest.raises(ValueError, match="empty histogram"):
        empty.mean()


def test_one_value_is_its_own_curve() -> None:
    (only,) = over([100]).percentiles("p")
    assert (only.phase, only.percentile, only.latency) == ("p", 0.0, 100 / 1e9)


@given(latencies)
def test_the_curve_rises_from_the_minimum_to_the_maximum(values: list[int]) -> None:
    curve = over(values).percentiles("p")
    assert curve[0].latency == pytest.approx(min(values) / 1e9, rel=0.01)
    assert curve[-1].latency == pytest.approx(max(values) / 1e9, rel=0.01)
    assert all(a.percentile < b.percentile and a.latency <= b.latency for a, b in pairwise(curve))
    assert curve[-1].percentile < 100


def test_the_curve_has_the_points_that_hdr_histogram_draws() -> None:
    curve = [each.percentile for each in over(list(range(1, 1001))).percentiles("p")]
    assert curve[:11] == pytest.approx([0, 10, 20, 30, 40, 50, 55, 60, 65, 70, 75])


def test_it_cannot_be_a_key() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Histogram())
    assert Histogram() != "a histogram"
