"""What a run leaves out: the names of --exclude and of pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.config import read
from wsgi_gauntlet.harness.conformance.catalog import matching, with_dependencies
from wsgi_gauntlet.harness.conformance.selection import Selection, chosen, runnable_cases
from wsgi_gauntlet.harness.errors import ConfigurationError, UnknownName
from wsgi_gauntlet.harness.exclusions import Exclusions, check_names, describe_excluded
from wsgi_gauntlet.harness.model import Exclusion

CASES, SCENARIOS = registry.cases(), registry.scenarios()


def test_a_name_is_about_cases_or_scenarios_or_both() -> None:
    exclusions = Exclusions(("http/tls", "slow-read"), ("frameworks", "classroom"))
    left = {each.id for each in chosen(CASES, exclusions.narrow(Selection(), CASES))}
    tls = {each.id for each in matching(CASES, "http/tls")}
    assert tls
    assert left == {each.id for each in CASES if not each.id.startswith("frameworks/")} - tls
    scenarios = {each.id for each in exclusions.narrow_scenarios(SCENARIOS)}
    assert scenarios == {each.id for each in SCENARIOS} - {"slow-read", "classroom"}


def test_the_last_parts_and_the_first_letters_of_an_id_are_enough() -> None:
    exclusions = Exclusions(("te-and-cl", "slow-h", "claims/"))
    left = {each.id for each in chosen(CASES, exclusions.narrow(Selection(), CASES))}
    assert "http/framing/te-and-cl" not in left
    scenarios = {each.id for each in exclusions.narrow_scenarios(SCENARIOS)}
    assert not any(each.startswith(("slow-h", "claims/")) for each in scenarios)


def test_every_cell_that_is_left_out_counts_once() -> None:
    exclusions = Exclusions(("slow-read", "http/tls"), ("http", "classroom"), "the file")
    selection = exclusions.narrow(Selection(), CASES)
    counted = exclusions.count(selection, CASES, SCENARIOS)
    assert [(each.name, each.source) for each in counted] == [
        ("slow-read", "--exclude"), ("http/tls", "--exclude"), ("http", "the file"), ("classroom", "the file"),
    ]  # fmt: skip
    assert [each.scenarios for each in counted] == [1, 0, 0, 1]
    running = {each.id for each in with_dependencies(chosen(CASES, selection), CASES)}
    assert sum(each.cases for each in counted) == len(CASES) - len(running)
    assert counted[1].cases > 0
    assert describe_excluded(counted).startswith(f"left out: {len(CASES) - len(running)} cases and 2 scenarios (slow-r")
    # A run of load alone counts no cases.
    assert [each.cases for each in exclusions.count(None, CASES, SCENARIOS)] == [0, 0, 0, 0]


def test_cases_about_an_app_are_left_out_only_where_there_is_one() -> None:
    without_app = runnable_cases(CASES, Selection(), own_app=False)
    check_names(["own-app"], CASES, None)
    selection = Exclusions(("own-app",)).narrow(Selection(), without_app)
    assert chosen(without_app, selection) == without_app
    assert [each.cases for each in Exclusions(("own-app",)).count(selection, without_app, ())] == [0]


def test_what_another_case_needs_is_not_left_out() -> None:
    needing = next(each for each in CASES if each.needs)
    exclusions = Exclusions(needing.needs)
    selection = exclusions.narrow(Selection((needing.id,)), CASES)
    assert sum(each.cases for each in exclusions.count(selection, CASES, ())) == 0
    assert describe_excluded(exclusions.count(selection, CASES, ())) == ""


def test_only_what_failed_before_counts_in_a_run_of_that() -> None:
    failed = {"waitress": frozenset({next(each.id for each in CASES if each.area == "http/framing")})}
    exclusions = Exclusions(("http/framing",))
    selection = exclusions.narrow(Selection(failed_in="earlier", failed=failed), CASES)
    assert [each.cases for each in exclusions.count(selection, CASES, ())] == [1]


@pytest.mark.parametrize(
    ("name", "cases", "scenarios", "says"),
    [
        ("http/tlss", True, True, "--exclude http/tlss: no case or scenario has this id (did you mean http/tls"),
        ("clasroom", True, True, "(did you mean classroom?)"),
        ("clasroom", False, True, "--exclude clasroom: no scenario has this id (did you mean classroom?)"),
        ("http/tlss", True, False, "--exclude http/tlss: no case has this id (did you mean http/tls"),
        ("slow-read", True, False, "--exclude slow-read is about scenarios, and this run has cases only; leave it out"),
        ("http/tls", False, True, "--exclude http/tls is about cases, and this run has scenarios only; leave it out"),
    ],
)
def test_a_name_that_means_nothing_in_the_run_is_an_error(name: str, cases: bool, scenarios: bool, says: str) -> None:
    with pytest.raises((UnknownName, ConfigurationError)) as raised:
        check_names([name], CASES if cases else None, SCENARIOS if scenarios else None)
    assert says in str(raised.value)
    assert raised.value.exit_code == 2


def test_a_run_of_nothing_is_an_error() -> None:
    exclusions = Exclusions(("slow-read",), ("slow-headers",))
    with pytest.raises(ConfigurationError, match="no scenario is left by --exclude slow-read 'slow-headers'"):
        exclusions.narrow_scenarios([each for each in SCENARIOS if each.id in ("slow-read", "slow-headers/byte")])
    # A run of cases and scenarios still has its cases.
    assert exclusions.narrow_scenarios([each for each in SCENARIOS if each.id == "slow-read"], may_be_empty=True) == []
    with pytest.raises(ConfigurationError, match=r"no case is left by --select http/tls exclude = 'http/tls' of pypr"):
        chosen(CASES, Exclusions((), ("http/tls",)).narrow(Selection(("http/tls",)), CASES))


def test_the_file_has_names_too(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[tool.wsgi-gauntlet]\nexclude = ["http/tls", "slow-read", "http/tls"]\n')
    assert read(path).exclude == ("http/tls", "slow-read")
    assert read(path).file == path
    for wrong, says in (
        ('"http/tls"', "exclude takes a list of names"),
        ("[1]", "exclude takes a list of names"),
        ('[" "]', "exclude takes a list of names"),
        ('["clasroom"]', "exclude clasroom: no case or scenario has this id (did you mean classroom?)"),
    ):
        path.write_text(f"[tool.wsgi-gauntlet]\nexclude = {wrong}\n")
        with pytest.raises((ConfigurationError, UnknownName)) as raised:
            read(path)
        assert says in str(raised.value)
        assert str(path) in str(raised.value)


def test_few_names_are_listed() -> None:
    many = tuple(Exclusion(f"n{number}", "--exclude", 1) for number in range(6))
    assert describe_excluded(many) == "left out: 6 cases (n0, n1, n2, n3 and 2 more names)"
    assert describe_excluded((Exclusion("a", "--exclude", 0, 1),)) == "left out: 1 scenario (a)"
