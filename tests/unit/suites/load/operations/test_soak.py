"""Windows, drifts and the grade of `soak`, computed from given figures."""

import pytest

from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage
from wsgi_gauntlet.harness.model import Grade, Outcome, Sample, Window
from wsgi_gauntlet.suites.load.operations import soak
from wsgi_gauntlet.suites.load.operations.drift import Drift
from wsgi_gauntlet.suites.load.operations.soak import summarize_windows

GROWS = Drift(50.0, 40.0, 60.0, significant=True)
SHRINKS = Drift(-50.0, -60.0, -40.0, significant=True)
STAYS = Drift(1.0, -1.0, 2.0, significant=False)


def at(intended: float, outcome: Outcome = Outcome.OK) -> Sample:
    return Sample(intended, 0.01, 0.01, outcome)


def test_each_window_has_its_own_requests_and_the_last_reading() -> None:
    samples = [at(0.5), at(1.0), at(1.2, Outcome.ERROR), at(2.9), at(3.5)]
    used = [(1.1, ResourceUsage(0, 10, 1, 1)), (1.9, ResourceUsage(0, 20, 2, 1)), (9.0, ResourceUsage(0, 99, 9, 9))]
    first, second = summarize_windows(samples, used, 1.0, 3.4, 1.0)
    assert (first.at, first.seconds, first.offered, first.goodput) == (1.0, 1.0, 2.0, 0.5)
    assert (first.rss, first.descriptors, first.p99) == (20, 2, 0.01)
    assert (second.at, second.offered, second.goodput, second.rss) == (2.0, 1.0, 1.0, 0)


def test_a_window_without_requests_has_no_quantiles() -> None:
    (only,) = summarize_windows([], [], 0.0, 1.0, 1.0)
    assert (only.offered, only.p99) == (0.0, None)


def test_nothing_is_lost_to_rounding() -> None:
    samples = [at(1 + index * 0.1) for index in range(60)]
    found = summarize_windows(samples, [], 1.0, 7.0, 0.6)
    assert len(found) == 10
    assert sum(each.offered * each.seconds for each in found) == pytest.approx(60)


def test_a_phase_shorter_than_a_window_has_none() -> None:
    assert summarize_windows([at(0)], [], 0.0, 0.5, 1.0) == ()


def windows(rss: list[int], p99: float | None = 0.01) -> list[Window]:
    return [Window(30.0 * at, 30.0, 20.0, 1.0, p99, p99, each, 40) for at, each in enumerate(rss)]


def test_a_leak_of_memory_is_seen_in_windows() -> None:
    found = soak.find_drifts(windows([10_000_000 + 1_000_000 * at for at in range(20)]))
    memory, descriptors = found["memory"], found["descriptors"]
    assert memory is not None
    assert memory.significant
    assert memory.change == pytest.approx(19_000_000)
    assert descriptors is not None
    assert not descriptors.significant


def test_windows_without_readings_have_no_drift() -> None:
    assert soak.find_drifts(windows([0] * 20, p99=None)) == {
        "p99": None,
        "memory": None,
        "descriptors": soak.find_drifts(windows([0] * 20))["descriptors"],
    }


@pytest.mark.parametrize(
    ("mark", "drifts", "grade", "words"),
    [
        (Grade.UNAFFECTED, {"p99": STAYS, "memory": STAYS}, Grade.UNAFFECTED, "No drift was found"),
        (Grade.UNAFFECTED, {"memory": GROWS}, Grade.DEGRADED, "Over the run memory drifted"),
        (Grade.UNAFFECTED, {"memory": SHRINKS}, Grade.UNAFFECTED, "Over the run memory drifted"),
        (Grade.UNAFFECTED, {"p99": GROWS, "descriptors": GROWS}, Grade.DEGRADED, "p99 and descriptors drifted"),
        (Grade.UNAFFECTED, {"p99": GROWS}, Grade.UNAFFECTED, "p99 drifted"),
        (Grade.COLLAPSED, {"memory": GROWS}, Grade.COLLAPSED, "memory drifted"),
        (Grade.INVALID, {"memory": GROWS}, Grade.INVALID, ""),
        (Grade.UNAFFECTED, {"memory": None}, Grade.UNAFFECTED, "No drift was found"),
    ],
)
def test_a_leak_lowers_the_grade(mark: Grade, drifts: dict[str, Drift | None], grade: Grade, words: str) -> None:
    found, note = soak.grade_with_drifts(mark, "Said.", drifts)
    assert found is grade
    assert note.startswith("Said.")
    assert words in note
