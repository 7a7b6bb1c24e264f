"""The counts of each server of a run, for the history of several runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from wsgi_gauntlet.harness.model import CaseResult, HistoryPoint, Level, Results, ScenarioResult, Verdict
from wsgi_gauntlet.harness.model.naming import USER_APP_CASE_PREFIX, requirement_id

GOODPUT_SCENARIO = "classroom"
"""The scenario whose goodput the history shows."""

CAPACITY_METRIC = "capacity"
"""The id of the metric with the capacity."""

_JUDGED = {Level.MUST: (Verdict.PASS, Verdict.FAIL), Level.SHOULD: (Verdict.PASS, Verdict.WARN)}


def history_points(run: Results) -> list[HistoryPoint]:
    """Return a point for each server of `run` that has a cell."""
    cases: dict[str, list[CaseResult]] = {}
    loads: dict[str, list[ScenarioResult]] = {}
    for cell in run.conformance:
        cases.setdefault(cell.server, []).append(cell)
    for load in run.load:
        loads.setdefault(load.server, []).append(load)
    names = dict.fromkeys([*run.servers, *cases, *loads])
    return [_point(run, each, cases.get(each, ()), loads.get(each, ())) for each in names if each in cases | loads]


def _point(run: Results, server: str, cells: Iterable[CaseResult], loads: Iterable[ScenarioResult]) -> HistoryPoint:
    broken: dict[Level, set[str]] = {Level.MUST: set(), Level.SHOULD: set()}
    judged = set()
    for each in cells:
        if each.verdict not in _JUDGED.get(each.level, ()) or each.case.startswith(USER_APP_CASE_PREFIX):
            continue
        requirement = requirement_id(each.case)
        judged.add(requirement)
        if each.verdict is not Verdict.PASS:
            broken[each.level].add(requirement)
    valid = [each for each in loads if each.grade.is_judged]
    info = run.servers.get(server)
    return HistoryPoint(
        date=str(run.environment.get("date", "")),
        server=server,
        version=info.version if info else "",
        must_broken=len(broken[Level.MUST]),
        should_broken=len(broken[Level.SHOULD]),
        judged=len(judged),
        goodput=next((each.goodput for each in valid if each.scenario == GOODPUT_SCENARIO), None),
        capacity=next((m.value for each in valid for m in each.metrics if m.id == CAPACITY_METRIC), None),
    )
