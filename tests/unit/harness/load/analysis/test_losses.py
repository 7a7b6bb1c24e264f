"""The rules for losses without slow clients, at their boundaries."""

from __future__ import annotations

import msgspec
import pytest

from wsgi_gauntlet.harness.load.analysis import losses
from wsgi_gauntlet.harness.load.analysis.losses import BASELINE, Losses, blame_losses, count_losses
from wsgi_gauntlet.harness.load.clients.healthy_users import REQUEST_TIMEOUT_SECONDS
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import TIMEOUT
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.model import Claim, ClaimVerdict, Grade, Outcome, Phase, ScenarioResult


def phase(name: str = "baseline", scheduled: int = 1000, *, p50: float = 0.002, **outcomes: int) -> Phase:
    lost = sum(outcomes.values())
    counted = {each.value: outcomes.get(each.name.lower(), 0) for each in Outcome} | {Outcome.OK: scheduled - lost}
    return Phase(name, 0.0, 1.0, scheduled, counted, 1 - lost / scheduled, p50=p50, p99=0.01)


def cell(*phases: Phase, grade: Grade = Grade.UNAFFECTED) -> ScenarioResult:
    return ScenarioResult("s", "slow-headers/byte", grade, phases=phases, note="The rest.")


@pytest.mark.parametrize(
    ("lost", "sent", "finding"),
    [
        (0, 10, False),
        (0, 100_000, False),
        (1, 1000, True),
        (1, 5569, True),
        (1, 5570, False),
        (10, 10_900, True),  # every thousandth, and the last 900 had luck
        (10, 18_386, True),
        (10, 18_387, False),
        (100, 100_000, True),
    ],
)
def test_a_share_that_may_be_one_in_a_thousand_is_a_finding(lost: int, sent: int, finding: bool) -> None:
    assert Losses(sent, failed=lost).is_finding is finding
    blamed = blame_losses(cell(phase(scheduled=sent, error=lost)), BASELINE)
    assert (blamed.grade is Grade.DEGRADED) is finding
    assert [each.value for each in blamed.metrics] == ([lost] if lost else [])


def test_five_of_a_thousand_are_said_with_their_interval() -> None:
    blamed = blame_losses(cell(phase(error=3, wrong=1, timeout=1)), BASELINE)
    assert blamed.note == (
        "Without any slow client 5 of 1,000 requests were lost (3 failed, 1 wrong, 1 timed out): 0.5 %, with 95 % "
        "confidence 0.16 % to 1.2 %. The rest."
    )


def test_phases_are_counted_together_and_only_those_without_slow_clients() -> None:
    phases = (phase(error=1), phase("during", error=500), phase("baseline", 999, error=1))
    assert count_losses([phases[0], phases[2]]) == Losses(1999, failed=2)
    assert blame_losses(cell(*phases), BASELINE).metrics[0].value == 2
    assert blame_losses(cell(*phases), None).metrics[0].value == 502


def test_what_may_be_the_harness_or_a_queue_is_no_loss() -> None:
    assert count_losses([phase(never_sent=400)]) == Losses(600)
    assert count_losses([phase(unfinished=400)]).lost == 0
    assert count_losses([phase(timeout=400, p50=0.51)]).lost == 0
    assert count_losses([phase(timeout=400, p50=0.5)]).lost == 400


@pytest.mark.parametrize(
    ("grade", "then"),
    [
        (Grade.UNAFFECTED, Grade.DEGRADED),
        (Grade.MEASURED, Grade.DEGRADED),
        (Grade.INCONCLUSIVE, Grade.DEGRADED),
        (Grade.DEGRADED, Grade.DEGRADED),
        (Grade.COLLAPSED, Grade.COLLAPSED),
        (Grade.NOT_RECOVERED, Grade.NOT_RECOVERED),
        (Grade.INVALID, Grade.INVALID),
        (Grade.ERROR, Grade.ERROR),
        (Grade.UNSUPPORTED, Grade.UNSUPPORTED),
    ],
)
def test_a_loss_never_makes_a_grade_better_or_an_invalid_one_valid(grade: Grade, then: Grade) -> None:
    blamed = blame_losses(cell(phase(error=5), grade=grade), BASELINE)
    assert blamed.grade is then
    assert bool(blamed.metrics) is (grade not in losses.BLAMELESS_GRADES)


def test_claims_have_rules_of_their_own() -> None:
    claimed = msgspec.structs.replace(
        cell(phase(error=5), grade=Grade.MEASURED), claims=(Claim("it scales", ClaimVerdict.HELD, "if", "it did"),)
    )
    assert blame_losses(claimed, BASELINE) is claimed


def test_every_user_waits_as_long_as_the_rule_says() -> None:
    assert {REQUEST_TIMEOUT_SECONDS, TIMEOUT, LoopOptions(1).timeout} == {losses.USER_TIMEOUT_SECONDS}
