"""Decorated functions become cases and scenarios; prefixes select them."""

from dataclasses import replace

import pytest

from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, pep3333, rfc9112
from wsgi_gauntlet.harness.conformance.catalog import MUST, Case, CaseVariants, case, select, with_dependencies
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.errors import UnknownName
from wsgi_gauntlet.harness.model import Breach
from wsgi_gauntlet.harness.model.naming import find_paths, list_paths, nearest_path


def made(place: str) -> Case:
    async def run(x: Exchange) -> None:
        """A good server does it.

        Sends: nothing.
        Expects: silence,
        and calm.

        Why: peace.
        """

    module, _, run.__name__ = place.rpartition(".")
    run.__module__ = f"wsgi_gauntlet.suites.{module}"
    found = case(MUST, pep3333("The Application", "a sentence"), basis=MUST_TEXT)(run)
    assert isinstance(found, Case)
    return found


def test_the_id_is_the_place_and_the_docstring_the_words() -> None:
    found = made("pep3333.start_response.late_call")
    assert (found.id, found.area) == ("pep3333/start-response/late-call", "pep3333/start-response")
    assert (found.summary, found.sent) == ("A good server does it.", "nothing.")
    assert (found.expected, found.why) == ("silence, and calm.", "peace.")
    assert found.info().reference.url.startswith("https://peps.python.org/pep-3333/#")


def test_a_case_of_another_package_names_it() -> None:
    async def check(_x: object) -> None:
        """A good server does it."""

    check.__module__ = "their_package.wsgi.check"
    found = case(MUST, pep3333("The Application", "a sentence"), basis=MUST_TEXT)(check)
    assert isinstance(found, Case)
    assert found.info().package == "their_package"
    assert made("pep3333.start_response.late_call").info().package == ""


async def test_variants_become_cases_of_their_own() -> None:
    seen = []

    async def te_obfuscated(_x: object, value: bytes) -> None:
        """Refused."""
        seen.append(value)

    te_obfuscated.__module__ = "wsgi_gauntlet.suites.http.framing"
    found = case(MUST, rfc9112("6.1", "a sentence"), basis=MUST_TEXT, variants={"vt": b"\x0b", "ff": b"\x0c"})(
        te_obfuscated
    )
    assert isinstance(found, CaseVariants)
    assert [each.id for each in found.cases] == ["http/framing/te-obfuscated/vt", "http/framing/te-obfuscated/ff"]
    for each in found.cases:
        await each.run(None)  # type: ignore[arg-type]
    assert seen == [b"\x0b", b"\x0c"]


def test_a_breach_may_be_of_some_variants_alone() -> None:
    async def te_obfuscated(_x: object, _value: bytes) -> None:
        """Refused."""

    te_obfuscated.__module__ = "wsgi_gauntlet.suites.http.framing"
    values = {"vt": b"\x0b", "plain": b" "}
    decorate = case(MUST, rfc9112("6.1", "a"), basis=MUST_TEXT, breach={"vt": CLIENT}, variants=values)
    found = decorate(te_obfuscated)
    assert isinstance(found, CaseVariants)
    assert [each.breach for each in found.cases] == [Breach.CLIENT, Breach.NOBODY]
    strange = case(MUST, rfc9112("6.1", "a"), basis=MUST_TEXT, breach={"ff": CLIENT}, variants=values)
    with pytest.raises(ValueError, match="http/framing/te-obfuscated has no variant ff"):
        strange(te_obfuscated)


def test_some_variants_alone_may_need_something() -> None:
    async def of_any_method(_x: object, _value: bool) -> None:
        """Read."""

    of_any_method.__module__ = "wsgi_gauntlet.suites.http.framing"
    values = {"length": False, "chunks": True}
    needs = {"chunks": ["http/chunked/one-chunk"]}
    found = case(MUST, rfc9112("6", "a"), basis=MUST_TEXT, needs=needs, variants=values)(of_any_method)
    assert isinstance(found, CaseVariants)
    assert [each.needs for each in found.cases] == [(), ("http/chunked/one-chunk",)]


def test_selection_is_by_prefix_in_order() -> None:
    cases = [made("pep3333.environ.exact_dict"), made("pep3333.environ.mutable"), made("http.host.missing")]
    assert [c.id for c in select(cases, [])] == [c.id for c in cases]
    assert [c.id for c in select(cases, ["http/", "pep3333/environ/mut"])] == [cases[1].id, cases[2].id]
    with pytest.raises(UnknownName, match="did you mean pep3333/environ"):
        select(cases, ["pep3333/enviorn"])


def test_the_last_parts_of_an_id_select_it_too() -> None:
    """As `explain` finds it; what begins with the words goes first."""
    names = ["http.host.missing", "http.host.empty", "http.chunked.empty", "pep3333.http.other"]
    cases = [made(each) for each in names]
    assert [c.id for c in select(cases, ["missing"])] == ["http/host/missing"]
    assert [c.id for c in select(cases, ["host"])] == ["http/host/missing", "http/host/empty"]
    assert [c.id for c in select(cases, ["http"])] == ["http/host/missing", "http/host/empty", "http/chunked/empty"]
    assert [c.id for c in select(cases, ["/host/empty/"])] == ["http/host/empty"]
    with pytest.raises(UnknownName, match=r"^empty could be http/host/empty or http/chunked/empty; write one of them$"):
        select(cases, ["empty"])
    with pytest.raises(UnknownName, match=r"'mising' \(did you mean http/host/missing\?\)"):
        select(cases, ["mising"])


def test_a_variant_is_meant_only_if_nothing_else_is() -> None:
    ids = ["http/framing/te", "http/headers/colon/framing", "http/headers/colon/tab", "http/chunked/size/tab"]
    assert find_paths("framing", ids) == ["http/framing"]
    assert find_paths("tab", ids) == ["http/headers/colon/tab", "http/chunked/size/tab"]
    assert find_paths("colon", ids) == ["http/headers/colon"]
    assert find_paths("lon", ids) == []
    assert nearest_path("tabb", ids) == ""
    assert nearest_path("colom", ids) == " (did you mean http/headers/colon?)"


def test_a_long_list_of_ids_is_cut() -> None:
    ids = [f"http/area-{number}/same" for number in range(9)]
    assert list_paths(ids, ids) == ("http/area-0/same, http/area-1/same, http/area-2/same, http/area-3/same or 5 more")
    assert list_paths(["http"], ids) == "http (9 of them)"


def test_what_a_case_needs_comes_with_it() -> None:
    first, other = made("http.connection.keep_alive"), made("http.host.missing")
    second = replace(made("http.connection.pipeline_order"), needs=(first.id, "http/gone"))
    third = replace(made("http.connection.pipeline_bad"), needs=(second.id,))
    assert with_dependencies([third], [first, other, second, third]) == [first, second, third]
    assert with_dependencies([other], [first, other, second, third]) == [other]
