"""A long phase in stretches."""

import pytest

from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage
from wsgi_gauntlet.harness.model import Outcome, Sample
from wsgi_gauntlet.suites.load.operations.soak_windows import summarize_windows


def at(intended: float, outcome: Outcome = Outcome.OK) -> Sample:
    return Sample(intended, 0.01, 0.01, outcome)


def test_each_stretch_has_its_own_requests_and_the_last_look() -> None:
    samples = [at(0.5), at(1.0), at(1.2, Outcome.ERROR), at(2.9), at(3.5)]
    used = [(1.1, ResourceUsage(0, 10, 1, 1)), (1.9, ResourceUsage(0, 20, 2, 1)), (9.0, ResourceUsage(0, 99, 9, 9))]
    first, second = summarize_windows(samples, used, 1.0, 3.4, 1.0)
    assert (first.at, first.seconds, first.offered, first.goodput) == (1.0, 1.0, 2.0, 0.5)
    assert (first.rss, first.descriptors, first.p99) == (20, 2, 0.01)
    assert (second.at, second.offered, second.goodput, second.rss) == (2.0, 1.0, 1.0, 0)


def test_a_stretch_without_requests_has_no_quantiles() -> None:
    (only,) = summarize_windows([], [], 0.0, 1.0, 1.0)
    assert (only.offered, only.p99) == (0.0, None)


def test_nothing_is_lost_to_rounding() -> None:
    samples = [at(1 + index * 0.1) for index in range(60)]
    found = summarize_windows(samples, [], 1.0, 7.0, 0.6)
    assert len(found) == 10
    assert sum(each.offered * each.seconds for each in found) == pytest.approx(60)


def test_a_phase_shorter_than_a_stretch_has_none() -> None:
    assert summarize_windows([at(0)], [], 0.0, 0.5, 1.0) == ()
