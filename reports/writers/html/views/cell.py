"""One cell as a side sheet: the verdict, the sentence, and the evidence. The evidence has its own blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import CaseResult, Results
from wsgi_gauntlet.harness.store import rerun_command
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import labels, run_environment
from wsgi_gauntlet.reports.text.escaping import escape_text, line
from wsgi_gauntlet.reports.writers.html.verdict_letters import meanings
from wsgi_gauntlet.reports.writers.html.view import View

CASE = "the-case-of-the-cell"
"""Stands where the id of the case belongs."""


def block(results: Results) -> dict[str, object] | None:
    """Return the commands that replay a case on each server, in parts around the id, and what an issue says of the run.

    `segmentations` says for cells how the request was cut when it passed.
    """
    if not results.conformance:
        return None
    given = rerun_command.given(results.environment)
    return {
        "meanings": meanings(results),
        "replay": {name: _replay(name, given) for name in aggregation.checked(results)},
        "run": [
            [name, value]
            for name, value in run_environment.rows(results.environment)
            if name in ("program", "date", "python", "system")
        ],
        "segmentations": _segmentations(results),
    }


def _replay(server: str, given: Sequence[str]) -> list[str]:
    return escape_text(rerun_command.replay(line(server), CASE, given)).split(CASE, 1)


def _segmentations(results: Results) -> dict[str, object]:
    """Return the segmentations that passed: `usual` has [text, cases], `others` other cells as [server, case, text].

    They depend more on the case than on the server, so most servers have the usual text.
    """
    texts: dict[str, Counter[str]] = {}
    for each in results.conformance:
        texts.setdefault(each.case, Counter())[passed_segmentations(each)] += 1
    usual = {case: counts.most_common(1)[0][0] for case, counts in texts.items()}
    cases: dict[str, list[str]] = {}
    for case, text in usual.items():
        cases.setdefault(text, []).append(case)
    others = [
        [each.server, each.case, text]
        for each in results.conformance
        if (text := passed_segmentations(each)) != usual[each.case]
    ]
    return {"usual": [[text, ids] for text, ids in cases.items() if text], "others": others}


def passed_segmentations(check: CaseResult) -> str:
    """Return the segmentations that passed in words, or '' if the case has only one."""
    return _described(check.segmentations)


@lru_cache(1024)
def _described(segmentations: tuple[str, ...]) -> str:
    if not segmentations:
        return ""
    if len(segmentations) == len(Segmentation):
        return "in every segmentation"
    return f"sent {labels.join_names([Segmentation(each).label for each in segmentations])}"


VIEW = View(name="cell", title="Cell", block=block, in_navigation=False, in_sheet=True)
