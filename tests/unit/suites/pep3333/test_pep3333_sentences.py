"""PEP 3333 sentence by sentence: each sentence that binds a server has cases, and each case has a sentence.

reports/analysis/pep3333_sentences.toml lists the sentences by section, in the order of the PEP.
"""

from __future__ import annotations

import re

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.model import Level
from wsgi_gauntlet.reports.analysis.pep3333_sentences import Sentence, pep3333_sentences

BOUND_PARTIES = {"app", "middleware", "deployer", "permission", "untestable"}
"""Values of `binds` for a sentence that does not bind the server; `permission` leaves the server free."""

SECTIONS = pep3333_sentences()

SENTENCES = [sentence for sentences in SECTIONS.values() for sentence in sentences]

CASES = {case.id: case for case in registry.cases() if case.id.startswith("pep3333/")}


def test_every_section_with_normative_sentences_is_listed() -> None:
    assert len(SECTIONS) == 26
    assert len(SENTENCES) > 250


def test_a_sentence_has_cases_or_a_reason_to_have_none() -> None:
    def accounted_for(sentence: Sentence) -> bool:
        if sentence.cases:
            return not sentence.binds and not sentence.reason
        return sentence.binds in BOUND_PARTIES and sentence.reason.endswith(".")

    assert [sentence.quote for sentence in SENTENCES if not accounted_for(sentence)] == []


def test_quotes_have_no_markup() -> None:
    def is_plain(quote: str) -> bool:
        return len(quote) >= 20 and quote == " ".join(quote.split()) and not re.search(r"``|\*\*|`_|\]_", quote)

    assert [sentence.quote for sentence in SENTENCES if not is_plain(sentence.quote)] == []
    quotes = [(title, sentence.quote) for title, sentences in SECTIONS.items() for sentence in sentences]
    assert len(quotes) == len(set(quotes))


def test_every_case_of_a_sentence_exists() -> None:
    alone = [Sentence(sentence.quote, (prefix,)) for sentence in SENTENCES for prefix in sentence.cases]
    assert [sentence.cases for sentence in alone if not sentence.cases_of(CASES)] == []


def test_every_case_with_a_must_or_should_has_a_sentence() -> None:
    covered = {case for sentence in SENTENCES for case in sentence.cases_of(CASES)}
    blaming = {case.id for case in CASES.values() if case.level in (Level.MUST, Level.SHOULD)}
    assert sorted(blaming - covered) == []


def test_every_quote_of_a_case_is_listed() -> None:
    def listed(case: Case) -> bool:
        return any(
            sentence.quote.rstrip(".:") in case.reference.quote or case.reference.quote in sentence.quote
            for sentence in SECTIONS.get(case.reference.section, [])
        )

    quoting = [case for case in CASES.values() if case.reference.document == "PEP 3333"]
    assert [f"{case.id}: {case.reference.quote}" for case in quoting if not listed(case)] == []
