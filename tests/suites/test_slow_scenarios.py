"""The scenarios of slow clients: their parameters, and what they say of figures that are given."""

from pathlib import Path

import pytest

from wsgi_gauntlet.harness import discover, planning
from wsgi_gauntlet.harness.load.arena import Arena
from wsgi_gauntlet.harness.load.judging.drift import Drift
from wsgi_gauntlet.harness.model import Grade, Window
from wsgi_gauntlet.suites.load import slow_read, soak

NAMES = (
    "slow-body/length",
    "slow-body/chunked",
    "slow-body/expect",
    "slow-read",
    "idle-hoard",
    "mixed",
    "timeout-edge",
    "soak",
)
GROWS = Drift(50.0, 40.0, 60.0, shown=True)
SHRINKS = Drift(-50.0, -60.0, -40.0, shown=True)
STAYS = Drift(1.0, -1.0, 2.0, shown=False)


@pytest.mark.parametrize("name", NAMES)
def test_smoke_and_full_have_the_same_parameters_all_above_0(name: str) -> None:
    scenario = discover.scenario(name)
    assert scenario.smoke.keys() == scenario.full.keys()
    assert {"clients", "duration", "rate"} <= scenario.smoke.keys()
    for parameters in (scenario.smoke, scenario.full):
        here = Arena(planning.plan("wsgiref"), parameters, scratch=Path(), logs=Path())
        assert all(here.number(key) > 0 for key in parameters)
    assert scenario.full_only == (name == "soak")
    assert scenario.summary


def windows(rss: list[int], p99: float | None = 0.01) -> list[Window]:
    return [Window(30.0 * at, 30.0, 20.0, 1.0, p99, p99, each, 40) for at, each in enumerate(rss)]


def test_a_leak_of_memory_is_seen_in_windows() -> None:
    found = soak.drifted(windows([10_000_000 + 1_000_000 * at for at in range(20)]))
    memory, descriptors = found["memory"], found["descriptors"]
    assert memory is not None
    assert memory.shown
    assert memory.change == pytest.approx(19_000_000)
    assert descriptors is not None
    assert not descriptors.shown


def test_windows_in_which_nobody_looked_tell_nothing() -> None:
    assert soak.drifted(windows([0] * 20, p99=None)) == {
        "p99": None,
        "memory": None,
        "descriptors": soak.drifted(windows([0] * 20))["descriptors"],
    }


@pytest.mark.parametrize(
    ("mark", "drifts", "grade", "words"),
    [
        (Grade.IMMUNE, {"p99": STAYS, "memory": STAYS}, Grade.IMMUNE, "No drift was shown"),
        (Grade.IMMUNE, {"memory": GROWS}, Grade.DEGRADES, "Over the run memory drifted"),
        (Grade.IMMUNE, {"memory": SHRINKS}, Grade.IMMUNE, "Over the run memory drifted"),
        (Grade.IMMUNE, {"p99": GROWS, "descriptors": GROWS}, Grade.DEGRADES, "p99 and descriptors drifted"),
        (Grade.IMMUNE, {"p99": GROWS}, Grade.IMMUNE, "p99 drifted"),
        (Grade.COLLAPSES, {"memory": GROWS}, Grade.COLLAPSES, "memory drifted"),
        (Grade.INVALID, {"memory": GROWS}, Grade.INVALID, ""),
        (Grade.IMMUNE, {"memory": None}, Grade.IMMUNE, "No drift was shown"),
    ],
)
def test_a_leak_lowers_the_grade(mark: Grade, drifts: dict[str, Drift | None], grade: Grade, words: str) -> None:
    found, note = soak.verdict(mark, "Said.", drifts)
    assert found is grade
    assert note.startswith("Said.")
    assert words in note


def test_how_much_of_an_answer_the_kernel_has_is_told() -> None:
    found = slow_read._swallowed([10, 30, 20], 100)
    assert (found.value, found.unit, found.note) == (20, "bytes", "of 100; the server has the rest to send")
    assert slow_read._swallowed([], 100).value is None
