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
from wsgi_gauntlet.reports.analysis.changes import what_changed
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


def test_the_address_of_a_cell_survives_every_name() -> None:
    assert cell_fragment("nginx+gunicorn:sync", "http/framing/te-and-cl") == (
        "#/cell/nginx%2Bgunicorn%3Async/http/framing/te-and-cl"
    )
    assert cell_fragment("a\ud800", "x") == "#/cell/a%5Cud800/x"
    assert cell_fragment("./a b#c/adapter.py", "x/y") == "#/cell/.%2Fa%20b%23c%2Fadapter.py/x/y"
