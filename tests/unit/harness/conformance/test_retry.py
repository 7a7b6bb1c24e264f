"""Which way of sending comes next, and what the attempts at one cell come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.conformance import retry
from wsgi_gauntlet.harness.conformance.attempt import Attempt
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.retry import finalize, next_segmentation
from wsgi_gauntlet.harness.conformance.verdict import Judgement
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import AppEvent, Evidence, Level, Reference, Setup, Verdict

TRIES = 3
PASS, FAIL, FLAKY, ERROR, SKIPPED, INFO = (
    Verdict.PASS,
    Verdict.FAIL,
    Verdict.FLAKY,
    Verdict.ERROR,
    Verdict.SKIPPED,
    Verdict.INFO,
)
WHOLE, BYTES, LINES, PAUSED = Segmentation.WHOLE, Segmentation.BYTES, Segmentation.LINES, Segmentation.PAUSED


async def run(_x: Exchange) -> None:
    """Nothing: no attempt is really made."""


CASE = Case(
    "http/host/missing", Level.MUST, Reference("RFC", "1", "q", "u"), run, "It is.", tags=("security",), basis=MUST_TEXT
)


def made(verdict: Verdict, segmentation: Segmentation = WHOLE, *, well_formed: bool = True, note: str = "") -> Attempt:
    said = "" if verdict is PASS else f"{verdict} in an attempt"
    wanted = "better" if verdict is FAIL else ""
    return Attempt(
        Judgement(verdict, wanted, said), Evidence(process=(note,) if note else ()), 0.25, segmentation, well_formed
    )


def played(
    case: Case, verdicts: Mapping[Segmentation, Sequence[Verdict]], *, well_formed: bool = True
) -> list[Attempt]:
    """Return the attempts that are made where each way of sending comes to `verdicts`, one after the other."""
    attempts: list[Attempt] = []
    while segmentation := next_segmentation(case, attempts, TRIES):
        number = sum(each.segmentation is segmentation for each in attempts)
        attempts.append(made(verdicts.get(segmentation, (PASS,))[number], segmentation, well_formed=well_formed))
        assert len(attempts) <= TRIES * len(Segmentation)
    return attempts


def segmentations_for(attempts: Sequence[Attempt]) -> list[Segmentation]:
    return [each.segmentation for each in attempts]


# ---------------------------------------------------------------------- what is due


def test_what_passes_is_sent_once_in_every_way() -> None:
    assert segmentations_for(played(CASE, {})) == list(Segmentation)


def test_with_less_time_there_is_one_way_beside_the_first_and_each_has_its_cases() -> None:
    chosen = {
        retry.segmentations_for(replace(CASE, id=f"http/host/{number}"), all_segmentations=False)
        for number in range(50)
    }
    assert chosen == {(WHOLE, BYTES), (WHOLE, LINES), (WHOLE, PAUSED)}
    first = [made(PASS)]
    assert next_segmentation(CASE, first, TRIES, all_segmentations=False) in (BYTES, LINES, PAUSED)
    assert (
        next_segmentation(
            CASE,
            [*first, made(PASS, retry.segmentations_for(CASE, all_segmentations=False)[1])],
            TRIES,
            all_segmentations=False,
        )
        is None
    )


def test_a_freedom_that_is_taken_is_looked_at_three_times_and_counts_where_it_is_taken_each_time() -> None:
    free = replace(CASE, level=Level.MAY)
    always, once = played(free, {WHOLE: [INFO, INFO, INFO]}), played(free, {WHOLE: [INFO, PASS]}, well_formed=False)
    assert [each.judgement.verdict for each in always] == [INFO] * 3
    assert finalize("s", free, always).verdict is INFO
    assert [each.judgement.verdict for each in once] == [INFO, PASS]
    assert finalize("s", free, once).verdict is PASS


def test_what_was_not_well_formed_is_sent_once() -> None:
    assert segmentations_for(played(CASE, {}, well_formed=False)) == [WHOLE]


def test_a_case_that_measures_time_is_sent_in_one_way() -> None:
    assert segmentations_for(played(replace(CASE, setup=Setup(alone=True)), {})) == [WHOLE]


@pytest.mark.parametrize("verdict", [SKIPPED, Verdict.UNSUPPORTED, INFO])
def test_what_came_to_no_verdict_is_sent_once(verdict: Verdict) -> None:
    assert segmentations_for(played(CASE, {WHOLE: [verdict]})) == [WHOLE]


def test_what_blames_the_server_is_tried_again_and_ends_there() -> None:
    assert segmentations_for(played(CASE, {WHOLE: [FAIL] * 3})) == [WHOLE] * 3
    assert segmentations_for(played(CASE, {LINES: [FAIL] * 3})) == [WHOLE, BYTES, LINES, LINES, LINES]


def test_a_pass_among_failures_is_enough_to_know() -> None:
    assert segmentations_for(played(CASE, {WHOLE: [FAIL, PASS]})) == [WHOLE, WHOLE]
    assert segmentations_for(played(CASE, {BYTES: [FAIL, PASS]})) == [WHOLE, BYTES, BYTES]


def test_an_internal_error_is_tried_again_and_a_pass_after_it_counts() -> None:
    assert segmentations_for(played(CASE, {WHOLE: [ERROR, PASS]})) == [WHOLE, WHOLE, BYTES, LINES, PAUSED]
    assert segmentations_for(played(CASE, {WHOLE: [ERROR] * 3})) == [WHOLE] * 3


def test_a_way_that_says_nothing_holds_nobody_up() -> None:
    assert segmentations_for(played(CASE, {BYTES: [SKIPPED]})) == list(Segmentation)


# ---------------------------------------------------------------------- what it comes to


def test_a_pass_in_every_way() -> None:
    cell = finalize("reference", CASE, played(CASE, {}))
    assert (cell.verdict, cell.attempts, cell.seconds) == (PASS, 4, 1.0)
    assert cell.segmentations == tuple(Segmentation)
    assert (cell.server, cell.case, cell.level, cell.tags, cell.summary) == (
        "reference",
        CASE.id,
        Level.MUST,
        ("security",),
        "It is.",
    )
    assert (cell.expected, cell.actual) == ("", "")


def test_a_single_segmentation_is_not_listed() -> None:
    assert finalize("reference", CASE, played(CASE, {}, well_formed=False)).segmentations == ()


def test_a_failure_in_one_way_says_in_which_and_what_held() -> None:
    cell = finalize("reference", CASE, played(CASE, {LINES: [FAIL] * 3}))
    assert (cell.verdict, cell.expected) == (FAIL, "better")
    assert cell.actual == "sent split at every CRLF: fail in an attempt"
    assert cell.segmentations == (WHOLE, BYTES)


def test_a_failure_in_one_piece_does_not_speak_of_ways() -> None:
    cell = finalize("reference", CASE, played(CASE, {WHOLE: [FAIL] * 3}))
    assert (cell.actual, cell.segmentations, cell.attempts) == ("fail in an attempt", (), 3)


def test_what_does_not_repeat_is_flaky() -> None:
    assert finalize("reference", CASE, played(CASE, {WHOLE: [FAIL, PASS]})).verdict is FLAKY
    cell = finalize("reference", CASE, played(CASE, {BYTES: [FAIL, PASS]}))
    assert cell.verdict is FLAKY
    assert cell.actual == "sent byte by byte: 1 of 2 attempts: fail in an attempt"


def test_a_way_that_says_nothing_changes_nothing() -> None:
    cell = finalize("reference", CASE, played(CASE, {BYTES: [SKIPPED]}))
    assert cell.verdict is PASS
    assert cell.segmentations == (WHOLE, LINES, PAUSED)


def test_the_evidence_is_that_of_the_attempt_that_blamed() -> None:
    first = made(FAIL, note="the first")
    last = made(PASS, note="the last")
    assert finalize("reference", CASE, [first, last]).evidence.process == ("the first",)
    assert finalize("reference", CASE, [made(FAIL, note=str(n)) for n in range(3)]).evidence.process == ("2",)


def test_an_error_beside_a_verdict_is_in_its_evidence() -> None:
    cell = finalize("reference", CASE, played(CASE, {WHOLE: [ERROR, PASS]}))
    assert cell.verdict is PASS
    assert cell.evidence.process == ("attempt 1 proved nothing: error in an attempt",)
    assert finalize("reference", CASE, [made(ERROR)] * 3).verdict is ERROR


def test_lint_findings_are_listed_once() -> None:
    attempts = [replace(each, lint=("odd", f"odder in {each.segmentation}")) for each in played(CASE, {})]
    assert finalize("reference", CASE, attempts).findings == (
        "odd",
        *(f"odder in {segmentation}" for segmentation in Segmentation),
    )


def test_bodies_are_cut_only_for_an_app_that_read_them() -> None:
    event = AppEvent(1.0, "body", 1, 1, "t", 0, {})
    assert replace(made(PASS), evidence=Evidence(app=(event,))).app_read_body
    assert not made(PASS).app_read_body


@given(st.dictionaries(st.sampled_from(Segmentation), st.lists(st.sampled_from(Verdict), min_size=3, max_size=3)))
def test_every_cell_is_decided_in_bounded_attempts(verdicts: dict[Segmentation, list[Verdict]]) -> None:
    attempts = played(CASE, verdicts)
    cell = finalize("reference", CASE, attempts)
    order = list(Segmentation)
    assert segmentations_for(attempts) == sorted(segmentations_for(attempts), key=order.index)
    assert cell.attempts == len(attempts)
    blamed = [each for each in attempts if each.judgement.verdict in (FAIL, Verdict.WARN)]
    assert blamed or cell.verdict not in (FAIL, Verdict.WARN)


def test_a_server_that_takes_no_cut_is_said_to_have_been_asked_whole_only() -> None:
    cell = finalize("s", CASE, [made(PASS)], "cut behind byte 9 (b'GET /echo'): 400 Bad Request, 0 bytes")
    assert (cell.verdict, cell.segmentations) == (PASS, ())
    assert cell.evidence.process[0].endswith("cut behind byte 9 (b'GET /echo'): 400 Bad Request, 0 bytes")
