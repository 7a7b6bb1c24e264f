"""The helper that compares two runs also says which cells only one of them has."""

from __future__ import annotations

import msgspec

from wsgi_gauntlet.harness.model import CaseResult, Results, Verdict

from ..helpers import sample_results
from ..helpers.verdict_differences import differences

RUN = sample_results.build(loads=False)


def test_equal_runs_have_no_differences() -> None:
    found = differences(RUN, RUN)
    assert found.changed + found.unsupported + found.missing + found.added == ()
    assert found.total == len(RUN.conformance)


def test_cells_of_only_one_run_are_found() -> None:
    first, last = (
        msgspec.structs.replace(RUN, conformance=part) for part in (RUN.conformance[1:], RUN.conformance[:-1])
    )
    found = differences(first, last)
    assert not found.changed
    assert found.missing == tuple(RUN.conformance[-1:])
    assert found.added == tuple(RUN.conformance[:1])
    assert found.total == len(RUN.conformance)


def test_the_only_servers_are_compared_and_otherwise_those_with_the_same_name() -> None:
    case = RUN.conformance[0]
    cells = [msgspec.structs.replace(case, server=name, verdict=Verdict.PASS) for name in ("a", "b")]
    only_a, only_b, both = (run_of(each) for each in (cells[:1], cells[1:], cells))
    assert not differences(only_a, only_b).missing
    assert differences(both, only_b).missing == tuple(cells[:1])
    worse = [cells[0], msgspec.structs.replace(cells[1], verdict=Verdict.FAIL)]
    assert [after.server for _, after in differences(both, run_of(worse)).changed] == ["b"]


def run_of(cells: list[CaseResult]) -> Results:
    return msgspec.structs.replace(RUN, conformance=cells)
