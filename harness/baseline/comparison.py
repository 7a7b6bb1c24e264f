"""Compare a cell with the baseline: the verdicts that a user accepts for now. Pure.

    [[server]]
    name = "gunicorn"               # or a chain: "nginx+gunicorn"
    variant = "sync"                # absent: every variant
    versions = ">=20,<28"           # a PEP 440 specifier, absent: every version; in a chain, of the server behind

    [[server.expected]]
    case = "http/framing/te-obfuscated/vt"
    verdict = "fail"                # or warn, or flaky
    reason = "why it is accepted"
    link = "https://..."            # optional
    expires = 2027-03-01            # optional: the last day on which the entry is valid

If several entries match a cell, the most specific one applies.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from wsgi_gauntlet.harness.baseline.entries import Baseline, Entry, baseline_server, server_label
from wsgi_gauntlet.harness.model import BaselineExpectation, BaselineStatus, CaseResult, ServerInfo, Verdict

FAILING_STATUSES = frozenset({BaselineStatus.UNEXPECTED_FAIL, BaselineStatus.UNEXPECTED_PASS})
"""The statuses that end a run with exit code 1."""


def apply_baseline(baseline: Baseline, server: ServerInfo, cell: CaseResult, today: dt.date) -> CaseResult:
    """Return `cell` with its `baseline` set: its status and its entry, or None if the baseline does not apply."""
    server_key = baseline_server(server)
    entry = baseline.entry(*server_key, cell.case, today) or baseline.expired(*server_key, cell.case, today)
    status = _status_of(entry, cell.verdict, today)
    if status is None:
        return msgspec.structs.replace(cell, baseline=None)
    if entry is None:
        return msgspec.structs.replace(cell, baseline=BaselineExpectation(status))
    expectation = BaselineExpectation(
        status,
        verdict=entry.verdict,
        reason=entry.reason,
        link=entry.link,
        expires=entry.expires.isoformat() if entry.expires else "",
        expired=entry.expired(today),
        where=_entry_location(baseline, entry),
    )
    return msgspec.structs.replace(cell, baseline=expectation)


def fails_run(cell: CaseResult) -> bool:
    """Say whether the cell makes a run end with exit code 1, with or without a baseline."""
    if cell.baseline is None:
        return cell.verdict is Verdict.FAIL
    return cell.baseline.status in FAILING_STATUSES


def describe_status(cell: CaseResult) -> str:
    """Return one line: how the cell compares to the baseline and what to do; '' if the baseline does not apply."""
    mark = cell.baseline
    if mark is None:
        return ""
    match mark.status:
        case BaselineStatus.EXPECTED:
            return f"as the baseline expects: {mark.reason}"
        case BaselineStatus.UNEXPECTED_PASS:
            return f"passes, but the baseline expects {mark.verdict}: delete {mark.where}"
        case BaselineStatus.EXPIRED:
            return f"{cell.verdict}, and its entry ({mark.where}) expired on {mark.expires}: {mark.reason}"
        case BaselineStatus.OTHER:
            return f"{cell.verdict}, but the baseline expects {mark.verdict}: correct {mark.where}"
        case BaselineStatus.UNEXPECTED_FAIL if mark.verdict is None:
            return "fails, and the baseline has no entry for it"
        case BaselineStatus.UNEXPECTED_FAIL if mark.expired:
            return f"fails, and its entry ({mark.where}) expired on {mark.expires}: {mark.reason}"
        case BaselineStatus.UNEXPECTED_FAIL:
            return f"fails, but the baseline expects only {mark.verdict} ({mark.where})"


def _status_of(entry: Entry | None, verdict: Verdict, today: dt.date) -> BaselineStatus | None:
    if verdict in (Verdict.SKIPPED, Verdict.UNSUPPORTED, Verdict.ERROR):
        return None
    if entry is None:
        return BaselineStatus.UNEXPECTED_FAIL if verdict is Verdict.FAIL else None
    if entry.verdict is Verdict.FLAKY and not entry.expired(today):
        return BaselineStatus.EXPECTED  # a flaky case may pass, or fail in all attempts
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
