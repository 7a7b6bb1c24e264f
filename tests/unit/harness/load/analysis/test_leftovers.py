"""What a server may keep after its clients have gone."""

import pytest

from wsgi_gauntlet.harness.load.analysis.leftovers import (
    MIN_KEPT_BYTES,
    IdleProcessor,
    keeps_memory,
    kept_bytes,
    memory_metric,
)


@pytest.mark.parametrize(
    ("intervals", "baseline", "spins"),
    [
        ((1.0, 1.0, 1.0), 0.02, True),
        ((0.4, 0.4, 0.4), 0.02, True),  # beside four busy loops on two cores
        ((1.0, 1.0, 0.01), 0.02, False),  # it had work to finish
        ((0.01,), 0.02, False),
        ((1.0, 1.0), 0.02, False),  # too short to say
        ((), 0.0, False),
        ((0.5, 0.5, 0.5), 0.4, False),  # an app with work of its own
        ((0.05, 0.05, 0.05), 0.0, False),  # a server that polls
    ],
)
def test_a_server_spins_if_no_interval_was_quiet(intervals: tuple[float, ...], baseline: float, spins: bool) -> None:
    found = IdleProcessor(intervals, baseline)
    assert found.spins is spins
    assert bool(found.flaw) is spins
    assert found.metric.value == (100 * intervals[-1] if intervals else None)


def test_the_flaw_has_the_figures() -> None:
    assert IdleProcessor((0.9, 0.8, 1.0), 0.03).flaw == (
        "The server used 100 % of a core 0.9 s after the last client had gone, and 3 % among users before: it spins."
    )


MB = 1_000_000


@pytest.mark.parametrize(
    ("readings", "kept"),
    [
        ((10 * MB, 11 * MB, 12 * MB, 13 * MB), MB / 25),
        ((10 * MB, 11 * MB, 12 * MB, 13 * MB, 14 * MB, 15 * MB, 16 * MB), MB / 25),
        ((10 * MB, 30 * MB, 30 * MB, 30 * MB), 0),  # pools and caches fill up
        ((10 * MB, 20 * MB, 25 * MB, 26 * MB), 0),
        ((10 * MB, 20 * MB, 30 * MB, 40 * MB, 41 * MB, 41 * MB, 41 * MB), 0),  # kept for some time
        ((10 * MB, 9 * MB, 12 * MB, 13 * MB), 0),
        ((10 * MB,) * 4, 0),
        ((10 * MB, 11 * MB, 12 * MB), None),
    ],
)
def test_a_leak_grows_evenly(readings: tuple[int, ...], kept: float | None) -> None:
    assert kept_bytes(readings, 25) == (kept if not kept else pytest.approx(kept))


def test_little_growth_is_no_finding() -> None:
    each = (MIN_KEPT_BYTES - 1) * 10
    assert not keeps_memory([each * number for number in range(1, 5)], 10)
    each = MIN_KEPT_BYTES * 10
    assert keeps_memory([each * number for number in range(1, 5)], 10)
    assert not keeps_memory([], 10)


def test_less_memory_than_before_is_no_memory() -> None:
    assert memory_metric(10, 25).value == 15
    assert memory_metric(25, 10).value == 0
