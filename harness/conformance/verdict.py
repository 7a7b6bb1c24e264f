"""From what a case raised to a verdict, and from several attempts to one. Values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.conformance.assertions import Violation
from wsgi_gauntlet.harness.errors import GauntletError, HarnessStalled, Skipped, Unsupported
from wsgi_gauntlet.harness.model import Level, Verdict


@dataclass(frozen=True)
class Judgement:
    """What one attempt came to, with the sentences that explain it. `stalled` says that the moment alone was to
    blame."""

    verdict: Verdict
    expected: str = ""
    actual: str = ""
    stalled: bool = False


BLAMING_VERDICTS = frozenset({Verdict.FAIL, Verdict.WARN})
"""The verdicts that blame a server."""

MAX_STALLED_ATTEMPTS = 5
"""Attempts at a cell, in one way of sending, that are made again because the machine stood still."""


def judge(level: Level, raised: BaseException | None) -> Judgement:
    """Return the finding of an attempt that ended by raising `raised`, or normally where that is None.

    Only a Violation blames the server; anything unforeseen is our own fault.
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
        case HarnessStalled():
            return Judgement(Verdict.ERROR, actual=str(raised), stalled=True)
        case GauntletError():
            return Judgement(Verdict.ERROR, actual=str(raised))
        case _:
            return Judgement(Verdict.ERROR, actual=f"{type(raised).__name__}: {raised}")


def is_decided(attempts: Sequence[Judgement], tries: int) -> bool:
    """Say whether `attempts` decide the cell: a finding without blame does, and so do `tries` attempts.

    Those that a bad moment spoiled do not count, up to `MAX_STALLED_ATTEMPTS` of them.
    """
    if not attempts:
        return False
    last = attempts[-1].verdict
    if last is not Verdict.ERROR and last not in BLAMING_VERDICTS:
        return True
    return count_unstalled(attempts) >= tries or len(attempts) >= tries + MAX_STALLED_ATTEMPTS


def count_unstalled(attempts: Sequence[Judgement]) -> int:
    """Return how many of `attempts` were not spoiled by a bad moment."""
    return sum(not each.stalled for each in attempts)


def combine_attempts(attempts: Sequence[Judgement]) -> Judgement:
    """Return the one finding that `attempts` come to: blame that did not repeat every time is flaky.

    An error among the attempts does not make a server's fault doubtful, nor a pass certain: it is left out unless
    there is nothing else.
    """
    valid = [each for each in attempts if each.verdict is not Verdict.ERROR]
    if not valid:
        return attempts[-1]
    blaming = [each for each in valid if each.verdict in BLAMING_VERDICTS]
    if blaming and len(blaming) < len(valid):
        first = blaming[0]
        return Judgement(Verdict.FLAKY, first.expected, f"{len(blaming)} of {len(valid)} attempts: {first.actual}")
    return valid[-1]
