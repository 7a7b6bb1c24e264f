"""Generators that share the work count exactly what one generator counts."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.load.generator.generator_result import (
    GeneratorResult,
    GeneratorWindow,
    merge_results,
)
from wsgi_gauntlet.harness.load.generator.process_messages import JobResult, encode
from wsgi_gauntlet.harness.stats.histogram import MAX_VALUE_NS, Histogram

SHARDS = 4
LATENCIES = st.lists(st.integers(0, 2 * MAX_VALUE_NS), max_size=60)
"""Nanoseconds, also some that are too large for a bucket of their own."""


def histogram(values: list[int]) -> Histogram:
    found = Histogram()
    for each in values:
        found.record(each)
    return found


def result(values: list[int]) -> GeneratorResult:
    """Return what a generator measures that got these responses, in one window; every third was late."""
    latency, waiting = histogram(values), histogram(values[::3])
    return GeneratorResult(
        connections=1,
        seconds=1.0,
        cpu_seconds=0.5,
        latency=latency,
        service=histogram(values[::2]),
        waiting=waiting,
        errors=len(values) % 3,
        error_messages={"reset": len(values) % 3},
        lateness=histogram(values[1:]),
        windows=(GeneratorWindow(0.0, 1.0, len(values), latency, waiting),),
    )


def encoded(found: GeneratorResult) -> bytes:
    return encode(JobResult(found))


@given(LATENCIES)
def test_four_shards_have_the_same_bytes_as_one_over_the_same_samples(values: list[int]) -> None:
    shards = [histogram(values[number::SHARDS]) for number in range(SHARDS)]
    merged, whole = Histogram.merged(shards), histogram(values)
    assert merged.counts.tobytes() == whole.counts.tobytes()
    assert merged.percentiles("during") == whole.percentiles("during")


@given(LATENCIES, st.permutations(range(SHARDS)))
def test_the_order_of_shards_does_not_matter(values: list[int], order: list[int]) -> None:
    shards = [histogram(values[number::SHARDS]) for number in range(SHARDS)]
    ordered = Histogram.merged(shards[number] for number in order)
    assert ordered.counts.tobytes() == Histogram.merged(shards).counts.tobytes()


@given(LATENCIES, LATENCIES, LATENCIES)
def test_merging_results_is_associative(one: list[int], two: list[int], three: list[int]) -> None:
    a, b, c = map(result, (one, two, three))
    together = encoded(merge_results([a, b, c]))
    assert encoded(merge_results([merge_results([a, b]), c])) == together
    assert encoded(merge_results([a, merge_results([b, c])])) == together


@given(LATENCIES, LATENCIES)
def test_merging_does_not_change_what_is_merged(one: list[int], two: list[int]) -> None:
    a, b = result(one), result(two)
    before = encoded(replace(a))
    merge_results([a, b])
    assert encoded(a) == before
