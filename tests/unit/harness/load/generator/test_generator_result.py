"""The figures of a generator, and when they say that it was not fit."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult, merge_results
from wsgi_gauntlet.harness.load.generator.process_messages import JobResult, encode
from wsgi_gauntlet.harness.stats.histogram import Histogram


def histogram(*milliseconds: float) -> Histogram:
    found = Histogram()
    for each in milliseconds:
        found.record(int(each * 1e6))
    return found


def result(latency: Histogram, waiting: Histogram | None = None, **more: Any) -> GeneratorResult:
    measured = {"connections": 1, "seconds": 2.0, "cpu_seconds": 0.5, **more}
    return GeneratorResult(latency=latency, service=latency, waiting=waiting or Histogram(), **measured)


def test_counts_add_up() -> None:
    found = result(
        histogram(*range(1, 11)), histogram(5000, 800), wrong=1, errors=2, timeouts=1, unfinished=3, connects=7
    )
    assert (found.ok, found.requests, found.scheduled, found.overdue) == (10, 14, 17, 1)
    assert (found.rate, found.cpu_share, found.requests_per_connection) == (5.0, 0.25, 2.0)
    # The two that were cut off by the end of a closed loop were not asked for; the one that hung was.
    assert found.goodput == 10 / 15


def test_an_open_loops_goodput_counts_all_that_was_scheduled() -> None:
    found = result(histogram(1, 1, 1), histogram(5000), never_sent=1, offered=2.0)
    assert found.goodput == 0.75


@pytest.mark.parametrize(
    ("q", "seconds", "censored"), [(0.5, 0.010, False), (0.98, 0.010, False), (0.99, 5.0, True), (1.0, 6.0, True)]
)
def test_quantiles_count_what_is_waiting_above_every_answer(q: float, seconds: float, censored: bool) -> None:
    found = result(histogram(*[10] * 98), histogram(5000, 6000), timeouts=2).quantile(q)
    assert found is not None
    assert found[0] == pytest.approx(seconds, rel=0.01)
    assert found[1] is censored


def test_nothing_has_no_quantile() -> None:
    assert result(Histogram()).quantile(0.5) is None


def test_nothing_measured_is_no_fault() -> None:
    found = result(Histogram(), seconds=0.0, cpu_seconds=0.0)
    assert (found.goodput, found.rate, found.cpu_share, found.requests_per_connection) == (1.0, 0.0, 0.0, 0.0)
    assert found.health().valid


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, ""),
        ({"cpu_seconds": 1.99}, "used 100 % of its core"),
        ({"out_of_ports": 3, "errors": 3}, "ran out of local ports 3 times"),
        ({"offered": 100.0, "achieved": 99.5, "lateness": histogram(0.5)}, ""),
        ({"offered": 100.0, "achieved": 98.0, "lateness": histogram(30, 40)}, "sent 98 of 100 requests per second"),
        ({"offered": 100.0, "achieved": 98.0}, "sent 98 of 100 requests per second"),
        # One late send, which happens to be the last.
        ({"offered": 100.0, "achieved": 98.0, "lateness": histogram(0.5, 0.5, 40)}, ""),
        ({"offered": 100.0, "achieved": 100.0, "lateness": histogram(1.5)}, "1.5 ms late or more"),
    ],
)
def test_the_generators_fitness(more: dict[str, Any], words: str) -> None:
    health = result(histogram(1, 1, 1), **more).health()
    assert health.valid is not bool(words)
    assert words in health.why


def test_lateness_is_allowed_a_tenth_of_what_is_measured() -> None:
    health = result(histogram(*[50] * 9), offered=100.0, achieved=100.0, lateness=histogram(4)).health()
    assert health.valid
    assert health.lateness_p99 == pytest.approx(0.004, rel=0.01)
    assert (health.offered, health.achieved, health.cpu_share) == (100.0, 100.0, 0.25)


@given(st.lists(st.integers(0, 10**10), max_size=200))
def test_shards_of_the_same_samples_merge_to_the_same_bytes(nanoseconds: list[int]) -> None:
    def of(samples: list[int]) -> GeneratorResult:
        found = Histogram()
        for each in samples:
            found.record(each)
        return result(found)

    def histograms(found: GeneratorResult) -> bytes:
        # The rest of the message is the same: so many processes, and the sums of their counts.
        return encode(JobResult(dataclasses.replace(result(found.latency), waiting=found.waiting)))

    shards = [of(nanoseconds[number::4]) for number in range(4)]
    one_worker_with_four = merge_results([merge_results(shards)])
    four_workers_with_one = merge_results([merge_results([each]) for each in shards])
    in_pairs = merge_results([merge_results(shards[:2]), merge_results(shards[2:])])
    expected = histograms(of(nanoseconds))
    for found in (one_worker_with_four, four_workers_with_one, in_pairs):
        assert histograms(found) == expected
        assert found.ok == len(nanoseconds)
