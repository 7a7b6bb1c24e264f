"""Turn the result of an attempt into a verdict, and several attempts into one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.conformance.assertions import Violation
from wsgi_gauntlet.harness.errors import GauntletError, HarnessStalled, Skipped, Unsupported
from wsgi_gauntlet.harness.model import Level, Verdict


@dataclass(frozen=True)
class Judgement:
    """The verdict of one attempt with the sentences that explain it. `stalled` says that only a stall is the cause."""

    verdict: Verdict
    expected: str = ""
    actual: str = ""
    stalled: bool = False


MAX_STALLED_ATTEMPTS = 5
"""Attempts in one segmentation that are repeated because the harness stalled."""


def judge(level: Level, raised: BaseException | None) -> Judgement:
    """Return the judgement of an attempt that raised `raised`, or that ended normally (None).

    Only a Violation blames the server. An unexpected error is a fault of the harness.
    """
    match raised:
        case None:
            return Judgement(Verdict.INFO if level is Level.INFO else Verdict.PASS)
        case Violation(expected=expected, actual=actual):
            blaming = {Level.MUST: Verdict.FAIL, Level.SHOULD: Verdict.WARN}
            return Judgement(blaming.get(level, Verdict.INFO), expected, actual)
        case Unsupported():
            return Judgement(Verdict.UNSUPPORTED, actual=str(raised))
        case Skipped():
            return Judgement(Verdict.SKIPPED, actual=str(raised))
        case GauntletError():
            return Judgement(Verdict.ERROR, actual=str(raised), stalled=isinstance(raised, HarnessStalled))
        case _:
            return Judgement(Verdict.ERROR, actual=f"{type(raised).__name__}: {raised}")


def is_decided(attempts: Sequence[Judgement], tries: int) -> bool:
    """Say whether `attempts` decide the cell: one without blame does, and so do `tries` attempts.

    Stalled attempts do not count, up to `MAX_STALLED_ATTEMPTS` of them.
    """
    if not attempts:
        return False
    last = attempts[-1].verdict
    if last is not Verdict.ERROR and not last.blames_server:
        return True
    return count_unstalled(attempts) >= tries or len(attempts) >= tries + MAX_STALLED_ATTEMPTS


def count_unstalled(attempts: Sequence[Judgement]) -> int:
    """Return how many of `attempts` did not stall."""
    return sum(not each.stalled for each in attempts)


def combine_attempts(attempts: Sequence[Judgement]) -> Judgement:
    """Return the judgement of all `attempts`: blame that some of them do not repeat is `flaky`.

    An error neither weakens a fault of the server nor proves a pass: it counts only if there is nothing else.
    """
    valid = [each for each in attempts if each.verdict is not Verdict.ERROR]
    if not valid:
        return attempts[-1]
    blaming = [each for each in valid if each.verdict.blames_server]
    if blaming and len(blaming) < len(valid):
        first = blaming[0]
        return Judgement(Verdict.FLAKY, first.expected, f"{len(blaming)} of {len(valid)} attempts: {first.actual}")
    return valid[-1]
