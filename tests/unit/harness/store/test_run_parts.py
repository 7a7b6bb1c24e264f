"""Parts of different runs are not joined."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from wsgi_gauntlet.harness.model import SCHEMA, Results
from wsgi_gauntlet.harness.model.run_part import PART_KEY, RunPart, part_of
from wsgi_gauntlet.harness.store.merge import merge
from wsgi_gauntlet.harness.store.run_parts import PartsReport, inspect_parts

CONFIGURATION = {"the version of wsgi-gauntlet": "ab", "--app": "cd", "the content of --traffic": "ef"}


def part(number: int, of: int = 3, **changed: str) -> Results:
    configuration = {**CONFIGURATION, **{name.replace("_", " "): value for name, value in changed.items()}}
    return Results(SCHEMA, {PART_KEY: msgspec.to_builtins(RunPart(number, of, configuration))}, {})


def inspect(*runs: Results) -> PartsReport:
    return inspect_parts({f"run-{number}": run for number, run in enumerate(runs, 1)})


def test_all_parts_of_a_run_in_any_order_belong_together() -> None:
    for order in itertools.permutations((1, 2, 3)):
        assert inspect(*map(part, order)) == PartsReport()


def test_whole_runs_are_no_parts() -> None:
    assert inspect(Results(SCHEMA, {}, {}), Results(SCHEMA, {}, {})) == PartsReport()


def test_a_missing_part_is_named() -> None:
    assert inspect(part(2)).missing == "without 1/3, 3/3: the report has no cells of these parts"
    assert inspect(part(1, 40)).missing.startswith("without 2/40, 3/40,")
    assert "11/40 and 29 more: " in inspect(part(1, 40)).missing


@pytest.mark.parametrize("what", ["the version of wsgi-gauntlet", "--app", "the content of --traffic"])
def test_parts_with_another_configuration_are_refused_with_the_reason(what: str) -> None:
    other = msgspec.to_builtins(RunPart(2, 2, {**CONFIGURATION, what: "other"}))
    found = inspect(part(1, 2), Results(SCHEMA, {PART_KEY: other}, {}))
    assert found.mixed == (
        f"run-2 (part 2/2) and run-1 (part 1/2) are parts of different runs: they differ in {what}; "
        "give all parts of one run, or of several runs"
    )


def test_a_value_that_only_one_part_has_is_a_difference() -> None:
    assert "they differ in the scenarios;" in inspect(part(1), part(2), part(3, the_scenarios="x")).mixed


def test_parts_of_other_numbers_are_refused() -> None:
    assert "they differ in the number of parts;" in inspect(part(1, 2), part(2, 3)).mixed


def test_complete_runs_of_different_days_belong_together() -> None:
    yesterday = [part(number, 2, the_servers="old") for number in (1, 2)]
    today = [part(number, 2) for number in (1, 2)]
    assert inspect(*yesterday, *today, *today) == PartsReport()
    assert inspect(*yesterday, today[0]).mixed


def test_merged_parts_are_known_too() -> None:
    assert inspect(merge([part(1), part(2)]), part(3)) == PartsReport()
    assert inspect(merge([part(1), part(2)])).missing == "without 3/3: the report has no cells of these parts"
    assert inspect(merge([part(1), part(2)]), part(3, the_scenarios="x")).mixed
    assert part_of(merge([part(1), part(2)]).environment) is None


@pytest.mark.parametrize(
    "value",
    [
        "1/2",
        {"number": "1"},
        {"number": 1},
        [],
        {"number": 1, "of": 2, "configuration": 3},
        {"number": 0, "of": 2},
        {"number": 3, "of": 2},
        {"number": 1, "of": 10**12},
    ],
)
def test_what_another_program_wrote_is_no_part(value: object) -> None:
    assert part_of({PART_KEY: value}) is None
