"""Pacers: seeded, on their mean rate, never two requests at one instant."""

import itertools

import pytest

from wsgi_gauntlet.harness.load.pacing import Pacer, Poisson, Uniform, schedule


def test_uniform_has_equal_gaps() -> None:
    assert list(schedule(Uniform(4), 1.1)) == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_poisson_is_the_same_for_the_same_seed_only() -> None:
    assert list(schedule(Poisson(20, 7), 3)) == list(schedule(Poisson(20, 7), 3))
    assert list(schedule(Poisson(20, 7), 3)) != list(schedule(Poisson(20, 8), 3))


def test_poisson_has_its_mean_and_its_spread() -> None:
    times = list(schedule(Poisson(100, 1), 100))
    gaps = [b - a for a, b in itertools.pairwise(times)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert len(times) == pytest.approx(10_000, rel=0.05)
    # The standard deviation of exponential gaps equals their mean; uniform ones would have 0.
    assert variance**0.5 == pytest.approx(mean, rel=0.05)


def test_times_always_grow() -> None:
    times = list(schedule(Poisson(1000, 3), 10))
    assert all(a < b for a, b in itertools.pairwise(times))


@pytest.mark.parametrize("pacer", [Uniform(5), Poisson(5)])
def test_the_rate_is_what_was_meant(pacer: Pacer) -> None:
    assert pacer.rate(0.0) == pacer.rate(99.0) == 5


def test_a_schedule_is_bounded_in_count() -> None:
    assert len(list(schedule(Uniform(1000), 1e9, limit=50))) == 50


@pytest.mark.parametrize("rate", [0, -1, float("inf"), float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Uniform(rate)
    with pytest.raises(ValueError, match="above 0"):
        Poisson(rate)
