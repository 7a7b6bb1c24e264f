"""Servers that differ in one thing, found by name, and shown on the page and in the summary."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    CaseResult,
    Grade,
    Level,
    Results,
    ScenarioInfo,
    ScenarioResult,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.reports.analysis.comparison import (
    Difference,
    MissingServer,
    compare_loads,
    find_pairs,
    missing_servers,
)
from wsgi_gauntlet.reports.terminal import summary as closing
from wsgi_gauntlet.reports.writers import markdown
from wsgi_gauntlet.reports.writers.html.views import compare

PASS, FAIL, WARN, FLAKY, INFO = Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.INFO


def cells(server: str, *verdicts: Verdict) -> list[CaseResult]:
    return [
        CaseResult(server, f"http/a/{number}", Level.MUST, (), each, "", "<right>", "<wrong>" if each is FAIL else "")
        for number, each in enumerate(verdicts)
    ]


def run(
    *checks: list[CaseResult], loads: tuple[ScenarioResult, ...] = (), infos: tuple[ServerInfo, ...] = ()
) -> Results:
    scenarios = {each.scenario: ScenarioInfo(each.scenario, "The <scenario>", "") for each in loads}
    return Results(
        SCHEMA,
        {},
        {each.name: each for each in infos},
        tuple(each for listed in checks for each in listed),
        loads,
        scenarios=scenarios,
    )


def found(results: Results) -> list[tuple[str, str, Difference, str]]:
    return [(each.plain, each.other, each.difference, each.what) for each in find_pairs(results)]


def test_what_a_front_masks_and_causes() -> None:
    alone = cells("gunicorn", FAIL, PASS, PASS, WARN, FLAKY, Verdict.UNSUPPORTED, INFO, FAIL)
    behind = cells("nginx:unix[gzip]+gunicorn", PASS, FAIL, PASS, PASS, PASS, PASS, INFO, FAIL)
    [comparison] = find_pairs(run(alone, behind))
    assert (comparison.plain, comparison.other) == ("gunicorn", "nginx:unix[gzip]+gunicorn")
    assert (comparison.difference, comparison.what) == (Difference.FRONT, "nginx:unix[gzip]")
    assert [each[0].case for each in comparison.improved] == ["http/a/0", "http/a/3"]
    assert [each[0].case for each in comparison.worsened] == ["http/a/1"]
    assert [each[0].case for each in comparison.changes] == ["http/a/4"]
    assert (comparison.same, comparison.not_judged) == (3, 1)
    assert comparison.summary == ("masked 2, caused 1, the same in 3 cases, other changes in 1, 1 not judged for both")


def test_a_default_variant_is_the_one_that_is_named() -> None:
    infos = (
        ServerInfo("gunicorn:sync", "", True, "27.0.1", "sync"),
        ServerInfo("nginx+gunicorn", "", True, "1.31.3 + 27.0.1", "sync"),
        ServerInfo("nginx+gunicorn:gthread", "", True, "1.31.3 + 27.0.1", "gthread"),
    )
    results = run(*(cells(each.name, PASS) for each in infos), infos=infos)
    assert found(results) == [("gunicorn:sync", "nginx+gunicorn", Difference.FRONT, "nginx")]
    assert missing_servers(results) == [MissingServer("nginx+gunicorn:gthread", "nginx", "gunicorn:gthread")]


def test_only_one_thing_may_differ() -> None:
    names = ("gunicorn[workers=2]", "nginx+gunicorn", "waitress", "nginx+waitress:x", "gunicorn@20.1.0[workers=3]")
    assert found(run(*(cells(each, PASS) for each in names))) == []


def test_two_versions_the_older_first() -> None:
    infos = (
        ServerInfo("gunicorn", "", True, "27.0.1", "sync"),
        ServerInfo("gunicorn@9.2.0", "", True, "9.2.0", "sync"),
        ServerInfo("gunicorn:sync", "", True, "27.0.1", "sync"),
    )
    results = run(*(cells(each.name, PASS) for each in infos), infos=infos)
    assert found(results) == [("gunicorn@9.2.0", "gunicorn", Difference.VERSION, "9.2.0 → 27.0.1")]
    three = run(*(cells(f"gunicorn@{each}.0", PASS) for each in (20, 21, 22)))
    assert found(three) == []


def test_a_candidate_comes_before_its_release() -> None:
    infos = (
        ServerInfo("gunicorn", "", True, "23.0.0", "sync"),
        ServerInfo("gunicorn@23.0.0rc1", "", True, "23.0.0rc1", "sync"),
    )
    results = run(cells("gunicorn", PASS), cells("gunicorn@23.0.0rc1", FAIL), infos=infos)
    [comparison] = find_pairs(results)
    assert (comparison.what, len(comparison.improved), len(comparison.worsened)) == ("23.0.0rc1 → 23.0.0", 1, 0)


def test_a_version_is_the_one_that_was_found() -> None:
    """Two names of one version are no pair, however short one of them is."""
    infos = (
        ServerInfo("gunicorn", "", True, "20.1.0", "sync"),
        ServerInfo("gunicorn@20.1", "", True, "20.1.0", "sync"),
        ServerInfo("nginx@1.31+gunicorn@20.1", "", True, "1.31.3 + 20.1.0", "sync"),
        ServerInfo("nginx@1.31.3+gunicorn", "", True, "1.31.3 + 20.1.0", "sync"),
    )
    results = run(*(cells(each.name, PASS) for each in infos), infos=infos)
    assert {each[2] for each in found(results)} == {Difference.FRONT}


def test_a_version_of_a_chain_is_that_of_the_server_behind() -> None:
    infos = (
        ServerInfo("nginx+gunicorn@20.1.0", "", True, "1.31.3 + 20.1.0", "sync"),
        ServerInfo("nginx+gunicorn", "", True, "1.31.3 + 27.0.1", "sync"),
        ServerInfo("gunicorn@20.1.0", "", True, "20.1.0", "sync"),
    )
    assert found(run(*(cells(each.name, PASS) for each in infos), infos=infos)) == [
        ("gunicorn@20.1.0", "nginx+gunicorn@20.1.0", Difference.FRONT, "nginx"),
        ("nginx+gunicorn@20.1.0", "nginx+gunicorn", Difference.VERSION, "20.1.0 → 27.0.1"),
    ]


def test_tuned_is_beside_the_defaults_in_front_and_behind() -> None:
    names = ("waitress", "waitress[tuned]", "nginx[tuned]+waitress", "nginx+waitress", "nginx[tuned]+waitress[tuned]")
    assert [each for each in found(run(*(cells(each, PASS) for each in names))) if each[2] is Difference.TUNED] == [
        ("waitress", "waitress[tuned]", Difference.TUNED, "waitress tuned"),
        ("nginx+waitress", "nginx[tuned]+waitress", Difference.TUNED, "nginx tuned"),
        ("nginx[tuned]+waitress", "nginx[tuned]+waitress[tuned]", Difference.TUNED, "waitress tuned"),
    ]


@pytest.mark.parametrize("name", ["./mine.py", "a b", "nginx+x+y", ""])
def test_an_invalid_name_has_no_pair(name: str) -> None:
    assert found(run(cells(name, PASS), cells("gunicorn", PASS))) == []


def test_a_plus_in_a_version_parts_nothing() -> None:
    chain = "nginx@1.2+3[gzip]+gunicorn@2.0+1"
    assert missing_servers(run(cells(chain, PASS))) == [MissingServer(chain, "nginx@1.2+3[gzip]", "gunicorn@2.0+1")]


@pytest.mark.parametrize("alone", ["gunicorn", "gunicorn:sync"])
def test_what_the_call_named_and_did_not_run_need_not_be_added(alone: str) -> None:
    infos = (
        ServerInfo("nginx+gunicorn", "", True, "1.31.3 + 27.0.1", "sync"),
        ServerInfo(alone, "", False, "27.0.1", "sync", why="did not start"),
    )
    results = run(cells("nginx+gunicorn", PASS), infos=infos)
    assert missing_servers(results) == []
    assert "Servers that differ in one thing" not in markdown.render(results)


def test_two_with_nothing_in_common_are_no_pair() -> None:
    results = run(cells("gunicorn", PASS), loads=(load("nginx+gunicorn", Grade.UNAFFECTED),))
    assert find_pairs(results) == []


def load(server: str, grade: Grade, collapse: int | None = None, **more: object) -> ScenarioResult:
    return msgspec.structs.replace(ScenarioResult(server, "slow/<x>", grade, collapse=collapse), **more)


@pytest.mark.parametrize(
    ("before", "after", "better"),
    [
        ((Grade.NOT_RECOVERED, None), (Grade.UNAFFECTED, None), 1),
        ((Grade.UNAFFECTED, None), (Grade.DEGRADED, None), -1),
        ((Grade.COLLAPSED, 2), (Grade.COLLAPSED, 64), 1),
        ((Grade.COLLAPSED, 64), (Grade.COLLAPSED, 2), -1),
        ((Grade.COLLAPSED, 2), (Grade.COLLAPSED, 2), 0),
        ((Grade.UNAFFECTED, None), (Grade.UNAFFECTED, None), 0),
        ((Grade.MEASURED, None), (Grade.UNAFFECTED, None), 0),
        ((Grade.NOT_RECOVERED, None), (Grade.INVALID, None), 0),
    ],
)
def test_grades_are_compared_where_both_are_judgements(
    before: tuple[Grade, int | None], after: tuple[Grade, int | None], better: int
) -> None:
    assert compare_loads(load("a", *before), load("b", *after)) == better


LOADED = run(
    cells("gunicorn", FAIL, PASS),
    cells("nginx+gunicorn", PASS, FAIL),
    cells("nginx+waitress", PASS),
    loads=(
        load("gunicorn", Grade.COLLAPSED, 2, goodput=0.02, slowdown=500.0, slowdown_censored=True),
        load("nginx+gunicorn", Grade.UNAFFECTED, goodput=1.0, slowdown=1.1),
    ),
)


def test_the_page_has_both_sides_of_every_scenario() -> None:
    data: Any = compare.block(LOADED)
    [pair] = data["pairs"]
    assert (pair["title"], pair["words"]) == ("nginx in front of gunicorn", ["masked", "caused"])
    assert pair["summary"] == "masked 1, caused 1, the same in 0 cases"
    figures = data["figures"]["gunicorn"]["slow/<x>"]
    assert (figures["label"], figures["rank"]) == ("collapsed at 2", [2, -2])
    assert ["slowdown", "≥\u00a0500\u00a0×"] in figures["figures"]
    assert [alone for _, _, alone in data["missing"]] == ["waitress"]


def test_the_summary_has_a_table_and_the_cases() -> None:
    text = markdown.render(LOADED)
    assert "| `nginx+gunicorn` | `gunicorn` | 1 | 1 | 1 better, 0 worse |" in text
    assert "- `nginx+gunicorn` and `gunicorn`, masked: `http/a/0`" in text
    assert "- `nginx+gunicorn` and `gunicorn`, caused: `http/a/1`" in text
    assert "- Add `waitress` to see the effect of `nginx` in `nginx+waitress`." in text


def test_the_terminal_has_a_line_for_each_pair() -> None:
    """In 80 columns, also where names are long."""
    out = io.StringIO()
    closing.summary(LOADED, None, Console(file=out, width=80), verbose=True)
    rows = [each.split() for each in out.getvalue().splitlines()]
    assert ["with", "without", "better", "worse", "same", "load"] in rows
    assert ["nginx+gunicorn", "gunicorn", "masked", "1", "caused", "1", "0", "+1", "−0"] in rows
    assert "Add waitress to see the effect of nginx in nginx+waitress." in out.getvalue()
    long = ("gunicorn:gthread@20.1.0[workers=4,threads=2]", "gunicorn:gthread@22.0[workers=4,threads=2]")
    out = io.StringIO()
    results = run(*(cells(each, verdict) for each, verdict in zip(long, (FAIL, PASS), strict=True)))
    closing.summary(results, None, Console(file=out, width=80), verbose=True)
    assert "fixed 1" in out.getvalue()
    assert max(map(len, out.getvalue().splitlines())) <= 80


def test_a_run_without_pairs_has_none_on_the_terminal() -> None:
    out = io.StringIO()
    closing.summary(run(cells("gunicorn", PASS)), None, Console(file=out, width=80), verbose=True)
    assert "Servers that differ in one thing" not in out.getvalue()


def test_of_very_many_cases_the_summary_names_all() -> None:
    text = markdown.render(run(cells("gunicorn", *[FAIL] * 20), cells("nginx+gunicorn", *[PASS] * 20)))
    for number in range(20):
        assert f"`http/a/{number}`" in text


def test_without_a_pair_there_is_no_section() -> None:
    results = run(cells("gunicorn", PASS), cells("waitress", PASS))
    assert "Servers that differ in one thing" not in markdown.render(results)


def test_load_alone_has_its_table_too() -> None:
    """And nothing is said of cases."""
    [comparison] = find_pairs(msgspec.structs.replace(LOADED, conformance=()))
    assert (comparison.summary, comparison.better, comparison.worse) == ("", 1, 0)
    text = markdown.render(msgspec.structs.replace(LOADED, conformance=()))
    assert "| `nginx+gunicorn` | `gunicorn` |  |  | 1 better, 0 worse |" in text


def test_titles_say_what_differs() -> None:
    names = ("gunicorn@20.0", "gunicorn@21.0", "waitress", "waitress[tuned]", "nginx+waitress")
    summary = [compare.title(each) for each in find_pairs(run(*(cells(each, PASS) for each in names)))]
    assert summary == [
        "nginx in front of waitress",
        "gunicorn@20.0 and gunicorn@21.0: 20.0 → 21.0",
        "waitress tuned: waitress[tuned] and waitress",
    ]
