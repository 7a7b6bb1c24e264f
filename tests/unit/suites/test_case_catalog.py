"""Every case of every suite: named as the catalogue has it, explained, and resting on a sentence that bears it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wsgi_gauntlet import suites
from wsgi_gauntlet.harness.conformance import basis
from wsgi_gauntlet.harness.conformance.catalog import Case, CaseVariants
from wsgi_gauntlet.harness.model import BasisKind, Level

AREAS = {
    "pep3333": [
        "environ",
        "input",
        "errors-stream",
        "start-response",
        "body",
        "close",
        "content-length",
        "error-handling",
        "expect",
        "file-wrapper",
        "concurrency",
    ],
    "http": [
        *("request-line", "host", "headers", "framing", "chunked", "connection", "expect", "responses", "limits"),
        "http2",
        "tls",
        "upgrade",
    ],
    "own-app": ["page"],
    "frameworks": ["flask", "django", "pyramid", "falcon", "bottle"],
}

TAGS = {"security"}

KEYWORDS = {
    BasisKind.MUST: "MUST|MUST NOT|SHALL|SHALL NOT|REQUIRED",
    BasisKind.SHOULD: "SHOULD|SHOULD NOT|RECOMMENDED|[Oo]ught to",
    BasisKind.MAY: "MAY|OPTIONAL",
}

GROUNDS_OF_LEVEL = {
    Level.MUST: {BasisKind.MUST, BasisKind.DEFINITION, BasisKind.SECURITY},
    Level.SHOULD: {BasisKind.SHOULD, BasisKind.DEFINITION, BasisKind.SECURITY},
    Level.MAY: {BasisKind.MAY, BasisKind.RECORDED},
    Level.INFO: {BasisKind.MAY, BasisKind.RECORDED},
}

FULLY_EXPLAINED_SUITES = ["frameworks", "http", "own-app", "pep3333"]
"""The suites whose cases have all three paragraphs: Sends, Expects, Why."""


def modules() -> Iterator[str]:
    for info in pkgutil.walk_packages(suites.__path__, f"{suites.__name__}."):
        if not info.name.startswith(f"{suites.__name__}.testapp"):
            yield info.name


def collect_cases() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for name in modules():
        for value in vars(importlib.import_module(name)).values():
            for case in value.cases if isinstance(value, CaseVariants) else [value]:
                if isinstance(case, Case):
                    assert cases.setdefault(case.id, case) is case, f"two cases are called {case.id}"
    return cases


CASES = collect_cases()


def violating(rule: Callable[[Case], object]) -> list[str]:
    """Return the ids of the cases that break `rule`."""
    return [case.id for case in CASES.values() if not rule(case)]


def test_there_are_cases_of_every_area_and_of_no_other() -> None:
    areas = {case.area for case in CASES.values()}
    assert areas == {f"{suite}/{area}" for suite, names in AREAS.items() for area in names}
    assert len(CASES) >= 60


def test_ids_are_words() -> None:
    assert violating(lambda case: re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+/[a-z0-9-]+(/[a-z0-9.-]+)?", case.id)) == []


def test_each_says_in_one_sentence_what_is_true_of_a_good_server() -> None:
    assert violating(lambda case: 10 <= len(case.summary) <= 200 and case.summary.endswith(".")) == []


@pytest.mark.parametrize("suite", FULLY_EXPLAINED_SUITES)
def test_each_says_what_is_sent_what_is_expected_and_why_a_user_cares(suite: str) -> None:
    # The app's side stands in another file than the case; nobody should have to look there to understand a report.
    def explained(case: Case) -> bool:
        paragraphs = (case.sent, case.expected, case.why)
        return all(len(each) >= 8 and each.endswith(".") for each in paragraphs)

    assert violating(lambda case: not case.id.startswith(f"{suite}/") or explained(case)) == []


def test_each_quotes_a_sentence_as_it_is_read() -> None:
    def quoted(case: Case) -> bool:
        quote = case.reference.quote
        return len(quote) >= 20 and quote == " ".join(quote.split()) and "``" not in quote and "**" not in quote

    assert violating(quoted) == []


def test_each_says_where_its_sentence_stands() -> None:
    rfcs = tuple(
        f"https://www.rfc-editor.org/rfc/rfc{number}.html#"
        for number in (9110, 9112, 9113, 7540, 6455, 6265, 3986, 3875)
    )
    pages = ("https://peps.python.org/pep-3333/#", *rfcs)
    assert violating(lambda case: case.reference.section and case.reference.url.startswith(pages)) == []


def test_a_sentence_whose_one_word_of_duty_is_should_gives_no_must() -> None:
    def borne(case: Case) -> bool:
        duties = set(re.findall(r"\b(must|should|shall|required|cannot|never)\b", case.reference.quote.lower()))
        return case.level is not Level.MUST or duties != {"should"}

    assert violating(borne) == []


def test_a_sentence_that_a_level_rests_on_has_its_word() -> None:
    # The PEP writes plain prose, and its words in small letters.
    def worded(case: Case) -> object:
        word = KEYWORDS.get(case.basis.kind)
        flags = re.IGNORECASE if case.reference.document.startswith("PEP") else re.NOFLAG
        return word is None or re.search(rf"\b({word})\b", case.reference.quote, flags)

    assert violating(worded) == []


def test_what_is_no_word_of_the_text_is_argued_in_a_sentence() -> None:
    def argued(case: Case) -> bool:
        if case.basis.kind in KEYWORDS:
            return True
        return len(case.basis.argument.split()) >= 6 and case.basis.argument.endswith(".")

    assert violating(argued) == []


def test_a_level_rests_on_what_bears_it() -> None:
    assert violating(lambda case: case.basis.kind in GROUNDS_OF_LEVEL[case.level]) == []


def test_what_is_argued_is_argued_for_each_function_by_itself() -> None:
    # Variants of one function share their argument, and so do the five frameworks.
    functions: dict[str, set[str]] = {}
    for case in CASES.values():
        if case.basis.argument:
            suite, area, name = case.id.split("/")[:3]
            place = f"{suite}/{name}" if suite == "frameworks" else f"{suite}/{area}/{name}"
            functions.setdefault(case.basis.argument, set()).add(place)
    assert [places for places in functions.values() if len(places) > 1] == []


def test_the_page_on_levels_has_every_basis_and_the_sentences_that_bind() -> None:
    page = " ".join((Path(__file__).parents[3] / "docs" / "cases.md").read_text(encoding="utf-8").split())
    assert [kind for kind in BasisKind if f"| {kind.label} |" not in page] == []
    for rule in (basis.SENDER_GRAMMAR_RULE, basis.SENDER_SEMANTICS_RULE, basis.RECIPIENT_SEMANTICS_RULE):
        assert rule.quote.rstrip(".").partition(", including")[0] in page


def test_a_must_on_a_definition_of_an_rfc_names_the_rule_that_binds() -> None:
    # The PEP defines an interface in plain prose; in an RFC a definition alone asks for nothing.
    def bound(case: Case) -> bool:
        alone = case.basis.kind is BasisKind.DEFINITION and case.basis.rule is None
        return not (alone and case.level is Level.MUST and case.reference.document.startswith("RFC"))

    assert violating(bound) == []


def test_a_level_that_rests_on_security_is_tagged_so() -> None:
    assert violating(lambda case: case.basis.kind is not BasisKind.SECURITY or "security" in case.tags) == []


def test_what_a_case_needs_is_there_and_goes_in_no_circle() -> None:
    def reachable(case: Case) -> bool:
        seen: set[str] = set()
        below = list(case.needs)
        while below:
            need = below.pop()
            if need not in CASES or need == case.id:
                return False
            if need not in seen:
                seen.add(need)
                below.extend(CASES[need].needs)
        return True

    assert violating(reachable) == []


def test_each_is_bounded_in_time_and_tagged_with_known_words() -> None:
    assert violating(lambda case: 0 < case.deadline <= 120 and set(case.tags) <= TAGS) == []
