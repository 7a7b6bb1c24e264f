"""A difference of two runs blames a server only with proof, and compares figures only if they can be compared."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    CaseResult,
    ConfigOverride,
    Grade,
    Level,
    Metric,
    Outcome,
    Phase,
    Results,
    Sample,
    ScenarioResult,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.harness.store.base_run import base_run
from wsgi_gauntlet.harness.store.json_encoding import to_json
from wsgi_gauntlet.reports.analysis.run_diff import (
    ChangeKind,
    DiffDocument,
    FailOn,
    RunDiff,
    change_kind,
    grade_change_kind,
    run_diff,
)

PASS, FAIL, WARN, INFO = Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.INFO
UNSUPPORTED, SKIPPED, FLAKY, ERROR = Verdict.UNSUPPORTED, Verdict.SKIPPED, Verdict.FLAKY, Verdict.ERROR
MACHINE = {"processor": "A", "cores": 2, "memory": 8 * 2**30, "system": "Linux 6", "python": "3.12.1", "program": "w 1"}
PARAMETERS = {"clients": 16, "duration": 2.0}
CONDITIONS = {"python": "3.12.1", "version": "1.0", "workers": 1}


def cell(case: str, verdict: Verdict, server: str = "gunicorn", *, tags: tuple[str, ...] = ()) -> CaseResult:
    level = Level.SHOULD if verdict is WARN else Level.MUST
    return CaseResult(server, case, level, tags, verdict, "", "400", "200")


def load(scenario: str, grade: Grade, server: str = "gunicorn", **more: Any) -> ScenarioResult:
    values = {"parameters": PARAMETERS, "conditions": CONDITIONS, "goodput": 0.99, **more}
    return ScenarioResult(server, scenario, grade, **values)


def run(
    *cells: CaseResult, loads: tuple[ScenarioResult, ...] = (), servers: tuple[ServerInfo, ...] = (), **more: Any
) -> Results:
    names = dict.fromkeys([*(each.server for each in cells), *(each.server for each in loads)])
    infos = {each: ServerInfo(each, each, True, "1.0") for each in names} | {each.name: each for each in servers}
    return Results(SCHEMA, {**MACHINE, **more}, infos, cells, loads)


def diff(base: Results, new: Results) -> RunDiff:
    return run_diff(base_run(base, "old"), new, "new")


TRANSITIONS: dict[tuple[Verdict | None, Verdict | None], ChangeKind | None] = {
    (PASS, FAIL): ChangeKind.BROKEN,
    (PASS, WARN): ChangeKind.BROKEN,
    (FAIL, PASS): ChangeKind.FIXED,
    (WARN, PASS): ChangeKind.FIXED,
    (FAIL, WARN): ChangeKind.OTHER,
    (WARN, FAIL): ChangeKind.OTHER,
    **{(each, INFO): ChangeKind.OTHER for each in (PASS, FAIL, WARN)},
    **{(INFO, each): ChangeKind.OTHER for each in (PASS, FAIL, WARN)},
    **{(FLAKY, each): ChangeKind.FLAKY for each in (PASS, FAIL, WARN, INFO)},
    **{(each, FLAKY): ChangeKind.FLAKY for each in (PASS, FAIL, WARN, INFO)},
    **{
        (judged, other): ChangeKind.NO_LONGER_JUDGED
        for judged in (PASS, FAIL, WARN, INFO, FLAKY)
        for other in (UNSUPPORTED, SKIPPED, ERROR)
    },
    **{
        (other, judged): ChangeKind.JUDGED_NOW
        for judged in (PASS, FAIL, WARN, INFO, FLAKY)
        for other in (UNSUPPORTED, SKIPPED, ERROR)
    },
    **{
        (first, second): ChangeKind.OTHER
        for first in (UNSUPPORTED, SKIPPED, ERROR)
        for second in (UNSUPPORTED, SKIPPED, ERROR)
        if first is not second
    },
    **{(each, None): ChangeKind.DISAPPEARED for each in Verdict},
    **{(None, each): ChangeKind.APPEARED for each in Verdict},
    **{(each, each): None for each in Verdict},
}


def test_every_transition_is_known() -> None:
    verdicts = [None, *Verdict]
    assert set(TRANSITIONS) == {(a, b) for a in verdicts for b in verdicts} - {(None, None)}


@pytest.mark.parametrize(("change", "kind"), TRANSITIONS.items(), ids=str)
def test_a_verdict_breaks_only_with_proof(
    change: tuple[Verdict | None, Verdict | None], kind: ChangeKind | None
) -> None:
    """Only a pass that blames the server now is broken, and nothing else ends the command with 1."""
    before, after = change
    assert change_kind(before, after) is kind
    other = cell("http/host/other", PASS)
    old = run(other, *([cell("http/host/missing", before)] if before else []))
    new = run(other, *([cell("http/host/missing", after)] if after else []))
    found = diff(old, new)
    assert [each.kind for each in found.requirements] == [kind] * (kind is not None)
    assert found.same == (1 if kind else 2)
    assert bool(found.failures([FailOn.SHOULD])) == (kind is ChangeKind.BROKEN)
    assert bool(found.failures([FailOn.MUST])) == (change == (PASS, FAIL))
    assert found.failures([FailOn.GRADE]) == []


GRADES: dict[tuple[Grade | None, Grade | None], ChangeKind | None] = {
    (Grade.UNAFFECTED, Grade.DEGRADED): ChangeKind.BROKEN,
    (Grade.DEGRADED, Grade.NOT_RECOVERED): ChangeKind.BROKEN,
    (Grade.COLLAPSED, Grade.NOT_RECOVERED): ChangeKind.BROKEN,
    (Grade.COLLAPSED, Grade.UNAFFECTED): ChangeKind.FIXED,
    (Grade.UNAFFECTED, Grade.UNAFFECTED): None,
    (Grade.UNAFFECTED, Grade.INVALID): ChangeKind.NO_LONGER_JUDGED,
    (Grade.UNAFFECTED, Grade.INCONCLUSIVE): ChangeKind.NO_LONGER_JUDGED,
    (Grade.ERROR, Grade.COLLAPSED): ChangeKind.JUDGED_NOW,
    (Grade.UNSUPPORTED, Grade.MEASURED): ChangeKind.JUDGED_NOW,
    (Grade.INVALID, Grade.ERROR): ChangeKind.OTHER,
    (Grade.MEASURED, Grade.COLLAPSED): ChangeKind.OTHER,
    (None, Grade.COLLAPSED): ChangeKind.APPEARED,
    (Grade.COLLAPSED, None): ChangeKind.DISAPPEARED,
}


@pytest.mark.parametrize(("change", "kind"), GRADES.items(), ids=str)
def test_a_grade_gets_worse_only_with_proof(change: tuple[Grade | None, Grade | None], kind: ChangeKind | None) -> None:
    before, after = change
    assert grade_change_kind(before, after) is kind
    other = load("other", Grade.UNAFFECTED)
    old = run(loads=(other, *([load("slow-read", before)] if before else [])))
    new = run(loads=(other, *([load("slow-read", after)] if after else [])))
    found = diff(old, new)
    assert [each.kind for each in found.grade_changes] == [kind] * (kind is not None)
    assert bool(found.failures([FailOn.GRADE])) == (kind is ChangeKind.BROKEN)
    assert found.failures([FailOn.MUST, FailOn.SHOULD]) == []


def test_the_variants_of_a_case_are_one_requirement() -> None:
    names = [f"http/framing/te/{each}" for each in "abc"]
    old = run(*(cell(each, PASS) for each in names), *(cell(each, PASS, "waitress") for each in names))
    new = run(
        *(cell(each, FAIL, tags=("security",)) for each in names[:2]),
        cell(names[2], PASS),
        cell(names[0], FAIL, "waitress", tags=("security",)),
        *(cell(each, PASS, "waitress") for each in names[1:]),
    )
    (change,) = diff(old, new).broken
    assert change.requirement == "http/framing/te"
    assert change.security
    assert {server: (len(cells), change.variants[server]) for server, cells in change.servers.items()} == {
        "gunicorn": (2, 3),
        "waitress": (1, 3),
    }
    assert (change.cells[0].expected, change.cells[0].actual) == ("400", "200")
    assert diff(old, new).failures([FailOn.MUST]) == ["1 requirement (must) broke"]


def test_security_is_first_then_must() -> None:
    names = ["http/a/one", "http/b/two", "http/c/three"]
    old = run(*(cell(each, PASS) for each in names))
    new = run(cell(names[0], WARN), cell(names[1], FAIL), cell(names[2], WARN, tags=("security",)))
    assert [each.requirement for each in diff(old, new).broken] == [names[2], names[1], names[0]]
    assert diff(old, new).failures([FailOn.SHOULD]) == [
        "1 requirement (must) broke",
        "2 recommendations (should) broke",
    ]


@pytest.mark.parametrize(
    ("old", "new", "pairs"),
    [
        (["gunicorn"], ["gunicorn"], [("gunicorn", "gunicorn")]),
        (["gunicorn@23.0.0"], ["gunicorn@27.0.1"], [("gunicorn@23.0.0", "gunicorn@27.0.1")]),
        (["gunicorn"], ["gunicorn@27.0.1"], [("gunicorn", "gunicorn@27.0.1")]),
        (["gunicorn:sync"], ["gunicorn:gthread"], []),
        (["gunicorn[workers=2]"], ["gunicorn"], []),
        (
            ["gunicorn[workers=2,threads=1]"],
            ["gunicorn@20.1.0[threads=1,workers=2]"],
            [("gunicorn[workers=2,threads=1]", "gunicorn@20.1.0[threads=1,workers=2]")],
        ),
        (
            ["nginx+gunicorn@23.0.0", "gunicorn@23.0.0"],
            ["gunicorn@27.0.1", "nginx+gunicorn@27.0.1"],
            [("gunicorn@23.0.0", "gunicorn@27.0.1"), ("nginx+gunicorn@23.0.0", "nginx+gunicorn@27.0.1")],
        ),
        (["gunicorn@23.0.0", "gunicorn@27.0.1"], ["gunicorn@27.0.1"], [("gunicorn@27.0.1", "gunicorn@27.0.1")]),
        (["mine.py"], ["mine.py"], [("mine.py", "mine.py")]),
        (["a/mine.py"], ["b/mine.py"], []),
    ],
    ids=str,
)
def test_servers_are_matched_if_that_is_clear(old: list[str], new: list[str], pairs: list[tuple[str, str]]) -> None:
    found = diff(
        run(*(cell("http/host/missing", PASS, each) for each in old)),
        run(*(cell("http/host/missing", PASS, each) for each in new)),
    )
    assert [(each.base, each.new) for each in found.servers] == pairs
    assert set(found.only_in_base) == set(old) - {each[0] for each in pairs}
    assert set(found.only_in_new) == set(new) - {each[1] for each in pairs}
    assert all(bool(each.note) == (each.base != each.new) for each in found.servers)


def test_a_match_that_is_not_clear_is_none_and_is_named() -> None:
    found = diff(
        run(cell("http/host/missing", PASS, "gunicorn@23.0.0")),
        run(cell("http/host/missing", FAIL, "gunicorn@25.0.0"), cell("http/host/missing", FAIL, "gunicorn@27.0.1")),
    )
    assert found.servers == ()
    assert found.ambiguous == ("gunicorn@23.0.0 could be gunicorn@25.0.0 or gunicorn@27.0.1",)
    assert found.only_in_base == ("gunicorn@23.0.0",)
    assert found.failures(list(FailOn)) == []


def test_a_variant_that_one_run_names_and_the_other_means_is_the_same() -> None:
    old = run(cell("http/host/missing", PASS), servers=(ServerInfo("gunicorn", "", True, "27.0.1", "sync"),))
    name = "gunicorn:sync"
    new = run(cell("http/host/missing", FAIL, name), servers=(ServerInfo(name, "", True, "27.0.1", "sync"),))
    (match,) = diff(old, new).servers
    assert (match.base, match.new, match.note) == ("gunicorn", "gunicorn:sync", "the same server and variant")
    assert len(diff(old, new).broken) == 1


def phase(p99: float) -> Phase:
    return Phase("during", 0, 1, 10, {Outcome.OK: 10}, 1.0, p99=p99)


def test_figures_of_the_same_surroundings_are_compared() -> None:
    metric = Metric("capacity", "capacity", 100.0, "requests/s")
    old = load("slow-read", Grade.UNAFFECTED, phases=(phase(0.01),), metrics=(metric,))
    new = load("slow-read", Grade.UNAFFECTED, goodput=0.95, phases=(phase(0.02),))
    new = msgspec.structs.replace(new, metrics=(msgspec.structs.replace(metric, value=90.0),))
    (change,) = diff(run(loads=(old,)), run(loads=(new,), date="2026-01-02")).loads
    assert change.kind is None
    assert change.differences == ()
    assert {each.id: (each.base, each.new) for each in change.figures} == {
        "goodput": (0.99, 0.95),
        "p99": (0.01, 0.02),
        "capacity": (100.0, 90.0),
    }


@pytest.mark.parametrize(
    ("new", "what", "of_server"),
    [
        (run(loads=(load("slow-read", Grade.DEGRADED),), processor="B"), "processor", False),
        (run(loads=(load("slow-read", Grade.DEGRADED),), cores=4), "cores", False),
        (run(loads=(load("slow-read", Grade.DEGRADED),), memory=16 * 2**30), "memory", False),
        (run(loads=(load("slow-read", Grade.DEGRADED),), system="Linux 7"), "system", False),
        (run(loads=(load("slow-read", Grade.DEGRADED),), python="3.13"), "python", False),
        (run(loads=(load("slow-read", Grade.DEGRADED),), program="w 2"), "program", False),
        (run(loads=(load("slow-read", Grade.DEGRADED),), app="shop:app"), "app", False),
        (
            run(loads=(load("slow-read", Grade.DEGRADED, parameters={**PARAMETERS, "clients": 8}),)),
            "parameter clients",
            False,
        ),
        (run(loads=(load("slow-read", Grade.DEGRADED, conditions={**CONDITIONS, "workers": 2}),)), "workers", False),
        (run(loads=(load("slow-read", Grade.DEGRADED, conditions={**CONDITIONS, "version": "2.0"}),)), "version", True),
        (
            run(
                loads=(load("slow-read", Grade.DEGRADED),),
                servers=(ServerInfo("gunicorn", "", True, "2.0"),),
            ),
            "version",
            True,
        ),
        (
            run(
                loads=(load("slow-read", Grade.DEGRADED),),
                servers=(ServerInfo("gunicorn", "", True, "1.0", configuration=("site.conf",)),),
            ),
            "configuration",
            False,
        ),
        (
            run(
                loads=(load("slow-read", Grade.DEGRADED),),
                servers=(
                    ServerInfo(
                        "gunicorn", "", True, "1.0", overrides=(ConfigOverride("gunicorn", "listen", "80", "8080"),)
                    ),
                ),
            ),
            "configuration",
            False,
        ),
        (
            run(loads=(load("slow-read", Grade.DEGRADED),), merged=[MACHINE, {**MACHINE, "cores": 4}]),
            "machines",
            False,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_surroundings_have_no_figures(new: Results, what: str, of_server: bool) -> None:
    """And a grade is worse only if nothing but the version of the server differs."""
    found = diff(run(loads=(load("slow-read", Grade.UNAFFECTED),)), new)
    (change,) = found.loads
    assert [(each.what, each.of_server) for each in change.differences] == [(what, of_server)]
    assert change.figures == ()
    assert change.kind is ChangeKind.BROKEN
    assert bool(found.failures([FailOn.GRADE])) == of_server


def test_figures_of_cells_that_were_not_judged_are_not_compared() -> None:
    old, new = load("slow-read", Grade.UNAFFECTED), load("slow-read", Grade.INVALID)
    assert diff(run(loads=(old,)), run(loads=(new,))).comparable_loads == []


def test_a_server_that_one_run_only_checked_and_the_other_only_loaded_has_no_changes() -> None:
    found = diff(run(cell("http/host/missing", PASS)), run(loads=(load("slow-read", Grade.COLLAPSED),)))
    assert [each.new for each in found.servers] == ["gunicorn"]
    assert (found.requirements, found.loads, found.same) == ((), (), 0)


def test_a_run_is_the_same_as_itself() -> None:
    one = run(cell("http/host/missing", FAIL), cell("http/a/b", FLAKY), loads=(load("slow-read", Grade.COLLAPSED),))
    found = diff(one, one)
    assert found.requirements == ()
    assert found.grade_changes == []
    assert found.same == 2
    assert found.failures(list(FailOn)) == []


def test_a_base_run_has_no_bulk() -> None:
    sample = Sample(0.0, 0.1, 0.1, Outcome.OK)
    heavy = load("slow-read", Grade.UNAFFECTED, samples=(sample,) * 9, log="x" * 99)
    made = base_run(run(cell("http/host/missing", FAIL), loads=(heavy,)), "old")
    assert made.verdicts == {"gunicorn": {"http/host/missing": FAIL}}
    assert (made.load[0].samples, made.load[0].log) == ((), "")
    assert made.load[0].goodput == heavy.goodput


def test_the_document_has_the_fields_that_the_manual_lists() -> None:
    """Schema 1: a field that goes or gets another name raises the schema."""
    old = run(cell("http/host/missing", PASS), loads=(load("slow-read", Grade.UNAFFECTED),))
    new = run(cell("http/host/missing", FAIL), loads=(load("slow-read", Grade.DEGRADED),), cores=4)
    document = msgspec.json.decode(to_json(DiffDocument(diff(old, new), ("1 requirement (must) broke",))))
    assert document["schema"] == 1
    assert document["failures"] == ["1 requirement (must) broke"]
    found = document["diff"]
    assert list(found) == [
        *("base", "new", "servers", "only_in_base", "only_in_new", "ambiguous", "differences", "requirements", "loads"),
        *("same", "base_finished", "new_finished"),
    ]
    assert found["servers"] == [
        {
            "base": "gunicorn",
            "new": "gunicorn",
            "base_version": "1.0",
            "new_version": "1.0",
            "note": "",
            "differences": [],
        }
    ]
    assert found["requirements"] == [
        {
            "requirement": "http/host/missing",
            "kind": "broken",
            "level": "must",
            "tags": [],
            "cells": [
                {
                    "server": "gunicorn",
                    "case": "http/host/missing",
                    "before": "pass",
                    "after": "fail",
                    "expected": "400",
                    "actual": "200",
                }
            ],
            "variants": {"gunicorn": 1},
        }
    ]
    assert found["loads"] == [
        {
            "server": "gunicorn",
            "scenario": "slow-read",
            "kind": "broken",
            "before": "unaffected",
            "after": "degraded",
            "figures": [],
            "differences": [{"what": "cores", "base": "2", "new": "4", "of_server": False}],
        }
    ]
