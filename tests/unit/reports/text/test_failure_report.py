"""One failed cell in plain text: what was asked, by which sentence, and why that bears the level."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, security
from wsgi_gauntlet.harness.model import Basis, Breach, CaseInfo, CaseResult, Level, Reference, Verdict
from wsgi_gauntlet.reports.text.failure_report import failure

CELL = CaseResult("tiny", "http/framing/odd", Level.MUST, (), Verdict.FAIL, expected="400", actual="200")


def failure_lines(basis: Basis | None, breach: Breach | None) -> list[str]:
    sentence = Reference("RFC 9112", "6.3", "A server MUST.", "https://example.org/")
    case = CaseInfo(CELL.case, CELL.level, (), "It is refused.", sentence, basis=basis, breach=breach)
    return failure(CELL, case).splitlines()


def test_a_failure_says_what_its_level_rests_on_and_who_breaks_a_rule() -> None:
    lines = failure_lines(security("Two readers see two requests."), Breach.CLIENT)
    quote = lines.index("RFC 9112, 6.3: “A server MUST.”")
    assert lines[quote + 2 : quote + 4] == [
        "Basis: security: Two readers see two requests.",
        "On purpose, the client breaks a rule that compliant clients keep.",
    ]


def test_where_nobody_breaks_a_rule_there_is_no_word_of_it() -> None:
    lines = failure_lines(MUST_TEXT, Breach.NOBODY)
    assert "Basis: MUST of the text." in lines
    assert not any(line.startswith("On purpose") for line in lines)


@pytest.mark.parametrize("breach", [None, Breach.NOBODY])
def test_results_that_do_not_say_are_shown_without(breach: Breach | None) -> None:
    assert not any(line.startswith(("Basis", "On purpose")) for line in failure_lines(None, breach))
