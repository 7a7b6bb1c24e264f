"""What a measured cell of the scenario `reload` says about a finalist."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.model import Grade, Metric, ScenarioResult
from wsgi_gauntlet.harness.recommendation.reload_test import LOST, NO_RELOAD, trial_of_reload


def cell(grade: Grade, lost: float = 3.0, how: str = "by its signal", note: str = "") -> ScenarioResult:
    return ScenarioResult(
        "a", "reload", grade, metrics=(Metric(LOST, "lost", lost),), conditions={"reload": how}, note=note
    )


@pytest.mark.parametrize("grade", [Grade.UNAFFECTED, Grade.DEGRADED, Grade.COLLAPSED, Grade.INCONCLUSIVE])
def test_the_lost_requests_are_counted(grade: Grade) -> None:
    (figure,) = trial_of_reload(cell(grade)).figures
    assert (figure.value, figure.why) == (3.0, "")


def test_a_server_without_a_reload_was_restarted() -> None:
    (figure,) = trial_of_reload(cell(Grade.DEGRADED, how="stopped and started again")).figures
    assert (figure.value, figure.why) == (3.0, NO_RELOAD)


@pytest.mark.parametrize("grade", [Grade.ERROR, Grade.UNSUPPORTED])
def test_without_a_reload_nothing_is_known(grade: Grade) -> None:
    (figure,) = trial_of_reload(cell(grade, 0.0, note="wrong page")).figures
    assert (figure.value, figure.why) == (None, "wrong page")


def test_a_busy_machine_makes_the_trial_invalid() -> None:
    found = trial_of_reload(cell(Grade.INVALID, note="the generator was late"))
    assert (found.valid, found.why) == (False, "the generator was late")
