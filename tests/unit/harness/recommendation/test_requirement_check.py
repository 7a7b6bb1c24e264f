"""How the broken requirements of a finalist are counted, and which cases ask for them."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.model import CaseResult, Level, Verdict
from wsgi_gauntlet.harness.model.recommendation import FigureId, RequirementCheck
from wsgi_gauntlet.harness.model.requirement import SECURITY_TAG
from wsgi_gauntlet.harness.recommendation.requirement_check import (
    checked_cases,
    count_requirements,
    security_cases,
    trial_of_check,
    trial_of_security,
)

KNOWN = {each.id: each for each in registry.cases()}
GROUPS = {
    name: [each for id_, each in KNOWN.items() if id_.startswith(f"{name}/") and each.level is Level.MUST]
    for name in ("http/framing/te-obfuscated", "http/framing/cl-syntax")
}
FIRST, SECOND = GROUPS.values()
ALONE = next(
    each
    for each in KNOWN.values()
    if each.level is Level.MUST and SECURITY_TAG not in each.tags and each.id.count("/") == 2
)


def cell(case: Case, verdict: Verdict = Verdict.PASS) -> CaseResult:
    return CaseResult("a", case.id, case.level, case.tags, verdict)


def test_the_check_asks_every_must_about_the_server_and_those_of_security_first() -> None:
    cases = checked_cases()
    ids = [each.id for each in cases]
    assert len(set(ids)) == len(ids)
    wanted = {
        id_
        for id_, each in KNOWN.items()
        if each.level is Level.MUST and not each.setup.tls and not each.setup.app and not each.own_app
    }
    assert wanted <= set(ids)
    assert {need for each in cases for need in each.needs} <= set(ids)
    security = [SECURITY_TAG in each.tags for each in cases]
    assert security == sorted(security, reverse=True)


def test_variants_are_one_requirement_and_one_broken_variant_breaks_it() -> None:
    assert len(FIRST) > 1
    assert len(SECOND) > 1
    cells = [cell(FIRST[0], Verdict.FAIL), *map(cell, FIRST[1:]), *map(cell, SECOND), cell(ALONE, Verdict.FAIL)]
    found = count_requirements(cells, [*FIRST, *SECOND, ALONE])
    assert found == RequirementCheck(2, 1, 3, 3, 3, (FIRST[0].id, ALONE.id))
    assert found.complete


@pytest.mark.parametrize("verdict", [Verdict.UNSUPPORTED, Verdict.SKIPPED, Verdict.ERROR, Verdict.FLAKY])
def test_what_got_no_verdict_is_asked_and_not_judged(verdict: Verdict) -> None:
    found = count_requirements([cell(ALONE, verdict)], [ALONE])
    assert (found.broken, found.judged, found.asked) == (0, 0, 1)


def test_a_requirement_of_which_variants_are_missing_counts_only_if_it_is_broken() -> None:
    passed = count_requirements([cell(FIRST[0])], FIRST)
    assert (passed.broken, passed.judged, passed.asked, passed.wanted) == (0, 0, 0, 1)
    broken = count_requirements([cell(FIRST[0], Verdict.FAIL)], FIRST)
    assert (broken.broken, broken.judged, broken.asked, broken.wanted) == (1, 1, 0, 1)


def test_cases_of_another_level_that_were_needed_do_not_count() -> None:
    other = next(each for each in KNOWN.values() if each.level is Level.SHOULD)
    found = count_requirements([cell(other, Verdict.WARN), cell(ALONE)], [other, ALONE])
    assert (found.broken, found.judged, found.wanted, found.broken_cases) == (0, 1, 1, ())


def test_a_whole_check_has_exact_figures_and_a_cut_off_one_lower_bounds() -> None:
    whole = trial_of_check("a", [cell(ALONE, Verdict.FAIL)], [ALONE])
    assert [(each.id, each.value, each.bound, each.why) for each in whole.figures] == [
        (FigureId.MUST_BROKEN, 1.0, False, "of 1 requirements"),
        (FigureId.SECURITY_MUST_BROKEN, 0.0, False, "of 1 requirements"),
    ]
    cut = trial_of_check("a", [cell(ALONE, Verdict.FAIL)], [ALONE, *FIRST])
    assert [(each.value, each.bound) for each in cut.figures] == [(1.0, True), (0.0, True)]
    assert cut.figures[0].why == "the time was over after 1 of 2 requirements"


def test_a_server_that_did_not_start_has_the_reason_and_no_figure() -> None:
    found = trial_of_check("a", [], [ALONE], "the port is in use")
    assert [(each.value, each.why) for each in found.figures] == [(None, "the port is in use")] * 2
    assert found.requirements is None
    assert trial_of_check("a", [], [ALONE]).figures[0].why == "no case got a verdict in time"


def test_the_check_of_security_asks_for_all_of_it_with_what_it_needs() -> None:
    cases = security_cases()
    ids = {each.id for each in cases}
    assert {each.id for each in checked_cases() if SECURITY_TAG in each.tags} <= ids
    assert {need for each in cases for need in each.needs} <= ids
    assert len(ids) < len(checked_cases()) / 2


def test_the_check_of_security_counts_requirements_of_security_alone() -> None:
    cells = [cell(FIRST[0], Verdict.FAIL), *map(cell, FIRST[1:]), *map(cell, SECOND), cell(ALONE, Verdict.FAIL)]
    (found,) = trial_of_security("a", cells, [*FIRST, *SECOND, ALONE]).figures
    assert (found.id, found.value, found.bound) == (FigureId.SECURITY_MUST_BROKEN, 1.0, False)
    assert found.why == "of 2 requirements of security"
    (cut,) = trial_of_security("a", cells[:1], [*FIRST, *SECOND]).figures
    assert (cut.value, cut.bound) == (1.0, True)
    (none,) = trial_of_security("a", [], FIRST, "it does not start").figures
    assert (none.value, none.why) == (None, "it does not start")
