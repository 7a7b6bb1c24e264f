"""Every case of every suite: named as the catalogue has it, explained, and resting on a sentence that bears it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import wsgi_gauntlet.suites as suites
from wsgi_gauntlet.harness.catalog import Case, Family
from wsgi_gauntlet.harness.model import Level

PEP3333 = {
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
}

HTTP = {
    "request-line",
    "host",
    "headers",
    "framing",
    "chunked",
    "connection",
    "expect",
    "responses",
    "limits",
}

KNOWN_TAGS = {"security"}


def modules() -> Iterator[str]:
    for info in pkgutil.walk_packages(suites.__path__, f"{suites.__name__}."):
        if not info.name.startswith(f"{suites.__name__}.apps"):
            yield info.name


def found() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for name in modules():
        for value in vars(importlib.import_module(name)).values():
            for case in value.cases if isinstance(value, Family) else [value]:
                if isinstance(case, Case):
                    assert cases.setdefault(case.id, case) is case, f"two cases are called {case.id}"
    return cases


CASES = found()
EACH = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


def test_there_are_cases_of_every_area() -> None:
    areas = {case.area for case in CASES.values()}
    assert {f"pep3333/{area}" for area in PEP3333} <= areas
    assert len(CASES) >= 60


@EACH
def test_its_id_is_words_in_an_area_of_the_catalogue(case: Case) -> None:
    assert re.fullmatch(r"[a-z0-9]+/[a-z0-9-]+/[a-z0-9-]+(/[a-z0-9.-]+)?", case.id)
    suite, area = case.id.split("/")[:2]
    assert area in {"pep3333": PEP3333, "http": HTTP}[suite]


@EACH
def test_it_says_what_is_true_of_a_good_server_and_what_is_sent(case: Case) -> None:
    assert case.summary
    assert case.summary.endswith((".", "!"))
    assert "\n" not in case.summary
    assert len(case.summary) <= 200
    if case.id.startswith("pep3333/"):
        # What the app does stands in another file than the case, so the case has to say it.
        assert len(case.steps) >= 10


@EACH
def test_it_quotes_a_sentence_and_says_where_it_stands(case: Case) -> None:
    reference = case.reference
    assert reference.document in ("PEP 3333", "RFC 9110", "RFC 9112")
    assert reference.section
    assert len(reference.quote) >= 20
    assert reference.quote == " ".join(reference.quote.split()), "no line breaks or runs of blanks"
    assert "``" not in reference.quote, "the text as it is read, without its source's markup"
    assert "**" not in reference.quote
    assert re.match(
        r"https://(peps\.python\.org/pep-3333/#[a-z0-9-]+|www\.rfc-editor\.org/rfc/rfc911[02]\.html#)", reference.url
    )


@EACH
def test_its_level_is_no_stronger_than_its_sentence(case: Case) -> None:
    """A sentence whose one word of duty is `should` gives no must."""
    duties = set(re.findall(r"\b(must|should|shall|required|cannot|never)\b", case.reference.quote.lower()))
    if case.level is Level.MUST:
        assert duties != {"should"}


@EACH
def test_what_it_needs_is_there_and_needs_no_circle(case: Case) -> None:
    above: set[str] = set()
    below = list(case.needs)
    while below:
        need = below.pop()
        assert need in CASES
        assert need != case.id
        if need not in above:
            above.add(need)
            below.extend(CASES[need].needs)


@EACH
def test_it_is_bounded_and_tagged_with_known_words(case: Case) -> None:
    assert 0 < case.deadline <= 30
    assert set(case.tags) <= KNOWN_TAGS
