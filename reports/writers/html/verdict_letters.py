"""The letters of verdicts in the data of the page, and their meanings for a legend."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results, Verdict
from wsgi_gauntlet.reports.text import labels

LETTERS: dict[Verdict, str] = {
    Verdict.PASS: "p",
    Verdict.FAIL: "f",
    Verdict.WARN: "w",
    Verdict.INFO: "i",
    Verdict.UNSUPPORTED: "u",
    Verdict.SKIPPED: "s",
    Verdict.FLAKY: "k",
    Verdict.ERROR: "e",
}
"""assets/js/data.js has the names of the letters."""

NOT_ASKED = "-"
"""The letter of a cell without a result."""


def meanings(results: Results) -> dict[str, str]:
    """Return the meaning of each verdict that occurs by its letter, the most important first."""
    used = {each.verdict for each in results.conformance}
    return {LETTERS[each]: mark.meaning for each, mark in labels.VERDICTS.items() if each in used}
