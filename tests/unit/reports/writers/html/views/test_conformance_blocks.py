"""The data of the views about conformance: what the index of the page does not have."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    CaseResult,
    Grade,
    HistoryPoint,
    Level,
    Results,
    ScenarioResult,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.harness.store import rerun_command
from wsgi_gauntlet.reports.analysis.headline import run_line
from wsgi_gauntlet.reports.writers.html.verdict_letters import LETTERS, meanings
from wsgi_gauntlet.reports.writers.html.view import views
from wsgi_gauntlet.reports.writers.html.views import (
    cell,
    conformance,
    history,
    lint,
    not_judged,
    pep3333,
    requirement,
)

from ......helpers.sample_conformance import build_conformance

EMPTY = Results(SCHEMA, {}, {})


def case(server: str, id_: str, verdict: Verdict, **more: Any) -> CaseResult:
    return msgspec.structs.replace(CaseResult(server, id_, Level.MUST, (), verdict), **more)


def run(*cells: CaseResult) -> Results:
    return Results(SCHEMA, {}, {}, cells)


def test_every_block_is_json_and_none_without_cells() -> None:
    results = build_conformance()
    for view in views():
        json.dumps(view.block(results), allow_nan=False)
    for module in (cell, conformance, history, lint, not_judged, pep3333, requirement):
        assert module.block(EMPTY) is None


def test_the_meanings_are_those_of_the_verdicts_that_occur() -> None:
    results = run(case("s", "http/a/x", Verdict.PASS), case("s", "http/a/y", Verdict.FAIL))
    assert list(meanings(results)) == ["f", "p"]
    assert sorted(LETTERS.values()) == sorted("pfwiuske")


def test_a_replay_has_the_server_and_the_options_in_quotes() -> None:
    results = run(case("gunicorn[workers=2]", "http/a/x", Verdict.FAIL))
    results = msgspec.structs.replace(results, environment={rerun_command.OPTIONS_KEY: ["--python", "/a b/python"]})
    found = cell.block(results)
    assert found is not None
    replay = found["replay"]
    assert isinstance(replay, dict)
    before, after = replay["gunicorn[workers=2]"]
    assert f"{before}http/a/x{after}" == ("wsgi-gauntlet replay 'gunicorn[workers=2]' http/a/x --python '/a b/python'")


def test_most_servers_have_the_usual_segmentations() -> None:
    every = ("whole", "bytes", "lines", "paused")
    cells = [case(name, "http/a/x", Verdict.PASS, segmentations=every) for name in "abc"]
    cells += [
        case("d", "http/a/x", Verdict.PASS, segmentations=("whole", "bytes")),
        case("a", "http/a/y", Verdict.PASS),
        case("b", "http/a/y", Verdict.FAIL),
    ]
    found = cell.block(run(*cells))
    assert found is not None
    assert found["segmentations"] == {
        "usual": [["in every segmentation", ["http/a/x"]]],
        "others": [["d", "http/a/x", "sent whole and byte by byte"]],
    }


def test_lint_has_the_rule_of_known_kinds_only() -> None:
    findings = ("missing-date: no Date (RFC 9110)", "own-kind: <b>")
    found = lint.block(run(case("s", "http/a/x", Verdict.PASS, findings=findings)))
    assert found is not None
    rules = found["rules"]
    assert isinstance(rules, dict)
    assert list(rules) == ["missing-date"]
    assert rules["missing-date"][1] == "RFC 9110, section 6.6.1"
    own = lint.block(run(case("s", "http/a/x", Verdict.PASS, findings=("own-kind: <b>",))))
    assert own == {"rules": {}}


def test_not_judged_lists_the_verdicts_that_occur() -> None:
    cells = [case("s", f"http/a/{each}", each) for each in (Verdict.UNSUPPORTED, Verdict.FLAKY, Verdict.FAIL)]
    found = not_judged.block(run(*cells))
    assert found is not None
    assert [letter for letter, _ in found["verdicts"]] == ["k", "u"]  # type: ignore[attr-defined]


def test_not_judged_lists_the_cells_of_load_that_the_first_screen_counts() -> None:
    """Also in a run without conformance."""
    grades = (Grade.INVALID, Grade.COLLAPSED, Grade.ERROR)
    load = [ScenarioResult(f"s{at}", "x", each, note=f"<b>{each}.") for at, each in enumerate(grades)]
    results = msgspec.structs.replace(run(), load=tuple(load))
    found: Any = not_judged.block(results)
    assert found["verdicts"] == []
    assert [(each["label"], each["scenarios"]) for each in found["load"]] == [
        ("invalid", [["x", "x", [["s0", "<b>invalid"]]]]),
        ("error", [["x", "x", [["s2", "<b>error"]]]]),
    ]
    assert run_line(results).not_judged == 2


def test_the_sentences_of_pep_3333_have_the_cases_of_the_run() -> None:
    cells = [case("s", "pep3333/environ/callable-class", Verdict.PASS), case("s", "http/a/x", Verdict.PASS)]
    found = pep3333.block(run(*cells))
    assert found is not None
    sections: Any = found["sections"]
    sentences = [each for section in sections for each in section["sentences"]]
    checked = [each["quote"] for each in sentences if each["cases"] == ["pep3333/environ/callable-class"]]
    assert "Callables are only to be called, not introspected upon." in checked
    assert all(each["checked"] or (each["binds"] and each["reason"]) for each in sentences)
    assert sections[0]["url"].startswith("https://peps.python.org/pep-3333/#")
    assert pep3333.block(run(cells[1])) is None


def point(date: str, must: int, **more: Any) -> HistoryPoint:
    return msgspec.structs.replace(HistoryPoint(date, "gunicorn", "27.0.1", must, 2, 100), **more)


def test_the_runs_of_a_server_are_sorted_by_date() -> None:
    points = (point("2026-11-09T10:00:00", 3), point("2026-11-02T10:00:00", 5, goodput=0.5, capacity=810.0))
    found: Any = history.block(msgspec.structs.replace(EMPTY, history=points))
    [runs] = found["runs"]
    assert [row[:3] for row in runs["chart"]["rows"]] == [
        ["2026-11-02 10:00", "27.0.1", "5"],
        ["2026-11-09 10:00", "27.0.1", "3"],
    ]
    assert [row[-2:] for row in runs["chart"]["rows"]] == [["50\u00a0%", "810/s"], ["–", "–"]]
    assert "2026-11-02: must 5, should 2" in runs["chart"]["svg"]


def test_a_hostile_version_is_text_in_the_chart() -> None:
    points = tuple(point(f"2026-11-0{day}", day, version="<script>\u202e") for day in (1, 2))
    found: Any = history.block(msgspec.structs.replace(EMPTY, history=points))
    drawn = found["runs"][0]["chart"]["svg"]
    assert "<script" not in drawn
    assert "\u202e" not in drawn


def test_versions_have_their_changes() -> None:
    signs = {"20.1": "✗✓", "21.0": "✓✓", "22.0": "✓✗"}
    verdicts = {"✓": Verdict.PASS, "✗": Verdict.FAIL}
    cells = tuple(
        case(f"g@{version}", f"http/a/case-{place}", verdicts[sign])
        for version, row in signs.items()
        for place, sign in enumerate(row)
    )
    servers = {f"g@{version}": ServerInfo(f"g@{version}", "G", True, version) for version in signs}
    found: Any = history.block(Results(SCHEMA, {}, servers, cells))
    [versions] = found["versions"]
    assert versions["note"].startswith("From 20.1 to 22.0: fixed 1, broke 1.")
    assert [each["fixed"] for each in versions["rows"]] == [[], [["http/a/case-0", "f", "p"]], []]
    assert [each["broke"] for each in versions["rows"]] == [[], [], [["http/a/case-1", "p", "f"]]]
    two = {name: info for name, info in servers.items() if name != "g@22.0"}
    assert history.block(Results(SCHEMA, {}, two, cells[:4])) is None
