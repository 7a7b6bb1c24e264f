"""From what a case raised to a verdict, and from attempts to one."""

import pytest

from wsgi_gauntlet.harness.conformance.assertions import Violation
from wsgi_gauntlet.harness.conformance.verdict import (
    MAX_STALLED_ATTEMPTS,
    Judgement,
    combine_attempts,
    count_unstalled,
    is_decided,
    judge,
)
from wsgi_gauntlet.harness.errors import EventsLost, HarnessStalled, Skipped, Unsupported
from wsgi_gauntlet.harness.model import Level, Verdict

BLAME = Violation("an answer", "none")
FAIL, PASS = Judgement(Verdict.FAIL, "an answer", "none"), Judgement(Verdict.PASS)
ERROR = Judgement(Verdict.ERROR, "", "internal")


@pytest.mark.parametrize(
    ("level", "raised", "verdict"),
    [
        (Level.MUST, None, Verdict.PASS),
        (Level.SHOULD, None, Verdict.PASS),
        (Level.MAY, None, Verdict.PASS),
        (Level.INFO, None, Verdict.INFO),
        (Level.MUST, BLAME, Verdict.FAIL),
        (Level.SHOULD, BLAME, Verdict.WARN),
        (Level.MAY, BLAME, Verdict.INFO),
        (Level.INFO, BLAME, Verdict.INFO),
        (Level.MUST, Unsupported("no file_wrapper"), Verdict.UNSUPPORTED),
        (Level.MUST, Skipped("no keep-alive"), Verdict.SKIPPED),
        (Level.MUST, EventsLost("3"), Verdict.ERROR),
        (Level.MUST, ZeroDivisionError("our slip"), Verdict.ERROR),
        (Level.MUST, AssertionError("our slip"), Verdict.ERROR),
    ],
)
def test_only_a_violation_blames_a_server(level: Level, raised: Exception | None, verdict: Verdict) -> None:
    assert judge(level, raised).verdict is verdict


def test_a_violation_is_kept_in_words() -> None:
    assert judge(Level.MUST, BLAME) == FAIL


@pytest.mark.parametrize(
    ("attempts", "verdict"),
    [
        ([PASS], Verdict.PASS),
        ([FAIL, FAIL, FAIL], Verdict.FAIL),
        ([FAIL, PASS], Verdict.FLAKY),
        ([FAIL, FAIL, PASS], Verdict.FLAKY),
        ([ERROR, FAIL, FAIL], Verdict.FAIL),
        ([ERROR, PASS], Verdict.PASS),
        ([ERROR, ERROR, ERROR], Verdict.ERROR),
    ],
)
def test_attempts_settle(attempts: list[Judgement], verdict: Verdict) -> None:
    assert combine_attempts(attempts).verdict is verdict


def test_blame_is_tried_again_and_a_pass_is_not() -> None:
    assert is_decided([PASS], 3)
    assert not is_decided([], 3)
    assert not is_decided([FAIL], 3)
    assert not is_decided([ERROR, FAIL], 3)
    assert is_decided([FAIL, FAIL, FAIL], 3)
    assert is_decided([FAIL, PASS], 3)


AGAIN = judge(Level.MUST, HarnessStalled("the harness stood still"))


def test_stalled_attempts_do_not_count_up_to_a_limit() -> None:
    assert (AGAIN.verdict, AGAIN.stalled) == (Verdict.ERROR, True)
    assert is_decided([AGAIN, PASS], 3)
    assert not is_decided([AGAIN] * MAX_STALLED_ATTEMPTS, 3)
    assert not is_decided([FAIL, AGAIN, FAIL, AGAIN], 3)
    assert is_decided([FAIL, AGAIN, FAIL, AGAIN, FAIL], 3)
    assert is_decided([AGAIN] * (MAX_STALLED_ATTEMPTS + 3), 3)
    assert count_unstalled([FAIL, AGAIN, ERROR]) == 2
