"""To merge merged results gives the same bytes as to merge all at once."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    BaseRun,
    CaseResult,
    Grade,
    Level,
    Results,
    ScenarioResult,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.harness.store.merge import merge

NAMES = st.sampled_from(["a", "b", "c"])
CHECKS = st.builds(
    CaseResult, NAMES, NAMES, st.just(Level.MUST), st.just(()), st.sampled_from([Verdict.PASS, Verdict.FAIL])
)
LOADS = st.builds(ScenarioResult, NAMES, NAMES, st.sampled_from([Grade.MEASURED, Grade.INVALID]))
RUNS = st.builds(
    Results,
    st.just(SCHEMA),
    st.fixed_dictionaries({"date": st.sampled_from(["1", "2", "3"])}, optional={"app": NAMES}),
    st.dictionaries(NAMES, st.builds(ServerInfo, NAMES, NAMES, st.booleans(), command=st.sampled_from(["", "serve"]))),
    st.lists(CHECKS, max_size=4, unique_by=lambda each: (each.server, each.case)).map(tuple),
    st.lists(LOADS, max_size=4, unique_by=lambda each: (each.server, each.scenario)).map(tuple),
    finished=st.booleans(),
    baseline=st.sampled_from(["", "known.toml", "other.toml"]),
    base=st.none() | st.builds(BaseRun, NAMES, st.just({}), st.just({})),
)


def encoded(results: Results) -> bytes:
    return msgspec.json.encode(results)


@given(RUNS, RUNS, RUNS)
def test_merging_is_associative(one: Results, two: Results, three: Results) -> None:
    together = encoded(merge([one, two, three]))
    assert encoded(merge([merge([one, two]), three])) == together
    assert encoded(merge([one, merge([two, three])])) == together


@given(RUNS, RUNS)
def test_no_cell_is_lost_and_the_later_one_counts(one: Results, two: Results) -> None:
    merged = merge([one, two])
    for cells in ({(c.server, c.case): c for run in (one, two) for c in run.conformance},):
        assert {(c.server, c.case): c for c in merged.conformance} == cells
    loads = {(c.server, c.scenario): c for run in (one, two) for c in run.load}
    assert {(c.server, c.scenario): c for c in merged.load} == loads
