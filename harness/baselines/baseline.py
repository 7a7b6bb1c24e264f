"""What a user has accepted of servers, by case, for now: the baseline file, and a run held against it.

    [[server]]
    name = "gunicorn"               # or a chain: "nginx+gunicorn"
    variant = "sync"                # absent: every variant
    versions = ">=20,<28"           # a PEP 440 specifier, absent: every version; of a chain, the server behind

    [[server.expected]]
    case = "http/framing/te-obfuscated/vt"
    verdict = "fail"                # or warn, or flaky
    reason = "why it is accepted"
    link = "https://..."            # optional
    expires = 2027-03-01            # optional: the last day on which the entry excuses

Everything is pure but `read`. Where several entries fit a cell, the one that says most of its server counts.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import msgspec

from ..model import Check, Expectation, Results, ServerInfo, Standing, Verdict
from .entries import Baseline, Entry, Served, named, served
from .file import EXPECTABLE, parse, read

__all__ = [
    "BREAKING",
    "EXPECTABLE",
    "Baseline",
    "Comparison",
    "Entry",
    "Served",
    "breaks",
    "compare",
    "held_against",
    "parse",
    "read",
    "served",
    "told",
]

BREAKING = frozenset({Standing.UNEXPECTED_FAIL, Standing.UNEXPECTED_PASS})
"""What makes a run with a baseline end with exit code 1."""


@dataclass(frozen=True)
class Comparison:
    """A run held against a baseline: its cells, each with its `baseline` filled in, by how they stand.

    `met` are as expected, `other` came to another verdict that blames no more than the expected one, `expired` have an
    entry that is past its day and did not fail.
    """

    unexpected_fails: tuple[Check, ...] = ()
    unexpected_passes: tuple[Check, ...] = ()
    other: tuple[Check, ...] = ()
    expired: tuple[Check, ...] = ()
    met: tuple[Check, ...] = ()

    @property
    def breaks(self) -> bool:
        """Say whether the run ends with exit code 1 for it."""
        return bool(self.unexpected_fails or self.unexpected_passes)


def held_against(baseline: Baseline, server: ServerInfo, cell: Check, today: dt.date) -> Check:
    """Return `cell` with its `baseline` filled in: how it stands to its entry, None where there is nothing to say."""
    who = served(server)
    entry = baseline.entry(*who, cell.case, today) or baseline.expired(*who, cell.case, today)
    standing = _standing(entry, cell.verdict, today)
    if standing is None:
        return msgspec.structs.replace(cell, baseline=None)
    if entry is None:
        return msgspec.structs.replace(cell, baseline=Expectation(standing))
    told = Expectation(
        standing,
        verdict=entry.verdict,
        reason=entry.reason,
        link=entry.link,
        expires=entry.expires.isoformat() if entry.expires else "",
        expired=entry.expired(today),
        where=_where(baseline, entry),
    )
    return msgspec.structs.replace(cell, baseline=told)


def compare(baseline: Baseline, results: Results, today: dt.date) -> Comparison:
    """Hold every cell of `results` against `baseline`. Entries of servers or cases that were not run say nothing."""
    by_standing: dict[Standing, list[Check]] = {each: [] for each in Standing}
    for cell in results.checks:
        server = results.servers.get(cell.server) or ServerInfo(cell.server, cell.server, True)
        told = held_against(baseline, server, cell, today)
        if told.baseline is not None:
            by_standing[told.baseline.standing].append(told)
    return Comparison(
        unexpected_fails=tuple(by_standing[Standing.UNEXPECTED_FAIL]),
        unexpected_passes=tuple(by_standing[Standing.UNEXPECTED_PASS]),
        other=tuple(by_standing[Standing.OTHER]),
        expired=tuple(by_standing[Standing.EXPIRED]),
        met=tuple(by_standing[Standing.EXPECTED]),
    )


def breaks(cell: Check) -> bool:
    """Say whether the cell makes a run end with exit code 1, with a baseline or without."""
    if cell.baseline is None:
        return cell.verdict is Verdict.FAIL
    return cell.baseline.standing in BREAKING


def told(cell: Check) -> str:
    """Return in one line how the cell stands to the baseline and what to do about it, '' where there is nothing."""
    mark = cell.baseline
    if mark is None:
        return ""
    match mark.standing:
        case Standing.EXPECTED:
            return f"as the baseline expects: {mark.reason}"
        case Standing.UNEXPECTED_PASS:
            return f"passes, and the baseline expects {mark.verdict}: delete {mark.where}"
        case Standing.EXPIRED:
            return f"{cell.verdict}, and its entry ({mark.where}) expired on {mark.expires}: {mark.reason}"
        case Standing.OTHER:
            return f"{cell.verdict}, and the baseline expects {mark.verdict}: correct {mark.where}"
        case Standing.UNEXPECTED_FAIL if mark.verdict is None:
            return "fails, and the baseline has no entry for it"
        case Standing.UNEXPECTED_FAIL if mark.expired:
            return f"fails, and its entry ({mark.where}) expired on {mark.expires}: {mark.reason}"
        case Standing.UNEXPECTED_FAIL:
            return f"fails, and the baseline expects no more than {mark.verdict} ({mark.where})"


def _standing(entry: Entry | None, verdict: Verdict, today: dt.date) -> Standing | None:
    if verdict in (Verdict.SKIPPED, Verdict.UNSUPPORTED, Verdict.ERROR):
        return None
    if entry is None:
        return Standing.UNEXPECTED_FAIL if verdict is Verdict.FAIL else None
    if entry.verdict is Verdict.FLAKY and not entry.expired(today):
        return Standing.EXPECTED  # now and then it passes, or fails three times in a row: that is what flaky means
    if verdict is Verdict.PASS:
        return Standing.UNEXPECTED_PASS
    if entry.expired(today):
        return Standing.UNEXPECTED_FAIL if verdict is Verdict.FAIL else Standing.EXPIRED
    if verdict is entry.verdict:
        return Standing.EXPECTED
    return Standing.UNEXPECTED_FAIL if verdict is Verdict.FAIL else Standing.OTHER


def _where(baseline: Baseline, entry: Entry) -> str:
    if entry.lines is not None:
        return f"lines {entry.lines[0]} to {entry.lines[1]} of {baseline.path}"
    return f"{entry.case} of {named(entry.server, entry.variant, entry.versions)} in {baseline.path}"
