"""The rules for a fit generator."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.load.generator.generator_health import health_of_sends, lateness_p99
from wsgi_gauntlet.harness.model import GeneratorHealth
from wsgi_gauntlet.harness.stats.histogram import Histogram


def health(
    lateness: float, *, p50: float | None = 0.002, time_resolution: float = 0.0, sent: int = 100
) -> GeneratorHealth:
    return health_of_sends(
        [lateness] * sent, due=100, seconds=5.0, p50=p50, cpu_share=0.1, time_resolution=time_resolution
    )


def test_a_generator_on_time_is_valid() -> None:
    expected = GeneratorHealth(valid=True, cpu_share=0.1, lateness_p99=0.0001, offered=20, achieved=20)
    assert health(0.0001) == expected


def test_a_generator_that_did_not_send_is_invalid() -> None:
    assert health(0.0, sent=99).valid
    assert "19.6 of 20 requests per second" in health(0.0, sent=98).why


def test_a_late_generator_is_invalid_unless_the_measured_times_are_far_longer() -> None:
    assert not health(0.002).valid
    assert health(0.002, p50=0.021).valid
    assert health(0.002, time_resolution=0.1).valid
    assert not health(0.011, time_resolution=0.1).valid
    assert health_of_sends([], due=0, seconds=5.0).valid


@pytest.mark.parametrize("seconds", [1 / 3, 0.7, 3.0, 7.1])
def test_rounding_of_rates_does_not_matter(seconds: float) -> None:
    assert health_of_sends([0.0] * 99, due=100, seconds=seconds).valid


@pytest.mark.parametrize(("sends", "expected"), [(2, 1), (100, 99), (101, 99), (1000, 990)])
def test_one_send_in_a_hundred_may_be_later(sends: int, expected: int) -> None:
    values = [n * 1_000_000 for n in range(1, sends + 1)]
    histogram = Histogram()
    for each in values:
        histogram.record(each)
    assert lateness_p99([each / 1e9 for each in values]) == expected / 1e3
    assert lateness_p99(histogram) == pytest.approx(expected / 1e3, rel=0.01)
    assert lateness_p99([]) == lateness_p99(Histogram()) == 0.0
