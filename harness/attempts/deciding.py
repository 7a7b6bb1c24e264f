"""From the attempts at one cell to its verdict: in which ways it is sent, how often, and what that comes to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import msgspec

from ..catalog import Case
from ..judge import BROKEN, Finding, settle, settled
from ..model import Check, Evidence, Level, Verdict
from .attempt import Attempt
from .lint import LIMIT
from .patterns import Pattern

SAYS_NOTHING = frozenset({Verdict.SKIPPED, Verdict.UNSUPPORTED})
"""What a further way of sending may come to without changing the cell."""


def ways(case: Case, *, thorough: bool) -> tuple[Pattern, ...]:
    """Return the ways in which `case` is sent: all, or the first and one other, which differs from case to case."""
    whole, *others = Pattern
    return tuple(Pattern) if thorough else (whole, others[crc32(case.id.encode()) % len(others)])


def due(case: Case, attempts: Sequence[Attempt], tries: int, *, thorough: bool = True) -> Pattern | None:
    """Return the way of sending that the next attempt at the cell is to use; None where the cell is decided.

    Only what has passed in one piece, and was well-formed, is sent in the other ways. A case that measures time is
    sent in one: the others would be what it measures.
    """
    for pattern in ways(case, thorough=thorough):
        made = [each for each in attempts if each.pattern is pattern]
        # That a freedom is taken is no blame, and yet to be seen more than once: it may have been the moment's doing.
        free = case.level is Level.MAY and bool(made) and made[-1].finding.verdict is Verdict.INFO
        if not settled([each.finding for each in made], tries) or (free and len(made) < tries):
            return pattern
        told = settle([each.finding for each in made])
        alone = not made[-1].well_formed or not case.cut or case.setup.alone
        if pattern is Pattern.WHOLE and (alone or told.verdict is not Verdict.PASS):
            return None
        if told.verdict is not Verdict.PASS and told.verdict not in SAYS_NOTHING:
            return None
    return None


def decided(server: str, case: Case, attempts: Sequence[Attempt], uncut: str = "") -> Check:
    """Return the cell that `attempts`, in the order of `due`, come to.

    `uncut` is why the other ways of sending were left out, '' where they were not: where the server takes no cut.
    Its evidence is of what the verdict rests on: the last attempt that came to it, or for flaky the one that blamed.
    """
    told, chosen, held = _told(attempts)
    shown = [each for each in chosen if each.finding == told or each.finding.verdict in BROKEN] or chosen
    way = chosen[-1].pattern
    actual = told.actual if way is Pattern.WHOLE or not told.actual else f"sent {way}: {told.actual}"
    return Check(
        server=server,
        case=case.id,
        level=case.level,
        tags=case.tags,
        verdict=told.verdict,
        summary=case.summary,
        expected=told.expected,
        actual=actual,
        attempts=len(attempts),
        seconds=round(sum(each.seconds for each in attempts), 4),
        evidence=_with_troubles(shown[-1], attempts, uncut),
        patterns=tuple(held) if any(each.pattern is not Pattern.WHOLE for each in attempts) else (),
        findings=tuple(dict.fromkeys(line for each in attempts for line in each.lint))[:LIMIT],
    )


def _with_troubles(shown: Attempt, attempts: Sequence[Attempt], uncut: str) -> Evidence:
    """Return the evidence of `shown` with a word on each other attempt that came to an error of ours."""
    troubles = [f"sent whole only, because this server does not take every cut: {uncut}"] if uncut else []
    troubles += [
        f"attempt {number} proved nothing: {each.finding.actual}"
        for number, each in enumerate(attempts, 1)
        if each.finding.verdict is Verdict.ERROR and each is not shown
    ]
    if not troubles:
        return shown.evidence
    return msgspec.structs.replace(shown.evidence, process=(*troubles, *shown.evidence.process))


def _told(attempts: Sequence[Attempt]) -> tuple[Finding, list[Attempt], list[Pattern]]:
    """Return what decides, the attempts that it rests on, and the ways of sending in which the case held."""
    held: list[Pattern] = []
    whole = [each for each in attempts if each.pattern is Pattern.WHOLE]
    for pattern in Pattern:
        made = [each for each in attempts if each.pattern is pattern]
        if not made:
            continue
        told = settle([each.finding for each in made])
        if told.verdict is Verdict.PASS:
            held.append(pattern)
        elif pattern is Pattern.WHOLE or told.verdict not in SAYS_NOTHING:
            return told, made, held
    return settle([each.finding for each in whole]), whole, held
