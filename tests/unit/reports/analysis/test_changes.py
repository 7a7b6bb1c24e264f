"""What changed: against a baseline, and against a base run."""

from __future__ import annotations

import msgspec

from wsgi_gauntlet.harness.model import (
    BaselineExpectation,
    BaselineStatus,
    BaseRun,
    CaseResult,
    Level,
    Verdict,
)
from wsgi_gauntlet.reports.analysis.changes import Change, by_requirement, what_changed
from wsgi_gauntlet.reports.text.fragments import cell_fragment

from ....helpers.scoreboard_results import run


def cell(name: str, verdict: Verdict, status: BaselineStatus | None = None) -> CaseResult:
    """Return one cell of server `a b`."""
    return CaseResult(
        "a",
        f"http/framing/{name}",
        Level.MUST,
        (),
        verdict,
        expected="400",
        actual="200 OK",
        baseline=None if status is None else BaselineExpectation(status, verdict=Verdict.FAIL, where="line 3"),
    )


def test_a_run_without_a_base_has_no_changes() -> None:
    assert what_changed(run(conformance=[cell("x", Verdict.FAIL)])) is None


def test_a_run_without_conformance_does_not_say_that_nothing_failed() -> None:
    empty = run(conformance=[])
    assert what_changed(msgspec.structs.replace(empty, baseline="known.toml")) is None
    against_run = what_changed(msgspec.structs.replace(empty, base=BaseRun("old", {}, {}, verdicts={})))
    assert against_run is not None
    assert against_run.not_compared == "the runs have no server in common"


def test_changes_against_the_baseline() -> None:
    cells = [
        cell("new", Verdict.FAIL, BaselineStatus.UNEXPECTED_FAIL),
        cell("fixed", Verdict.PASS, BaselineStatus.UNEXPECTED_PASS),
        cell("other", Verdict.WARN, BaselineStatus.OTHER),
        cell("known", Verdict.FAIL, BaselineStatus.EXPECTED),
        cell("plain", Verdict.PASS),
    ]
    results = msgspec.structs.replace(run(conformance=cells), baseline="known.toml")
    found = what_changed(results)
    assert found is not None
    assert found.summary == "1 new failure, 1 fixed, 1 changed in another way, 1 as before"
    (new,) = found.new_failures
    assert (new.expected, new.got, new.verdict) == ("400", "200 OK", Verdict.FAIL)
    assert new.replay == "wsgi-gauntlet replay a http/framing/new"
    assert new.fragment == "#/cell/a/http/framing/new"
    assert [each.case for each in (*found.fixed, *found.others)] == ["http/framing/fixed", "http/framing/other"]


def test_changes_against_a_base_run() -> None:
    """Only what passed and blames the server now is a new failure."""
    names = {"broke": (Verdict.PASS, Verdict.FAIL), "fixed": (Verdict.FAIL, Verdict.PASS)}
    names |= {"same": (Verdict.FAIL, Verdict.FAIL), "flaky": (Verdict.PASS, Verdict.FLAKY)}
    results = run(conformance=[*(cell(name, after) for name, (_, after) in names.items()), cell("new", Verdict.FAIL)])
    base = BaseRun(
        "old-run",
        results.environment,
        results.servers,
        verdicts={"a": {f"http/framing/{name}": before for name, (before, _) in names.items()}},
    )
    found = what_changed(msgspec.structs.replace(results, base=base))
    assert found is not None
    assert found.base == "old-run"
    assert [each.case for each in found.new_failures] == ["http/framing/broke"]
    assert found.new_failures[0].why == "fail, and pass in old-run"
    assert [each.case for each in found.fixed] == ["http/framing/fixed"]
    assert [each.case for each in found.others] == ["http/framing/flaky"]
    assert found.same == 1


def change(server: str, case: str, why: str = "fail, and pass in old") -> Change:
    return Change(server, case, Verdict.FAIL, "pass", "400", f"200 from {server}", why, "replay", f"#/{server}/{case}")


def test_changes_are_folded_by_requirement() -> None:
    """A requirement that broke for two reasons is listed twice."""
    variants = [f"http/host/invalid/{each}" for each in ("space", "slash", "at")]
    found = by_requirement(
        [
            *(change("a", each) for each in variants),
            change("b", variants[0]),
            change("c", variants[1], "flaky, and pass in old"),
            change("a", "http/host/missing"),
            change("b", "http/host/missing"),
        ]
    )
    assert [(each.requirement, each.name, each.servers, len(each.changes)) for each in found] == [
        ("http/host/invalid", "http/host/invalid", "a (3 variants) and b", 4),
        ("http/host/invalid", "http/host/invalid/slash", "c", 1),
        ("http/host/missing", "http/host/missing", "a and b", 2),
    ]
    assert (found[0].first.server, found[0].first.case) == ("a", variants[0])
    assert by_requirement([]) == []


def test_many_servers_are_counted() -> None:
    (found,) = by_requirement([change(f"s{place}", "http/host/missing") for place in range(20)])
    assert "12 others" in found.servers


def test_the_address_of_a_cell_survives_every_name() -> None:
    assert cell_fragment("nginx+gunicorn:sync", "http/framing/te-and-cl") == (
        "#/cell/nginx%2Bgunicorn%3Async/http/framing/te-and-cl"
    )
    assert cell_fragment("a\ud800", "x") == "#/cell/a%5Cud800/x"
    assert cell_fragment("./a b#c/adapter.py", "x/y") == "#/cell/.%2Fa%20b%23c%2Fadapter.py/x/y"
