"""The points of the history: requirements counted once, and figures of valid cells only."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    CaseResult,
    Grade,
    HistoryPoint,
    Level,
    Metric,
    Results,
    ScenarioResult,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.harness.store.history import history_points
from wsgi_gauntlet.harness.store.merge import merge

MUST, SHOULD = Level.MUST, Level.SHOULD


def cell(case: str, level: Level, verdict: Verdict, server: str = "a") -> CaseResult:
    return CaseResult(server, case, level, (), verdict)


def run(date: str, version: str, *cells: CaseResult, loads: tuple[ScenarioResult, ...] = ()) -> Results:
    servers = {"a": ServerInfo("a", "A", True, version), "absent": ServerInfo("absent", "Absent", False)}
    return Results(SCHEMA, {"date": date}, servers, cells, loads)


def test_variants_of_a_requirement_count_once() -> None:
    cells = [cell(f"http/framing/te/{name}", MUST, Verdict.FAIL) for name in ("vt", "ff", "nul")]
    cells += [
        cell("http/framing/te/tab", MUST, Verdict.PASS),
        cell("http/host/missing", MUST, Verdict.PASS),
        cell("http/host/empty", SHOULD, Verdict.WARN),
        cell("http/host/long", SHOULD, Verdict.UNSUPPORTED),
        cell("http/host/odd", MUST, Verdict.FLAKY),
        cell("http/limits/header", Level.INFO, Verdict.INFO),
        cell("own-app/responses/date", MUST, Verdict.FAIL),
    ]
    (point,) = history_points(run("2026-11-01", "1.0", *cells))
    assert point == HistoryPoint("2026-11-01", "a", "1.0", must_broken=1, should_broken=1, judged=3)


def test_figures_come_from_valid_cells_only() -> None:
    loads = (
        ScenarioResult("a", "classroom", Grade.INVALID, goodput=0.2),
        ScenarioResult("a", "capacity", Grade.MEASURED, metrics=(Metric("capacity", "capacity", 812.0, "requests/s"),)),
        ScenarioResult("b", "classroom", Grade.DEGRADED, goodput=0.9),
    )
    first, second = history_points(run("", "1.0", loads=loads))
    assert (first.server, first.goodput, first.capacity) == ("a", None, 812.0)
    assert (second.server, second.goodput, second.capacity, second.version) == ("b", 0.9, None, "")


def test_a_merge_keeps_every_run_also_one_that_was_merged_before() -> None:
    old = run("2026-11-01", "1.0", cell("http/host/missing", MUST, Verdict.FAIL))
    new = run("2026-11-02", "1.1", cell("http/host/missing", MUST, Verdict.PASS))
    newest = run("2026-11-03", "1.2", cell("http/host/missing", MUST, Verdict.PASS))
    both = merge([old, new])
    assert [(each.version, each.must_broken) for each in both.history] == [("1.0", 1), ("1.1", 0)]
    assert [each.version for each in merge([both, newest]).history] == ["1.0", "1.1", "1.2"]
    assert merge([old]).history == ()
