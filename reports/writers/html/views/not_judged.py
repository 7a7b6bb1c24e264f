"""Cells without a verdict, or with a flaky one, by reason. The cells come from the block "index"."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results, Verdict
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.writers.html.verdict_letters import LETTERS
from wsgi_gauntlet.reports.writers.html.view import View

LISTED_VERDICTS = (Verdict.FLAKY, Verdict.ERROR, Verdict.SKIPPED, Verdict.UNSUPPORTED)


def block(results: Results) -> dict[str, object] | None:
    """Return the listed verdicts that occur: their letter and their meaning."""
    used = {each.verdict for each in results.conformance}
    found = [[LETTERS[each], labels.VERDICTS[each].meaning] for each in LISTED_VERDICTS if each in used]
    return {"verdicts": found} if found else None


VIEW = View(name="not_judged", title="Not judged", order=80, block=block)
