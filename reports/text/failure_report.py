"""One cell as plain text for a terminal or a CI log: the reason and the evidence.

pytest prints it. So no line is a command for the CI service.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsgi_gauntlet.harness.baseline.comparison import describe_status
from wsgi_gauntlet.harness.model import CaseInfo, CaseResult, Evidence, Verdict
from wsgi_gauntlet.harness.store.evidence_limits import truncate_text
from wsgi_gauntlet.harness.store.rerun_command import replay
from wsgi_gauntlet.harness.workflow_commands import escape_commands
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import escape_text, line
from wsgi_gauntlet.reports.text.timeline import TimelineRow, timeline

MAX_TRANSCRIPT_CHARACTERS = 24_000
"""Characters of a transcript: about 300 lines."""

MAX_DETAIL_CHARACTERS = 300
"""Characters of one app event in a transcript."""

MAX_LOG_CHARACTERS = 8000
"""Characters of a server log."""

FAILURE_VERBS = {Verdict.FAIL: "fails", Verdict.WARN: "does not follow", Verdict.FLAKY: "sometimes fails"}


def one_line(text: str) -> str:
    """Return `text` from a server on one line."""
    return escape_commands(line(text, 500))


def headline(check: CaseResult) -> str:
    """Return the reason on one line, for a list of failures."""
    reason = describe_status(check) if _has_baseline_entry(check) else f"{check.verdict}: {check.actual}"
    return escape_commands(line(reason, 200))


def failure(check: CaseResult, case: CaseInfo, server_options: Sequence[str] = ()) -> str:
    """Return the expected and the actual behaviour, the source, and the command that replays it.

    `server_options` are the options that started the server.
    """
    return escape_commands("\n".join(_failure_lines(check, case, server_options)))


def sections(check: CaseResult, case: CaseInfo, server_options: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return the sections below the result of a cell, as (title, text). A pass without findings has none."""
    found = []
    if check.verdict is Verdict.WARN:
        found.append(("wsgi finding", failure(check, case, server_options)))
    if check.findings:
        found.append(("wsgi lint", "\n".join(line(each, 500) for each in check.findings)))
    if check.verdict is not Verdict.PASS:
        found.append(("wsgi transcript", transcript(check.evidence)))
        found.append(("server log", truncate_text(escape_text(check.evidence.log), MAX_LOG_CHARACTERS).strip("\n")))
    return [(title, escape_commands(text)) for title, text in found if text]


def transcript(evidence: Evidence) -> str:
    """Return the time line of connection events and app events. Times are milliseconds."""
    rows = [line(each, 500) for each in evidence.process]
    rows += [text for row in timeline(evidence, MAX_DETAIL_CHARACTERS) for text in _row_lines(row)]
    return truncate_text("\n".join(rows), MAX_TRANSCRIPT_CHARACTERS)


def _has_baseline_entry(check: CaseResult) -> bool:
    return check.baseline is not None and check.baseline.verdict is not None


def _failure_lines(check: CaseResult, case: CaseInfo, server_options: Sequence[str]) -> Iterator[str]:
    blame = FAILURE_VERBS.get(check.verdict, f"is {check.verdict} in")
    yield f"{line(check.server)} {blame} {check.case} ({check.level})"
    if case.summary:
        yield line(case.summary)
    yield ""
    yield f"expected: {line(check.expected, 2000)}"
    yield f"actual:   {line(check.actual, 2000)}"
    if _has_baseline_entry(check):
        yield f"baseline: {line(describe_status(check), 1000)}"
    yield ""
    yield f"{line(case.reference.document)}, {line(case.reference.section)}: “{line(case.reference.quote)}”"
    yield line(case.reference.url)
    if case.basis is not None:
        yield f"Basis: {line(labels.basis(case.basis), 2000)}"
    if case.breach is not None and labels.BREACHES[case.breach]:
        yield f"On purpose, {labels.BREACHES[case.breach]}."
    if case.why:
        yield f"Why it matters: {line(case.why)}"
    yield f"Replay it: {replay(line(check.server), check.case, server_options)}"


def _row_lines(row: TimelineRow) -> Iterator[str]:
    where = f" #{row.connection}" if row.connection else ""
    begins = f"{row.at:9.1f} {row.arrow}{where} {row.label}"
    if row.side in ("sent", "received") and row.text:
        yield begins
        yield from (f"{'':12}{each}" for each in row.text.split("\n"))
    else:
        yield f"{begins}  {row.text}".rstrip()
