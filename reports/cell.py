"""One cell in plain text, for whoever reads it in a terminal or a log of CI: why it fails, and the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..harness.again import replay
from ..harness.baselines.baseline import told
from ..harness.model import CaseInfo, Check, Evidence, Verdict
from . import words
from .bounds import cut_text
from .timeline import Row, timeline
from .visible import clean, line

TRANSCRIPT = 24_000
"""Characters of a transcript that a report carries: some three hundred lines."""

DETAIL = 300
"""Characters of one event of the app in a transcript."""

LOG = 8000
"""Characters of a server's log that a report carries."""

BLAMED = {Verdict.FAIL: "fails", Verdict.WARN: "does not follow", Verdict.FLAKY: "sometimes fails"}


def one_line(text: str) -> str:
    """Return `text`, which may come from a server, fit for one line."""
    return line(text, 500)


def headline(check: Check) -> str:
    """Return in one line what is wrong, for a list of failures."""
    return line(told(check) if _against_expectation(check) else f"{check.verdict}: {check.actual}", 200)


def failure(check: Check, case: CaseInfo, given: Sequence[str] = ()) -> str:
    """Return what was expected, what came, the sentence that demands it, and how to see it happen.

    `given` are the options that started the server.
    """
    return "\n".join(_failure(check, case, given))


def sections(check: Check, case: CaseInfo, given: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return what stands below a cell's result, as (title, text); nothing where it passed without a remark."""
    found = []
    if check.verdict is Verdict.WARN:
        found.append(("wsgi finding", failure(check, case, given)))
    if check.findings:
        found.append(("wsgi lint", "\n".join(line(each, 500) for each in check.findings)))
    if check.verdict is not Verdict.PASS:
        found.append(("wsgi transcript", transcript(check.evidence)))
        found.append(("server log", cut_text(clean(check.evidence.log), LOG).strip("\n")))
    return [(title, text) for title, text in found if text]


def transcript(evidence: Evidence) -> str:
    """Return what went over the wire and what the app saw, in the order of the clock, times in milliseconds."""
    rows = [line(each, 500) for each in evidence.process]
    rows += [text for row in timeline(evidence, DETAIL) for text in _row(row)]
    return cut_text("\n".join(rows), TRANSCRIPT)


def _against_expectation(check: Check) -> bool:
    return check.baseline is not None and check.baseline.verdict is not None


def _failure(check: Check, case: CaseInfo, given: Sequence[str]) -> Iterator[str]:
    blame = BLAMED.get(check.verdict, f"comes to {check.verdict} in")
    yield f"{line(check.server)} {blame} {check.case} ({check.level})"
    if case.summary:
        yield line(case.summary)
    yield ""
    yield f"expected: {line(check.expected, 2000)}"
    yield f"actual:   {line(check.actual, 2000)}"
    if _against_expectation(check):
        yield f"baseline: {line(told(check), 1000)}"
    yield ""
    yield f"{line(case.reference.document)}, {line(case.reference.section)}: “{line(case.reference.quote)}”"
    yield line(case.reference.url)
    if case.basis is not None:
        yield f"Basis: {line(words.basis(case.basis), 2000)}"
    if case.breach is not None and words.BREACHES[case.breach]:
        yield f"On purpose {words.BREACHES[case.breach]}."
    if case.why:
        yield f"Why it matters: {line(case.why)}"
    yield f"See it happen: {replay(line(check.server), check.case, given)}"


def _row(row: Row) -> Iterator[str]:
    where = f" #{row.connection}" if row.connection else ""
    begins = f"{row.at:9.1f} {row.arrow}{where} {row.label}"
    if row.side in ("sent", "received") and row.text:
        yield begins
        yield from (f"{'':12}{each}" for each in row.text.split("\n"))
    else:
        yield f"{begins}  {row.text}".rstrip()
