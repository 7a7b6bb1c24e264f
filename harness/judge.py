"""From what a case raised to a verdict, and from several attempts to one. Values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .errors import GauntletError, HeldUp, Skipped, Unsupported
from .expect import Violation
from .model import Level, Verdict


@dataclass(frozen=True)
class Finding:
    """What one attempt came to, with the sentences that explain it. `again` says that the moment alone was to blame."""

    verdict: Verdict
    expected: str = ""
    actual: str = ""
    again: bool = False


BROKEN = frozenset({Verdict.FAIL, Verdict.WARN})
"""The verdicts that blame a server."""

SPOILED = 5
"""Attempts at a cell, in one way of sending, that are made again because the machine stood still."""


def judge(level: Level, raised: BaseException | None) -> Finding:
    """Return the finding of an attempt that ended by raising `raised`, or normally where that is None.

    Only a Violation blames the server; anything unforeseen is our own fault.
    """
    match raised:
        case None:
            return Finding(Verdict.INFO if level is Level.INFO else Verdict.PASS)
        case Violation(expected=expected, actual=actual):
            broken = {Level.MUST: Verdict.FAIL, Level.SHOULD: Verdict.WARN}
            return Finding(broken.get(level, Verdict.INFO), expected, actual)
        case Unsupported():
            return Finding(Verdict.UNSUPPORTED, actual=str(raised))
        case Skipped():
            return Finding(Verdict.SKIPPED, actual=str(raised))
        case HeldUp():
            return Finding(Verdict.ERROR, actual=str(raised), again=True)
        case GauntletError():
            return Finding(Verdict.ERROR, actual=str(raised))
        case _:
            return Finding(Verdict.ERROR, actual=f"{type(raised).__name__}: {raised}")


def settled(attempts: Sequence[Finding], tries: int) -> bool:
    """Say whether `attempts` decide the cell: a finding without blame does, and so do `tries` attempts.

    Those that a bad moment spoiled do not count, up to `SPOILED` of them.
    """
    if not attempts:
        return False
    last = attempts[-1].verdict
    if last is not Verdict.ERROR and last not in BROKEN:
        return True
    return counted(attempts) >= tries or len(attempts) >= tries + SPOILED


def counted(attempts: Sequence[Finding]) -> int:
    """Return how many of `attempts` were not spoiled by a bad moment."""
    return sum(not each.again for each in attempts)


def settle(attempts: Sequence[Finding]) -> Finding:
    """Return the one finding that `attempts` come to: blame that did not repeat every time is flaky.

    An error among the attempts does not make a server's fault doubtful, nor a pass certain: it is left out unless
    there is nothing else.
    """
    told = [each for each in attempts if each.verdict is not Verdict.ERROR]
    if not told:
        return attempts[-1]
    broken = [each for each in told if each.verdict in BROKEN]
    if broken and len(broken) < len(told):
        first = broken[0]
        return Finding(Verdict.FLAKY, first.expected, f"{len(broken)} of {len(told)} attempts: {first.actual}")
    return told[-1]
