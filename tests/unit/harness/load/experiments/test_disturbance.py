"""How what a disturbance saw turns into the grade and the words of its cell."""

import pytest

from wsgi_gauntlet.harness.load.experiments.disturbance import (
    Findings,
    invalidate_health,
    lower_grade_for_flaws,
    note,
    severity,
)
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Phase

WORST = Phase("by RST", 0, 1, 10, {}, 1.0)


@pytest.mark.parametrize(
    "mark", [Grade.COLLAPSED, Grade.NOT_RECOVERED, Grade.INVALID, Grade.INCONCLUSIVE, Grade.DEGRADED]
)
def test_a_flaw_changes_only_the_grade_unaffected(mark: Grade) -> None:
    assert lower_grade_for_flaws(mark, ("It leaks.",)) is mark
    assert lower_grade_for_flaws(Grade.UNAFFECTED, ("It leaks.",)) is Grade.DEGRADED
    assert lower_grade_for_flaws(Grade.UNAFFECTED, ()) is Grade.UNAFFECTED


def test_a_generator_is_fit_if_all_of_it_is() -> None:
    sound, late = GeneratorHealth(True), GeneratorHealth(False, why="late")
    assert invalidate_health(sound, "") is sound
    assert invalidate_health(late, "too few came").why == "late"
    found = invalidate_health(sound, "too few came")
    assert (found.valid, found.why) == (False, "too few came")


def test_flaws_come_first_and_nothing_beside_an_invalid_measurement() -> None:
    found = Findings(flaws=("It leaks.",), details="By the way.")
    assert note(Grade.DEGRADED, "All of it.", WORST, 1, found, "") == (
        "It leaks.",
        "Service of the other users: All of it.",
        "By the way.",
        "",
    )
    assert "in the worst phase (by RST): All of it." in note(Grade.DEGRADED, "All of it.", WORST, 2, found, "")[1]
    assert note(Grade.INVALID, "Late.", WORST, 2, found, "unseen") == ("Late.",)


def test_the_worst_phase_is_that_of_the_worst_grade_then_the_slowest() -> None:
    quick, slow = (Phase("x", 0, 1, 10, {}, 1.0, p99=p99) for p99 in (0.01, 0.5))
    assert severity(Grade.UNAFFECTED, quick) < severity(Grade.UNAFFECTED, slow) < severity(Grade.UNAFFECTED, WORST)
    assert severity(Grade.UNAFFECTED, slow) < severity(Grade.DEGRADED, quick) < severity(Grade.INVALID, quick)
