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

from wsgi_gauntlet.harness.baseline.entries import Baseline, Entry, baseline_server, server_label
from wsgi_gauntlet.harness.model import BaselineExpectation, BaselineStatus, CaseResult, Results, ServerInfo, Verdict

FAILING_STATUSES = frozenset({BaselineStatus.UNEXPECTED_FAIL, BaselineStatus.UNEXPECTED_PASS})
"""What makes a run with a baseline end with exit code 1."""


@dataclass(frozen=True)
class BaselineComparison:
    """A run held against a baseline: its cells, each with its `baseline` filled in, by how they stand.

    `met` are as expected, `other` came to another verdict that blames no more than the expected one, `expired` have an
    entry that is past its day and did not fail.
    """

    unexpected_fails: tuple[CaseResult, ...] = ()
    unexpected_passes: tuple[CaseResult, ...] = ()
    other: tuple[CaseResult, ...] = ()
    expired: tuple[CaseResult, ...] = ()
    expected: tuple[CaseResult, ...] = ()

    @property
    def fails_run(self) -> bool:
        """Say whether the run ends with exit code 1 for it."""
        return bool(self.unexpected_fails or self.unexpected_passes)


def apply_baseline(baseline: Baseline, server: ServerInfo, cell: CaseResult, today: dt.date) -> CaseResult:
    """Return `cell` with its `baseline` filled in: how it stands to its entry, None where there is nothing to say."""
    server_key = baseline_server(server)
    entry = baseline.entry(*server_key, cell.case, today) or baseline.expired(*server_key, cell.case, today)
    standing = _status_of(entry, cell.verdict, today)
    if standing is None:
        return msgspec.structs.replace(cell, baseline=None)
    if entry is None:
        return msgspec.structs.replace(cell, baseline=BaselineExpectation(standing))
    told = BaselineExpectation(
        standing,
        verdict=entry.verdict,
        reason=entry.reason,
        link=entry.link,
        expires=entry.expires.isoformat() if entry.expires else "",
        expired=entry.expired(today),
        where=_entry_location(baseline, entry),
    )
    return msgspec.structs.replace(cell, baseline=told)


def compare(baseline: Baseline, results: Results, today: dt.date) -> BaselineComparison:
    """Hold every cell of `results` against `baseline`. Entries of servers or cases that were not run say nothing."""
    by_status: dict[BaselineStatus, list[CaseResult]] = {each: [] for each in BaselineStatus}
    for cell in results.conformance:
        server = results.servers.get(cell.server) or ServerInfo(cell.server, cell.server, True)
        told = apply_baseline(baseline, server, cell, today)
        if told.baseline is not None:
            by_status[told.baseline.status].append(told)
    return BaselineComparison(
        unexpected_fails=tuple(by_status[BaselineStatus.UNEXPECTED_FAIL]),
        unexpected_passes=tuple(by_status[BaselineStatus.UNEXPECTED_PASS]),
        other=tuple(by_status[BaselineStatus.OTHER]),
        expired=tuple(by_status[BaselineStatus.EXPIRED]),
        expected=tuple(by_status[BaselineStatus.EXPECTED]),
    )


def fails_run(cell: CaseResult) -> bool:
    """Say whether the cell makes a run end with exit code 1, with a baseline or without."""
    if cell.baseline is None:
        return cell.verdict is Verdict.FAIL
    return cell.baseline.status in FAILING_STATUSES


def describe_status(cell: CaseResult) -> str:
    """Return in one line how the cell stands to the baseline and what to do about it, '' where there is nothing."""
    mark = cell.baseline
    if mark is None:
        return ""
    match mark.status:
        case BaselineStatus.EXPECTED:
            return f"as the baseline expects: {mark.reason}"
        case BaselineStatus.UNEXPECTED_PASS:
            return f"passes, and the baseline expects {mark.verdict}: delete {mark.where}"
        case BaselineStatus.EXPIRED:
            return f"{cell.verdict}, and its entry ({mark.where}) expired on {mark.expires}: {mark.reason}"
        case BaselineStatus.OTHER:
            return f"{cell.verdict}, and the baseline expects {mark.verdict}: correct {mark.where}"
        case BaselineStatus.UNEXPECTED_FAIL if mark.verdict is None:
            return "fails, and the baseline has no entry for it"
        case BaselineStatus.UNEXPECTED_FAIL if mark.expired:
            return f"fails, and its entry ({mark.where}) expired on {mark.expires}: {mark.reason}"
        case BaselineStatus.UNEXPECTED_FAIL:
            return f"fails, and the baseline expects no more than {mark.verdict} ({mark.where})"


def _status_of(entry: Entry | None, verdict: Verdict, today: dt.date) -> BaselineStatus | None:
    if verdict in (Verdict.SKIPPED, Verdict.UNSUPPORTED, Verdict.ERROR):
        return None
    if entry is None:
        return BaselineStatus.UNEXPECTED_FAIL if verdict is Verdict.FAIL else None
    if entry.verdict is Verdict.FLAKY and not entry.expired(today):
        return (
            BaselineStatus.EXPECTED
        )  # now and then it passes, or fails three times in a row: that is what flaky means
    if verdict is Verdict.PASS:
        return BaselineStatus.UNEXPECTED_PASS
    if entry.expired(today):
        return BaselineStatus.UNEXPECTED_FAIL if verdict is Verdict.FAIL else BaselineStatus.EXPIRED
    if verdict is entry.verdict:
        return BaselineStatus.EXPECTED
    return BaselineStatus.UNEXPECTED_FAIL if verdict is Verdict.FAIL else BaselineStatus.OTHER


def _entry_location(baseline: Baseline, entry: Entry) -> str:
    if entry.lines is not None:
        return f"lines {entry.lines[0]} to {entry.lines[1]} of {baseline.path}"
    return f"{entry.case} of {server_label(entry.server, entry.variant, entry.versions)} in {baseline.path}"
