"""The scoreboard: the word of each server follows from written rules, and its figures from the cells it cites."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import msgspec
import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.model import CaseResult, Grade, Level, Results, ServerInfo, Verdict
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.harness.server.user_app import USER_APP_CASE_PREFIX
from wsgi_gauntlet.reports.analysis.scoreboard import Row, describe_as_run, featured_slow_client_scenario, scoreboard
from wsgi_gauntlet.reports.analysis.words import CLASSROOM_CLIENTS, RULES, Word
from wsgi_gauntlet.reports.text.labels import duration, percent

from ....helpers.sample_results import build
from ....helpers.scoreboard_results import capacity, checks, classroom, closed_loop, collapse, run
from ..test_golden import recorded_run

CLEAN = {"security": 20, "broken": 0}


def row(results: Results, server: str = "a") -> Row:
    """Return the row of one server."""
    return next(each for each in scoreboard(results).rows if each.server == server)


def word(results: Results) -> tuple[Word, list[str]]:
    """Return the word of server a and the rules of its reasons."""
    found = row(results)
    return found.word, [each.rule.id for each in found.word_reasons]


# ------------------------------------------------------------------ the words


def test_a_server_that_serves_its_users_and_breaks_little_holds_up() -> None:
    conformance = checks("a", security=20, broken=1)
    assert word(run(classroom("a", 0.99, 1.0), conformance=conformance)) == (Word.HOLDS_UP, ["served", "served"])


@pytest.mark.parametrize(
    ("goodput", "p99", "rules"), [(0.989, 0.1, ["goodput"]), (1.0, 1.001, ["late"]), (0.2, 5.0, ["goodput", "late"])]
)
def test_a_server_that_loses_its_users_is_not_for_use_alone(goodput: float, p99: float, rules: list[str]) -> None:
    found = run(classroom("a", goodput, p99, Grade.COLLAPSED), conformance=checks("a", **CLEAN))
    assert word(found) == (Word.NOT_ALONE, rules)


def test_more_than_one_security_requirement_in_twenty_asks_for_care() -> None:
    assert word(run(classroom("a"), conformance=checks("a", security=20, broken=2))) == (Word.WITH_CARE, ["security"])


@pytest.mark.parametrize(("clients", "expected"), [(CLASSROOM_CLIENTS, Word.WITH_CARE), (41, Word.HOLDS_UP)])
def test_a_collapse_under_few_other_slow_clients_asks_for_care(clients: int, expected: Word) -> None:
    found = run(classroom("a"), collapse("a", clients), conformance=checks("a", **CLEAN))
    assert row(found).word is expected
    if expected is Word.WITH_CARE:
        (reason,) = row(found).word_reasons
        assert (reason.scenario, reason.text) == ("slow-body/length", f"slow-body/length: collapsed at {clients}.")


def test_a_server_that_never_recovered_asks_for_care() -> None:
    other = classroom("a", 0.0, 5.0, Grade.NOT_RECOVERED, scenario="slow-read", slow=500, people=None)
    assert word(run(classroom("a"), other, conformance=checks("a", **CLEAN))) == (
        Word.WITH_CARE,
        ["other-slow-clients"],
    )


def test_a_claim_is_no_other_scenario() -> None:
    claim = msgspec.structs.replace(collapse("a", 1), scenario="claims/prefork")
    assert row(run(classroom("a"), claim, conformance=checks("a", **CLEAN))).word is Word.HOLDS_UP


def test_the_documentation_of_a_development_server_decides_first() -> None:
    found = run(classroom("a", 0.0, 5.0, Grade.COLLAPSED), conformance=checks("a", **CLEAN), development=("a",))
    assert word(found) == (Word.DEVELOPMENT_ONLY, ["development"])
    assert row(found).word_reasons[0].text.startswith("“Not for production.” https://")


def test_what_is_missing_is_not_measured() -> None:
    assert word(run(conformance=checks("a", **CLEAN))) == (Word.NOT_MEASURED, ["no-slow-clients"])
    assert word(run(classroom("a"))) == (Word.NOT_CHECKED, ["no-security"])
    unfit = run(
        classroom("a", 1.0, grade=Grade.INVALID, why="the generator was late"),
        conformance=checks("a", **CLEAN),
    )
    assert word(unfit) == (Word.NOT_MEASURED, ["no-slow-clients"])
    assert row(unfit).word_reasons[0].text == "classroom: invalid: the generator was late."


def test_a_server_without_a_valid_cell_is_not_measured_however_much_it_breaks() -> None:
    """`with care` would say that its users are served."""
    broken = checks("a", security=20, broken=10)
    assert word(run(conformance=broken)) == (Word.NOT_MEASURED, ["no-slow-clients"])
    unfit = classroom("a", 0.0, 5.0, Grade.INVALID, why="the generator was late")
    assert word(run(unfit, conformance=broken)) == (Word.NOT_MEASURED, ["no-slow-clients"])
    found = row(run(unfit, collapse("a", 1), conformance=checks("a", **CLEAN)))
    assert [each.rule.id for each in found.word_reasons] == ["other-slow-clients"], "what is known to be bad is said"


def test_invalid_figures_are_shown_and_count_for_nothing() -> None:
    found = row(run(classroom("a", 0.2, 5.0, Grade.INVALID, why="the generator was late")))
    assert (found.served, found.p99, found.valid, found.serves_users) == (0.2, 5.0, False, False)
    assert found.invalid_reason == "invalid: the generator was late"
    assert not scoreboard(run(classroom("a", 0.2, 5.0, Grade.INVALID, why="late"))).measured


def test_every_rule_states_its_number() -> None:
    for rule in RULES:
        if rule.threshold is not None:
            shown = {f"{rule.threshold:g}", f"{rule.threshold * 100:g} %"}
            assert any(each in rule.text for each in shown), rule
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert {rule.word for rule in RULES} == set(Word)


def test_adapters_name_the_servers_for_development() -> None:
    found = {name for name, each in registry.adapters().items() if each.for_development}
    assert found == {"flask", "reference", "werkzeug", "wsgiref"}
    for name in found - {"reference"}:
        assert re.fullmatch(r"“[^”]+” https://\S+", registry.adapters()[name].for_development)


# ------------------------------------------------------------------ the rows


def test_a_requirement_counts_once_however_many_variants_fail() -> None:
    cells = [
        CaseResult("a", f"http/framing/te/{name}", Level.MUST, ("security",), verdict)
        for name, verdict in (("x", Verdict.FAIL), ("y", Verdict.FAIL), ("z", Verdict.PASS))
    ]
    cells += [
        CaseResult("a", "http/limits/one", Level.SHOULD, ("security",), Verdict.WARN),
        CaseResult("a", "http/limits/two", Level.MUST, (), Verdict.PASS),
        CaseResult("a", "http/limits/three", Level.MUST, (), Verdict.FLAKY),
        CaseResult("a", "http/limits/four", Level.MUST, (), Verdict.UNSUPPORTED),
        CaseResult("a", f"{USER_APP_CASE_PREFIX}headers", Level.MUST, (), Verdict.FAIL),
    ]
    found = row(run(conformance=cells))
    assert (found.security_broken, found.security_judged) == (1, 1)
    assert (found.must_broken, found.should_broken, found.passed, found.judged) == (1, 1, 1, 3)


def test_the_rows_begin_with_those_who_serve() -> None:
    found = run(
        classroom("late", 1.0, 0.1),
        classroom("best", 1.0, 0.1),
        classroom("down", 0.0, 5.0, Grade.COLLAPSED),
        classroom("unfit", 1.0, 0.1, Grade.INVALID, why="late"),
        conformance=[*checks("late", security=20, broken=3), *checks("best", security=20, broken=1)],
    )
    assert [each.server for each in scoreboard(found).rows] == ["best", "late", "down", "unfit"]


def test_rates_of_two_kinds_are_never_in_one_column() -> None:
    both = scoreboard(run(closed_loop("a", 900.0), capacity("b", 400.0), capacity("c", 50.0, Grade.INVALID)))
    assert both.rate_label == "Requests/s at p99 ≤ 100 ms"
    assert {each.server: each.rate for each in both.rows} == {"a": None, "b": 400.0, "c": None}
    closed = scoreboard(run(closed_loop("a", 900.0)))
    assert closed.rate_label == "Requests/s, closed loop, best"
    assert [each.rate for each in closed.rows] == [900.0]
    assert "says nothing about response times" in closed.rate_note


def test_the_classroom_is_the_scenario_unless_another_has_the_only_valid_cell() -> None:
    other = classroom("a", scenario="slow-headers/byte", slow=64, people=None)
    assert featured_slow_client_scenario(run(other, classroom("a"))) == "classroom"
    unfit = classroom("a", grade=Grade.INVALID, why="late")
    assert featured_slow_client_scenario(run(unfit, other)) == "slow-headers/byte"
    assert featured_slow_client_scenario(run(unfit)) == "classroom"
    assert featured_slow_client_scenario(run(closed_loop("a", 1.0), collapse("a", 3))) == ""
    board = scoreboard(run(other))
    assert (board.scenario, board.slow_clients, board.people) == ("slow-headers/byte", 64, None)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"workers": 1, "threads": 4}, "9.0 · 1 worker, 4 threads"),
        ({"workers": 1, "threads": "one a connection"}, "9.0 · 1 worker, a thread for each connection"),
        (
            {"workers": "one a request, 40 at most", "threads": 1},
            "9.0 · a worker for each request, 40 at most, 1 thread",
        ),
        ({"workers": 2, "threads": "no limit"}, "9.0 · 2 workers, threads without a limit"),
        ({"workers": 1, "threads": "a greenlet a connection"}, "9.0 · 1 worker, a greenlet a connection"),
        (
            {"workers": 1, "threads": "as many as needed"},
            "9.0 · 1 worker, threads: as many as needed",
        ),
        ({}, "9.0"),
    ],
)
def test_a_server_is_described_as_it_was_run(conditions: dict[str, object], expected: str) -> None:
    assert describe_as_run("9.0", conditions) == expected


def test_a_run_without_load_knows_the_workers_from_the_start_of_the_server() -> None:
    results = run(conformance=checks("a", **CLEAN))
    info = msgspec.structs.replace(results.servers["a"], conditions={"workers": 3, "threads": 2})
    assert row(msgspec.structs.replace(results, servers={"a": info})).as_run == "1.0 · 3 workers, 2 threads"


def test_a_chain_knows_its_proxy() -> None:
    results = run(classroom("nginx+gunicorn:sync"), classroom("./my+adapter.py"))
    found = {each.server: (each.front, each.behind) for each in scoreboard(results).rows}
    assert found["nginx+gunicorn:sync"] == ("nginx", "gunicorn:sync")
    assert found["./my+adapter.py"][0] == ""


def test_an_old_run_gets_the_sentence_of_the_documentation_from_the_adapter(tmp_path: Path) -> None:
    results = msgspec.structs.replace(
        build(loads=False), servers={each: ServerInfo(each, each, True) for each in ("wsgiref", "waitress", "?")}
    )
    (tmp_path / "results.json").write_text(registry.outputs()["json"].render(results))
    servers = registry.load_results(tmp_path / "results.json").servers
    assert {name: bool(each.for_development) for name, each in servers.items()} == {
        "wsgiref": True,
        "waitress": False,
        "?": False,
    }


# ------------------------------------------------------------------ the figures and their cells


@pytest.mark.parametrize("results", [build(), build(checks=False), build(loads=False), recorded_run()])
def test_every_figure_of_a_reason_is_that_of_the_cells_it_cites(results: Results) -> None:
    """Recomputed from the cells alone."""
    loads = {(each.server, each.scenario): each for each in results.load}
    cells = {(each.server, each.case): each for each in results.conformance}
    sentences = 0
    for each in (reason for found in scoreboard(results).rows for reason in found.word_reasons):
        text = each.text
        if each.cases:
            by_requirement: dict[str, list[Verdict]] = {}
            for case in each.cases:
                cell = cells[each.server, case]
                assert cell.level is Level.MUST
                assert "security" in cell.tags
                by_requirement.setdefault(requirement_id(case), []).append(cell.verdict)
            broken = sum(Verdict.FAIL in verdicts for verdicts in by_requirement.values())
            judged = sum(bool({Verdict.PASS, Verdict.FAIL} & set(verdicts)) for verdicts in by_requirement.values())
            assert re.findall(r"\d+", text) == [str(broken), str(judged)], text
            assert (broken / judged > 0.05) is (each.rule.word is Word.WITH_CARE)
        elif each.scenario:
            load = loads[each.server, each.scenario]
            during = next((phase for phase in load.phases if phase.name == "during"), None)
            figures = {percent(load.goodput), f"collapsed at {load.collapse}", load.grade.label}
            if during is not None:
                figures.add(duration(during.p99, at_least=during.censored))
            found_figures = re.findall(
                r"[\d.]+\u00a0%|(?:≥\u00a0)?[\d.]+\u00a0m?s|collapsed at \d+|not recovered|invalid|inconclusive", text
            )
            assert found_figures, text
            assert set(found_figures) <= figures, text
        sentences += 1
    assert sentences >= len(scoreboard(results).rows) > 0


@pytest.mark.parametrize("results", [build(), recorded_run()])
def test_every_figure_of_a_row_is_that_of_its_cells(results: Results) -> None:
    board = scoreboard(results)
    for each in board.rows:
        own = [cell for cell in results.conformance if cell.server == each.server]
        broken = {requirement_id(cell.case) for cell in own if cell.verdict is Verdict.FAIL}
        assert each.must_broken == len(broken)
        assert each.security_broken == len(
            {requirement_id(cell.case) for cell in own if cell.verdict is Verdict.FAIL and "security" in cell.tags}
        )
        featured = [cell for cell in results.load if (cell.server, cell.scenario) == (each.server, board.scenario)]
        assert featured == ([each.strip] if each.strip is not None else [])
        assert each.served == (featured[0].goodput if featured else None)
    assert dataclasses.is_dataclass(board)
