"""What a call is about: kinds of selectors narrow each other, shards together are the whole."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, pep3333
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.selection import Selection, Shard, case_selections, chosen, failed, shard
from wsgi_gauntlet.harness.errors import ConfigurationError, UnknownName
from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Level, Results, Verdict


async def nothing(_x: object) -> None:
    """Do nothing."""


def case(id_: str, level: Level = Level.MUST, tags: tuple[str, ...] = (), needs: tuple[str, ...] = ()) -> Case:
    return Case(
        id_, level, pep3333("The Application", "a"), nothing, "summary", tags=tags, needs=needs, basis=MUST_TEXT
    )


KNOWN = (
    case("a/x/1"),
    case("a/x/2", Level.SHOULD, ("security",)),
    case("a/y/3", tags=("security", "slow"), needs=("a/x/1",)),
    case("b/z/4", Level.MAY, needs=("a/x/1",)),
    case("b/z/5"),
)


def ids(found: list[Case] | tuple[Case, ...]) -> str:
    return " ".join(each.id[-1] for each in found)


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        (Selection(), "1 2 3 4 5"),
        (Selection(("a/",)), "1 2 3"),
        (Selection(("a/x", "b")), "1 2 4 5"),
        (Selection(levels=(Level.SHOULD, Level.MAY)), "2 4"),
        (Selection(tags=("security",)), "2 3"),
        (Selection(("a/x",), tags=("slow", "security")), "2"),
        (Selection(("a",), (Level.MUST,), ("security",)), "3"),
    ],
)
def test_one_kind_unites_and_kinds_intersect(selection: Selection, left: str) -> None:
    assert ids(chosen(KNOWN, selection)) == left


def test_an_empty_selection_says_what_left_nothing() -> None:
    with pytest.raises(ConfigurationError, match="no case is left by --select b --level must --tag slow"):
        chosen(KNOWN, Selection(("b",), (Level.MUST,), ("slow",)))
    with pytest.raises(UnknownName, match=r"tagged 'secure' \(did you mean security\?\); there are security, slow"):
        chosen(KNOWN, Selection(tags=("secure",)))
    with pytest.raises(UnknownName, match="begins with 'c'"):
        chosen(KNOWN, Selection(("c",)))


def test_what_is_needed_comes_along() -> None:
    found = case_selections(KNOWN, Selection(("b/z/4",)), ["s"])
    assert ids(found["s"].cases) == ids(found["s"].reported) == "1 4"


def test_cells_that_failed_are_of_their_server() -> None:
    verdicts = {"1": Verdict.FAIL, "2": Verdict.WARN, "3": Verdict.PASS, "4": Verdict.ERROR, "5": Verdict.SKIPPED}
    checks = [CaseResult("one", each.id, each.level, (), verdicts[each.id[-1]]) for each in KNOWN]
    checks.append(CaseResult("two", "a/x/2", Level.MUST, (), Verdict.FLAKY))
    gone = CaseResult("two", "a/x/renamed", Level.MUST, (), Verdict.FAIL)
    earlier = failed(Results(SCHEMA, {}, {}, (*checks, gone)))
    found = case_selections(KNOWN, Selection(failed_in="run", failed=earlier), ["one", "two", "three"])
    assert {name: ids(each.reported) for name, each in found.items()} == {"one": "1 2 4", "two": "2"}
    with pytest.raises(ConfigurationError, match="no cell is left by --rerun-failed run"):
        case_selections(KNOWN, Selection(failed_in="run", failed=earlier), ["three"])


@pytest.mark.parametrize("of", [1, 2, 3, 4, 7, 40])
def test_shards_are_a_partition_and_even(of: int) -> None:
    known = registry.cases()
    parts = [case_selections(known, Selection(shard=Shard(n, of)), ["s"])["s"] for n in range(1, of + 1)]
    reported = [each.id for part in parts for each in part.reported]
    assert sorted(reported) == sorted(each.id for each in known)
    sizes = [len(part.reported) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    for part in parts:
        here = {each.id for each in part.cases}
        assert all(need in here for each in part.cases for need in each.needs)
        assert part.dependencies_only == here - {each.id for each in part.reported}


def test_a_new_case_moves_few() -> None:
    known = [case(f"a/b/{number}") for number in range(200)]
    more = [*known[:77], case("a/b/new"), *known[77:]]

    def places(cases: list[Case]) -> dict[str, int]:
        parts = {n: case_selections(cases, Selection(shard=Shard(n, 4)), ["s"])["s"].reported for n in range(1, 5)}
        return {each.id: n for n, part in parts.items() for each in part}

    before, after = places(known), places(more)
    assert sum(after[id_] != place for id_, place in before.items()) <= 3


def test_what_is_excluded_is_left_out_and_a_slip_is_said() -> None:
    everything = {each.id for each in chosen(KNOWN, Selection())}
    below = {each for each in everything if each.startswith("b/z")}
    assert {each.id for each in chosen(KNOWN, Selection(excluded=("b/z",)))} == everything - below
    assert {each.id for each in chosen(KNOWN, Selection(("b",), excluded=("b/z/5",)))} == {
        each for each in everything if each.startswith("b") and each != "b/z/5"
    }
    with pytest.raises(UnknownName):
        chosen(KNOWN, Selection(excluded=("nowhere",)))
    with pytest.raises(ConfigurationError, match="no case is left by --select b --exclude b"):
        chosen(KNOWN, Selection(("b",), excluded=("b",)))


def test_more_shards_than_cells_is_said() -> None:
    with pytest.raises(ConfigurationError, match="no cell is left by --select b/z/5 --shard 1/2"):
        case_selections(KNOWN, Selection(("b/z/5",), shard=Shard(1, 2)), ["s"])


@pytest.mark.parametrize("text", ["", "2", "0/4", "5/4", "1/0", "a/b", "1/4/2", "-1/4", "1.5/2"])
def test_a_bad_shard(text: str) -> None:
    with pytest.raises(ConfigurationError, match="use the form K/N"):
        shard(text)


def test_a_shard() -> None:
    assert shard("2/4") == Shard(2, 4)
    assert str(Shard(2, 4)) == "2/4"
