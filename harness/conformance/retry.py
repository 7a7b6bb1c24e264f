"""From the attempts at one cell to its verdict: in which ways it is sent, how often, and what that comes to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import msgspec

from wsgi_gauntlet.harness.conformance.attempt import Attempt
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.verdict import BLAMING_VERDICTS, Judgement, combine_attempts, is_decided
from wsgi_gauntlet.harness.http.lint.linter import LINT_FINDINGS_LIMIT
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import CaseResult, Evidence, Level, Verdict

NEUTRAL_VERDICTS = frozenset({Verdict.SKIPPED, Verdict.UNSUPPORTED})
"""What a further way of sending may come to without changing the cell."""


def segmentations_for(case: Case, *, all_segmentations: bool) -> tuple[Segmentation, ...]:
    """Return the ways in which `case` is sent: all, or the first and one other, which differs from case to case."""
    whole, *others = Segmentation
    return tuple(Segmentation) if all_segmentations else (whole, others[crc32(case.id.encode()) % len(others)])


def next_segmentation(
    case: Case, attempts: Sequence[Attempt], tries: int, *, all_segmentations: bool = True
) -> Segmentation | None:
    """Return the way of sending that the next attempt at the cell is to use; None where the cell is decided.

    Only what has passed in one piece, and was well-formed, is sent in the other ways. A case that measures time is
    sent in one: the others would be what it measures.
    """
    for segmentation in segmentations_for(case, all_segmentations=all_segmentations):
        made = [each for each in attempts if each.segmentation is segmentation]
        # That a freedom is taken is no blame, and yet to be seen more than once: it may have been the moment's doing.
        free = case.level is Level.MAY and bool(made) and made[-1].judgement.verdict is Verdict.INFO
        if not is_decided([each.judgement for each in made], tries) or (free and len(made) < tries):
            return segmentation
        judgement = combine_attempts([each.judgement for each in made])
        alone = not made[-1].well_formed or not case.segmentable or case.setup.alone
        if segmentation is Segmentation.WHOLE and (alone or judgement.verdict is not Verdict.PASS):
            return None
        if judgement.verdict is not Verdict.PASS and judgement.verdict not in NEUTRAL_VERDICTS:
            return None
    return None


def finalize(server: str, case: Case, attempts: Sequence[Attempt], whole_only_reason: str = "") -> CaseResult:
    """Return the cell that `attempts`, in the order of `due`, come to.

    `uncut` is why the other ways of sending were left out, '' where they were not: where the server takes no cut.
    Its evidence is of what the verdict rests on: the last attempt that came to it, or for flaky the one that blamed.
    """
    judgement, chosen, passed_segmentations = _decisive_attempts(attempts)
    shown = [
        each for each in chosen if each.judgement == judgement or each.judgement.verdict in BLAMING_VERDICTS
    ] or chosen
    segmentation = chosen[-1].segmentation
    actual = (
        judgement.actual
        if segmentation is Segmentation.WHOLE or not judgement.actual
        else f"sent {segmentation.label}: {judgement.actual}"
    )
    return CaseResult(
        server=server,
        case=case.id,
        level=case.level,
        tags=case.tags,
        verdict=judgement.verdict,
        summary=case.summary,
        expected=judgement.expected,
        actual=actual,
        attempts=len(attempts),
        seconds=round(sum(each.seconds for each in attempts), 4),
        evidence=_with_error_notes(shown[-1], attempts, whole_only_reason),
        segmentations=tuple(passed_segmentations)
        if any(each.segmentation is not Segmentation.WHOLE for each in attempts)
        else (),
        findings=tuple(dict.fromkeys(line for each in attempts for line in each.lint))[:LINT_FINDINGS_LIMIT],
    )


def _with_error_notes(shown: Attempt, attempts: Sequence[Attempt], whole_only_reason: str) -> Evidence:
    """Return the evidence of `shown` with a word on each other attempt that came to an error of ours."""
    notes = (
        [f"sent whole only, because this server does not take every cut: {whole_only_reason}"]
        if whole_only_reason
        else []
    )
    notes += [
        f"attempt {number} proved nothing: {each.judgement.actual}"
        for number, each in enumerate(attempts, 1)
        if each.judgement.verdict is Verdict.ERROR and each is not shown
    ]
    if not notes:
        return shown.evidence
    return msgspec.structs.replace(shown.evidence, process=(*notes, *shown.evidence.process))


def _decisive_attempts(attempts: Sequence[Attempt]) -> tuple[Judgement, list[Attempt], list[Segmentation]]:
    """Return what decides, the attempts that it rests on, and the ways of sending in which the case held."""
    passed_segmentations: list[Segmentation] = []
    whole = [each for each in attempts if each.segmentation is Segmentation.WHOLE]
    for segmentation in Segmentation:
        made = [each for each in attempts if each.segmentation is segmentation]
        if not made:
            continue
        judgement = combine_attempts([each.judgement for each in made])
        if judgement.verdict is Verdict.PASS:
            passed_segmentations.append(segmentation)
        elif segmentation is Segmentation.WHOLE or judgement.verdict not in NEUTRAL_VERDICTS:
            return judgement, made, passed_segmentations
    return combine_attempts([each.judgement for each in whole]), whole, passed_segmentations
