"""The index of the page: what it has of servers, requirements, cases and cells."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    BaselineExpectation,
    BaselineStatus,
    CaseInfo,
    CaseResult,
    Grade,
    Level,
    Reference,
    Results,
    ScenarioInfo,
    ScenarioResult,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.reports.writers.html.index import case_places, index

NOWHERE = Reference("RFC 9112", "6.3", "A <sender> MUST NOT", "javascript:alert(1)")


def info(id_: str, *tags: str) -> CaseInfo:
    return CaseInfo(id_, Level.MUST, tags, f"summary of {id_}", NOWHERE, "why", "sent", "expected")


CASES = [info("http/framing/cl/one"), info("http/host/missing"), info("http/framing/cl/two", "security")]


def cell(server: str, case: str, verdict: Verdict, **other: Any) -> CaseResult:
    return CaseResult(server, case, Level.MUST, (), verdict, **other)


def made(*cells: CaseResult, load: tuple[ScenarioResult, ...] = ()) -> Any:
    results = Results(
        SCHEMA,
        {},
        {
            "a": ServerInfo("a", "A", True, "1.0", conditions={"workers": 2, "threads": 1}),
            "b\x1b[2J": ServerInfo("b\x1b[2J", "\u202eB", False, why="not\nhere"),
        },
        cells,
        load,
        {each.id: each for each in CASES},
        {"classroom": ScenarioInfo("classroom", "Classroom", "Thirty users")},
    )
    return json.loads(json.dumps(index(results)))


def test_variants_are_cases_of_one_requirement_and_keep_the_order_of_the_catalogue() -> None:
    found = made(*(cell("a", each.id, Verdict.PASS) for each in CASES))
    assert [(each["id"], each["cases"], each["tags"]) for each in found["requirements"]] == [
        ("http/framing/cl", [0, 1], ["security"]),
        ("http/host/missing", [2], []),
    ]
    assert [(each["id"], each["r"], each["variant"]) for each in found["cases"]] == [
        ("http/framing/cl/one", 0, "one"),
        ("http/framing/cl/two", 0, "two"),
        ("http/host/missing", 1, ""),
    ]
    assert found["areas"] == ["http/framing", "http/host"]
    assert found["requirements"][0]["quote"] == "A <sender> MUST NOT"
    assert found["requirements"][0]["url"] == ""


def test_each_cell_has_a_letter_and_what_differs_from_a_plain_pass() -> None:
    baseline = BaselineExpectation(BaselineStatus.EXPECTED, Verdict.FAIL, "known", "https://example.org/1")
    hostile = msgspec.structs.replace(baseline, link="javascript:alert(1)")
    found = made(
        cell("a", CASES[0].id, Verdict.FAIL, actual="200\n\x1b[2J", attempts=3, findings=("date: none", "x: y")),
        cell("a", CASES[2].id, Verdict.PASS, actual="fine", attempts=4, findings=("date: none",), baseline=hostile),
        cell("b\x1b[2J", CASES[1].id, Verdict.FLAKY, actual="sometimes", attempts=1, baseline=baseline),
    )
    assert found["verdicts"] == {"a": "fp-", "b\x1b[2J": "--k"}
    assert found["actual"] == {"a": {"0": "200 \\x1b[2J"}, "b\x1b[2J": {"2": "sometimes"}}
    assert found["attempts"] == {"a": {"0": 3}, "b\x1b[2J": {}}
    assert found["finding_lines"] == ["date: none", "x: y"]
    assert found["findings"] == {"a": {"0": [0, 1], "1": [0]}, "b\x1b[2J": {}}
    text = "as the baseline expects: known"
    assert found["baseline"]["b\x1b[2J"]["2"] == {"status": "expected", "text": text, "link": "https://example.org/1"}
    assert found["baseline"]["a"]["1"]["link"] == ""


def test_servers_say_how_they_ran_and_what_is_missing() -> None:
    first, second = made(load=(ScenarioResult("a", "classroom", Grade.UNAFFECTED),))["servers"]
    assert (first["as_run"], first["workers"], first["threads"]) == ("1.0 · 2 workers, 1 thread", 2, 1)
    assert (second["title"], second["available"], second["why"]) == ("\\u202eB", False, "not here")
    assert (second["as_run"], second["workers"], second["threads"]) == ("", None, None)


def test_scenarios_and_grades() -> None:
    found = made(load=(ScenarioResult("a", "classroom", Grade.NOT_RECOVERED),))
    assert found["scenarios"] == [{"id": "classroom", "title": "Classroom", "summary": "Thirty users"}]
    assert found["grades"] == {"a": {"classroom": "not_recovered"}, "b\x1b[2J": {}}


def test_the_places_of_cases_are_those_of_the_index(results: Results) -> None:
    found: Any = index(results)
    assert case_places(results) == {each["id"]: place for place, each in enumerate(found["cases"])}
    assert all(len(letters) == len(found["cases"]) for letters in found["verdicts"].values())
    assert {place for each in found["requirements"] for place in each["cases"]} == set(range(len(found["cases"])))


def test_a_baseline_says_until_when_it_is_valid_and_shows_a_link_that_is_no_web_page() -> None:
    expectation = BaselineExpectation(
        status=BaselineStatus.EXPECTED, verdict=Verdict.FAIL, reason="known", link="javascript:x", expires="2027-03-01"
    )
    cell = CaseResult("a", "http/x", Level.MUST, (), Verdict.FAIL, baseline=expectation)
    found = index(Results(SCHEMA, {}, {"a": ServerInfo("a", "A", True)}, conformance=(cell,)))
    text = "as the baseline expects: known; until 2027-03-01 (javascript:x)"
    assert found["baseline"] == {"a": {0: {"status": "expected", "text": text, "link": ""}}}
