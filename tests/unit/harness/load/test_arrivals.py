"""Pacers: seeded, on their mean rate, never two requests at one instant."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.load.arrivals import (
    FixedCountArrivals,
    Pacer,
    Poisson,
    Ramp,
    Steps,
    Uniform,
    schedule,
    warm_up_arrivals,
)


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


def counted(pacer: Pacer, until: float, pieces: int) -> list[int]:
    """Count the arrivals in each of `pieces` equal parts of the time."""
    times = list(schedule(pacer, until))
    assert all(a < b for a, b in itertools.pairwise(times))
    return [sum(until * n / pieces <= at < until * (n + 1) / pieces for at in times) for n in range(pieces)]


@pytest.mark.parametrize(
    ("ramp", "integral"),
    [
        (Ramp(0, 100, 10), lambda t: 5 * t * t),
        (Ramp(100, 0, 10), lambda t: 100 * t - 5 * t * t),
        (Ramp(50, 50, 10), lambda t: 50 * t),
        (Ramp(20, 300, 10), lambda t: 20 * t + 14 * t * t),
    ],
)
def test_a_ramps_nth_arrival_is_due_when_the_integral_reaches_n(ramp: Ramp, integral: Callable[[float], float]) -> None:
    times = list(schedule(ramp, 10))
    assert len(times) == pytest.approx(integral(10), abs=1)
    assert [integral(at) for at in times] == pytest.approx(range(1, len(times) + 1), abs=1e-6)


def test_a_ramp_goes_on_at_its_last_rate() -> None:
    ramp = Ramp(0, 10, 2)
    assert [ramp.rate(at) for at in (-1, 0, 1, 2, 50)] == [0, 0, 5, 10, 10]
    assert counted(ramp, 5.05, 1) == [10 + 30]
    assert list(schedule(Ramp(10, 0, 2), 1e6))[-1] <= 2


@pytest.mark.parametrize("steps", [[(10, 2), (100, 1), (0, 1), (20, 2)], [(0, 2), (7, 1), (0, 1), (0, 1), (3, 1)]])
def test_steps_have_exact_counts(steps: list[tuple[float, float]]) -> None:
    pacer = Steps(steps)
    begun = 0.0
    times = list(schedule(pacer, sum(seconds for _, seconds in steps) + 1e-6))
    for rate, seconds in steps:
        # What is due at a step's very end counts to it.
        assert sum(begun + 1e-6 < at <= begun + seconds + 1e-6 for at in times) == rate * seconds
        assert pacer.rate(begun) == pacer.rate(begun + seconds / 2) == rate
        begun += seconds


def test_steps_go_on_at_the_last_rate_or_end() -> None:
    assert list(schedule(Steps([(1, 1), (2, 1)]), 3.1)) == pytest.approx([1, 1.5, 2, 2.5, 3])
    assert list(schedule(Steps([(1, 1.5), (0, 1)]), 100)) == pytest.approx([1])
    assert list(schedule(Steps([(0, 1)]), 100)) == []
    # Half a request of the first step is carried over into the one after the pause.
    assert list(schedule(Steps([(1, 1.5), (0, 1), (1, 1)]), 4)) == pytest.approx([1, 3])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Steps([]), "at least one"),
        (lambda: Steps([(-1, 1)]), "0 or above"),
        (lambda: Steps([(1, 0), (1, 1)]), "seconds above 0"),
        (lambda: Steps([(1, 1), (1, -1)]), "seconds above 0"),
        (lambda: Ramp(1, float("nan"), 1), "0 or above"),
        (lambda: Ramp(1, 2, 0), "seconds above 0"),
    ],
)
def test_what_makes_no_schedule_is_refused(make: Callable[[], Pacer], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 3)), min_size=1, max_size=4),
    st.integers(1, 5),
)
def test_the_parts_of_one_schedule_are_that_schedule(steps: list[tuple[int, int]], processes: int) -> None:
    seconds = sum(length for _, length in steps)
    whole = list(schedule(Steps(steps), seconds))
    parts = [list(itertools.islice(schedule(Steps(steps), seconds), n, None, processes)) for n in range(processes)]
    assert sorted(itertools.chain.from_iterable(parts)) == whole
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_arrivals_are_so_many_and_bunched_by_chance() -> None:
    times = list(schedule(FixedCountArrivals(5000, 50, 3), 50))
    assert len(times) == 5000
    assert all(a < b for a, b in itertools.pairwise(times))
    gaps = [b - a for a, b in itertools.pairwise(times)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(0.01, rel=0.05)
    # As of a Poisson process: the standard deviation of the gaps is their mean.
    assert (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 == pytest.approx(mean, rel=0.05)
    assert FixedCountArrivals(5000, 50, 3).rate(1.0) == 100
    assert list(schedule(FixedCountArrivals(10, 1, 4), 5)) != list(schedule(FixedCountArrivals(10, 1, 5), 5))
    assert FixedCountArrivals(1, 1).next_arrival(1.0) == float("inf")
    with pytest.raises(ValueError, match="1 or more"):
        FixedCountArrivals(0, 1)


def test_a_warm_up_grows_to_its_rate_and_stays_there() -> None:
    times = list(warm_up_arrivals(1000, 0.9))
    assert times == sorted(times)
    assert 0 < times[0] < times[-1] < 0.9
    tenths = [sum(n / 10 <= each < (n + 1) / 10 for each in times) for n in range(9)]
    # To 1,000 a second within 0.6 s.
    assert tenths == pytest.approx([8, 25, 42, 58, 75, 92, 100, 100, 100], abs=1)
    assert list(warm_up_arrivals(1000, 0)) == []
