"""PEP 3333 annotated: its normative sentences in their order, each with the cases that check it."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import pep3333
from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.pep3333_sentences import CASE_PREFIX, PEP_URL, pep3333_sentences
from wsgi_gauntlet.reports.writers.html.view import View


def block(results: Results) -> dict[str, object] | None:
    """Return the sections, with the cases of the run for each sentence.

    `checked` says whether the catalogue has a case for the sentence. The run can have fewer cases.
    """
    ids = [case.id for cases in aggregation.cases(results).values() for case in cases]
    own = [each for each in ids if each.startswith(CASE_PREFIX)]
    if not own:
        return None
    sections = [
        {
            "title": title,
            "url": pep3333(title, "").url,
            "sentences": [
                {
                    "quote": each.quote,
                    "cases": each.cases_of(own),
                    "checked": bool(each.cases),
                    "binds": each.binds,
                    "reason": each.reason,
                }
                for each in sentences
            ],
        }
        for title, sentences in pep3333_sentences().items()
    ]
    return {"sections": sections, "url": PEP_URL}


VIEW = View(name="pep3333", title="PEP 3333", order=40, block=block)
