"""A run of nothing: which servers were not judged, what is said of them, what the process ends with."""

import sys

import pytest

from wsgi_gauntlet.harness.conformance.selection import Selection, Shard
from wsgi_gauntlet.harness.exit_codes import cannot_start_reason, unjudged_report, unjudged_servers
from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Grade, Level, Results, ScenarioResult, Verdict
from wsgi_gauntlet.harness.server import planning

EXACT = "pep3333/environ/exact-dict"


def results(server: str, *cells: Verdict | Grade) -> Results:
    checks = tuple(
        CaseResult(server, f"{n}", Level.MUST, (), v, actual="no way")
        for n, v in enumerate(cells)
        if isinstance(v, Verdict)
    )
    loads = tuple(ScenarioResult(server, f"{n}", g, note="no way") for n, g in enumerate(cells) if isinstance(g, Grade))
    return Results(SCHEMA, {}, {}, checks, loads)


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ([Verdict.UNSUPPORTED], 2),
        ([Verdict.UNSUPPORTED, Verdict.SKIPPED, Grade.UNSUPPORTED], 2),
        ([Grade.UNSUPPORTED, Grade.INCONCLUSIVE], 3),
        ([Verdict.UNSUPPORTED, Grade.INVALID], 3),
        ([Verdict.ERROR, Grade.INVALID], 4),
        ([], 2),
    ],
)
def test_what_says_nothing_of_a_server(cells: list[Verdict | Grade], code: int) -> None:
    found = unjudged_servers(results("s", *cells), ["s"])
    assert found["s"][0] == code
    assert not cells or "(no way)" in found["s"][1]


@pytest.mark.parametrize("cell", [*Verdict, *Grade])
def test_one_cell_that_was_judged_is_enough(cell: Verdict | Grade) -> None:
    nothing = {"unsupported", "skipped", "error", "invalid", "inconclusive"}
    found = unjudged_servers(results("s", Verdict.UNSUPPORTED, Grade.UNSUPPORTED, cell), ["s"])
    assert bool(found) == (cell in nothing)


def test_what_a_case_needs_is_no_finding() -> None:
    measured = results("s", Verdict.PASS, Verdict.UNSUPPORTED)
    assert not unjudged_servers(measured, ["s"])
    assert unjudged_servers(measured, ["s"], {"1"})["s"][0] == 2


@pytest.mark.parametrize(
    "name", ["wsgiref[tls]", "wsgiref[workers=2]", "waitress[keep-alive=0]", "wsgiref:in-process[tls]"]
)
def test_a_server_that_cannot_be_had_as_it_is_named(name: str) -> None:
    plan = planning.plan(name, python=sys.executable)
    assert cannot_start_reason(plan)
    plain = planning.plan("wsgiref", python=sys.executable)
    assert not cannot_start_reason(plain)
    measured = both(results(name, Verdict.UNSUPPORTED), results("wsgiref", Verdict.PASS))
    said = unjudged_report(measured, [plan, plain], None)
    assert said.code == 2
    assert said.lines == (f"{name}: nothing was judged: 1 unsupported (no way)",)


def test_one_shard_of_nothing_is_no_fault_and_a_whole_of_nothing_is() -> None:
    plain = planning.plan("wsgiref", python=sys.executable)
    nothing = Results(SCHEMA, {}, {}, (), ())
    assert unjudged_report(nothing, [plain], Selection((EXACT,))).code == 2
    said = unjudged_report(nothing, [plain], Selection((EXACT,), shard=Shard(3, 9)))
    assert (said.code, said.lines) == (
        0,
        (f"wsgiref: nothing to check, --select {EXACT} --shard 3/9 leaves no cell of it",),
    )


def both(first: Results, second: Results) -> Results:
    return Results(SCHEMA, {}, {}, first.conformance + second.conformance, ())
