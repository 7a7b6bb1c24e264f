"""The scenarios of slow clients: their parameters, and what they say of figures that are given."""

from pathlib import Path

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.model import Grade, Window
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.suites.load.operations import soak
from wsgi_gauntlet.suites.load.operations.drift import Drift
from wsgi_gauntlet.suites.load.slow_clients import slow_read

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
GROWS = Drift(50.0, 40.0, 60.0, significant=True)
SHRINKS = Drift(-50.0, -60.0, -40.0, significant=True)
STAYS = Drift(1.0, -1.0, 2.0, significant=False)


@pytest.mark.parametrize("name", NAMES)
def test_smoke_and_full_have_the_same_parameters_all_above_0(name: str) -> None:
    scenario = registry.scenario(name)
    assert scenario.smoke.keys() == scenario.full.keys()
    assert {"clients", "duration", "rate"} <= scenario.smoke.keys()
    for parameters in (scenario.smoke, scenario.full):
        here = ScenarioContext(planning.plan("wsgiref"), parameters, scratch=Path(), logs=Path())
        assert all(here.number(key) > 0 for key in parameters)
    assert scenario.full_only == (name == "soak")
    assert scenario.summary


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


def test_windows_in_which_nobody_looked_tell_nothing() -> None:
    assert soak.find_drifts(windows([0] * 20, p99=None)) == {
        "p99": None,
        "memory": None,
        "descriptors": soak.find_drifts(windows([0] * 20))["descriptors"],
    }


@pytest.mark.parametrize(
    ("mark", "drifts", "grade", "words"),
    [
        (Grade.UNAFFECTED, {"p99": STAYS, "memory": STAYS}, Grade.UNAFFECTED, "No drift was shown"),
        (Grade.UNAFFECTED, {"memory": GROWS}, Grade.DEGRADED, "Over the run memory drifted"),
        (Grade.UNAFFECTED, {"memory": SHRINKS}, Grade.UNAFFECTED, "Over the run memory drifted"),
        (Grade.UNAFFECTED, {"p99": GROWS, "descriptors": GROWS}, Grade.DEGRADED, "p99 and descriptors drifted"),
        (Grade.UNAFFECTED, {"p99": GROWS}, Grade.UNAFFECTED, "p99 drifted"),
        (Grade.COLLAPSED, {"memory": GROWS}, Grade.COLLAPSED, "memory drifted"),
        (Grade.INVALID, {"memory": GROWS}, Grade.INVALID, ""),
        (Grade.UNAFFECTED, {"memory": None}, Grade.UNAFFECTED, "No drift was shown"),
    ],
)
def test_a_leak_lowers_the_grade(mark: Grade, drifts: dict[str, Drift | None], grade: Grade, words: str) -> None:
    found, note = soak.grade_with_drifts(mark, "Said.", drifts)
    assert found is grade
    assert note.startswith("Said.")
    assert words in note


def test_how_much_of_an_answer_the_kernel_has_is_told() -> None:
    found = slow_read._kernel_measure([10, 30, 20], 100)
    assert (found.value, found.unit, found.note) == (20, "bytes", "of 100; the server has the rest to send")
    assert slow_read._kernel_measure([], 100).value is None
