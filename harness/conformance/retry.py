"""Repeat a case in several segmentations until its attempts decide the cell, and combine them into one result.

`AttemptLoop` is the only loop over attempts. A run (runner.py) and pytest (pytest_plugin/instance_pool.py) give it
instances. All other functions here are pure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from zlib import crc32

import msgspec

from wsgi_gauntlet.harness.conformance.attempt import Attempt, ensure_responding, run_again
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.segmentation_tolerance import PlainInstance, SegmentationTolerance
from wsgi_gauntlet.harness.conformance.verdict import Judgement, combine_attempts, is_decided, judge
from wsgi_gauntlet.harness.errors import InstanceFilesDeleted, InternalError, ServerError, Unsupported
from wsgi_gauntlet.harness.http.lint.linter import LINT_FINDINGS_LIMIT
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import CaseResult, Evidence, Level, Verdict
from wsgi_gauntlet.harness.server.server_under_test import ObservedServer

MAX_ATTEMPTS = 3
"""Attempts of a case that blames the server. If one of them passes, the verdict is `flaky`."""


def segmentations_for(case: Case, *, all_segmentations: bool) -> tuple[Segmentation, ...]:
    """Return all segmentations, or the first one and one other, which differs from case to case."""
    whole, *others = Segmentation
    return tuple(Segmentation) if all_segmentations else (whole, others[crc32(case.id.encode()) % len(others)])


def next_segmentation(
    case: Case, attempts: Sequence[Attempt], tries: int, *, all_segmentations: bool = True
) -> Segmentation | None:
    """Return the segmentation of the next attempt, None if `attempts` decide the cell.

    A case is cut only if it passed whole and its requests are well-formed. A case that measures time is always sent
    whole: a cut would change the measured time.
    """
    for segmentation in segmentations_for(case, all_segmentations=all_segmentations):
        made = [each for each in attempts if each.segmentation is segmentation]
        # A server that uses a `may` is not blamed. The case is still repeated: chance may have caused the result.
        optional = case.level is Level.MAY and bool(made) and made[-1].judgement.verdict is Verdict.INFO
        if not is_decided([each.judgement for each in made], tries) or (optional and len(made) < tries):
            return segmentation
        verdict = combine_attempts([each.judgement for each in made]).verdict
        whole_only = not made[-1].well_formed or not case.segmentable or case.setup.alone
        if segmentation is Segmentation.WHOLE and (whole_only or verdict is not Verdict.PASS):
            return None
        if verdict is not Verdict.PASS and not verdict.is_not_applicable:
            return None
    return None


def finalize(server: str, case: Case, attempts: Sequence[Attempt], whole_only_reason: str = "") -> CaseResult:
    """Return the cell of `attempts`, which are in the order of `next_segmentation`.

    `whole_only_reason` says why the case was not cut, '' if it was. The evidence is that of the attempt that decides:
    the last one with the verdict, or for `flaky` the last one that blames the server.
    """
    judgement, decisive, passed_segmentations = _decisive_attempts(attempts)
    shown = [
        each for each in decisive if each.judgement == judgement or each.judgement.verdict.blames_server
    ] or decisive
    segmentation = decisive[-1].segmentation
    if segmentation is not Segmentation.WHOLE and judgement.actual:
        judgement = replace(judgement, actual=f"sent {segmentation.label}: {judgement.actual}")
    evidence = _with_error_notes(shown[-1], attempts, whole_only_reason)
    was_cut = any(each.segmentation is not Segmentation.WHOLE for each in attempts)
    return case_result(server, case, judgement, evidence, attempts, tuple(passed_segmentations) if was_cut else ())


def case_result(
    server: str,
    case: Case,
    judgement: Judgement,
    evidence: Evidence,
    attempts: Sequence[Attempt],
    passed_segmentations: tuple[Segmentation, ...] = (),
) -> CaseResult:
    """Return the cell of `attempts` with that judgement and evidence."""
    return CaseResult(
        server=server,
        case=case.id,
        level=case.level,
        tags=case.tags,
        verdict=judgement.verdict,
        summary=case.summary,
        expected=judgement.expected,
        actual=judgement.actual,
        attempts=len(attempts),
        seconds=round(sum(each.seconds for each in attempts), 4),
        evidence=evidence,
        segmentations=passed_segmentations,
        findings=tuple(dict.fromkeys(line for each in attempts for line in each.lint))[:LINT_FINDINGS_LIMIT],
    )


def _with_error_notes(shown: Attempt, attempts: Sequence[Attempt], whole_only_reason: str) -> Evidence:
    """Return the evidence of `shown` with a note on each other attempt that the harness could not complete."""
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
    """Return the judgement, the attempts that it rests on, and the segmentations in which the case passed."""
    passed_segmentations: list[Segmentation] = []
    whole = [each for each in attempts if each.segmentation is Segmentation.WHOLE]
    for segmentation in Segmentation:
        made = [each for each in attempts if each.segmentation is segmentation]
        if not made:
            continue
        judgement = combine_attempts([each.judgement for each in made])
        if judgement.verdict is Verdict.PASS:
            passed_segmentations.append(segmentation)
        elif segmentation is Segmentation.WHOLE or not judgement.verdict.is_not_applicable:
            return judgement, made, passed_segmentations
    return combine_attempts([each.judgement for each in whole]), whole, passed_segmentations


InstanceSource = Callable[[Segmentation], Awaitable[ObservedServer | None]]
"""Returns an instance for the next attempt in that segmentation, None if another round must go on."""

PlainInstanceSource = Callable[[ObservedServer], PlainInstance]
"""Opens an instance of the plain setup, given one of the case's setup that is idle."""


@dataclass
class AttemptLoop:
    """The attempts of one case on one server, made until they decide the cell. `tries` is as in `is_decided`."""

    case: Case
    tolerance: SegmentationTolerance
    tries: int = MAX_ATTEMPTS
    all_segmentations: bool = True
    attempts: list[Attempt] = field(default_factory=list)
    whole_only_reason: str = ""

    async def run(self, next_instance: InstanceSource, plain_instance: PlainInstanceSource = nullcontext) -> bool:
        """Make attempts on the instances of `next_instance`; say whether they decide the cell.

        `plain_instance` is asked for an instance if a cut case does not pass, see `SegmentationTolerance`.

        Raises InstanceFilesDeleted without an attempt if the files of the instance are gone: a new instance must take
        the case. Raises ServerError as `run_again` does.
        """
        while segmentation := next_segmentation(
            self.case, self.attempts, self.tries, all_segmentations=self.all_segmentations
        ):
            server = await next_instance(segmentation)
            if server is None:
                return False
            if segmentation is not Segmentation.WHOLE and self._is_whole_only(self.tolerance.known_reason):
                break
            made = await run_again(self.case, server, segmentation, self.attempts)
            if made.judgement.verdict is Verdict.ERROR and not server.intact:
                raise InstanceFilesDeleted(made.judgement.actual)
            self.attempts.append(made)
            if segmentation is Segmentation.WHOLE or made.judgement.verdict in (Verdict.PASS, Verdict.ERROR):
                continue
            if self._is_whole_only(await self._rejection_reason(server, plain_instance)):
                break
        return True

    async def _rejection_reason(self, server: ObservedServer, plain_instance: PlainInstanceSource) -> str:
        try:
            await ensure_responding(server)
            return await self.tolerance.rejection_reason(plain_instance(server))
        except (ServerError, InternalError, Unsupported):
            return ""  # no instance is there to be asked

    def _is_whole_only(self, reason: str) -> bool:
        """Forget the attempts that were cut if there is a `reason`; say whether there is one."""
        if reason:
            self.whole_only_reason = reason
            self.attempts[:] = [each for each in self.attempts if each.segmentation is Segmentation.WHOLE]
        return bool(reason)

    def made_in(self, segmentation: Segmentation) -> list[Judgement]:
        """Return the judgements of the attempts in that segmentation."""
        return [each.judgement for each in self.attempts if each.segmentation is segmentation]

    def add_error(self, error: Exception) -> None:
        """Add an attempt that ended with `error` before the case began."""
        self.attempts.append(Attempt(judge(self.case.level, error)))

    def skip(self, needed: str, verdict: Verdict) -> None:
        """Add an attempt that was skipped: the case `needed` has `verdict`."""
        self.attempts.append(Attempt(Judgement(Verdict.SKIPPED, actual=f"needs {needed}, whose verdict is {verdict}")))

    def result(self, server: str) -> CaseResult:
        """Return the cell of the attempts on `server`."""
        return finalize(server, self.case, self.attempts, self.whole_only_reason)
