"""The conclusion has at most 20 lines, fits, and says the most important last."""

from __future__ import annotations

import io
import random
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    BaselineExpectation,
    BaselineStatus,
    CaseResult,
    Grade,
    Level,
    Results,
    ScenarioResult,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.harness.store.base_run import base_run
from wsgi_gauntlet.reports.terminal.conclusion import MAX_LINES
from wsgi_gauntlet.reports.terminal.layout import shell_lines
from wsgi_gauntlet.reports.terminal.summary import summary

from ....helpers.sample_results import HOSTILE_TEXT, build

LONG_NAME = "nginx+gunicorn:gthread@27.0.1[workers=16,threads=32,timeout=90]"[:60]
WIDE_NAME = "伺服器" * 10
FOLDER = Path("gauntlet-out")


def cell(case: str, verdict: Verdict, server: str = "gunicorn", tags: tuple[str, ...] = ()) -> CaseResult:
    return CaseResult(server, case, Level.SHOULD if verdict is Verdict.WARN else Level.MUST, tags, verdict)


def run(*cells: CaseResult, load: tuple[ScenarioResult, ...] = ()) -> Results:
    names = dict.fromkeys([*(each.server for each in cells), *(each.server for each in load)])
    return Results(SCHEMA, {}, {each: ServerInfo(each, each, True) for each in names}, cells, load)


def conclusion(results: Results, width: int = 80, folder: Path | None = FOLDER) -> list[str]:
    out = io.StringIO()
    summary(results, folder, Console(file=out, width=width, height=25, force_terminal=False, no_color=True))
    return out.getvalue().splitlines()


def huge(servers: int, name: Callable[[int], str]) -> Results:
    """Return a run in which every server breaks many requirements in many variants, and collapses."""
    chance = random.Random(5)
    cells = [
        cell(
            f"http/area-{area}/a-requirement-with-a-long-name-{number}/variant-{variant}",
            chance.choice([Verdict.FAIL, Verdict.WARN, Verdict.PASS, Verdict.FLAKY]),
            name(server),
            ("security",) if number % 3 == 0 else (),
        )
        for server in range(servers)
        for area in range(4)
        for number in range(6)
        for variant in range(3)
    ]
    load = [
        ScenarioResult(
            name(server), f"slow-{number}/an-experiment", Grade.COLLAPSED, 0.1, collapse=2, note="late " * 40
        )
        for server in range(servers)
        for number in range(4)
    ]
    return run(*cells, load=tuple(load))


def of_one(server: int) -> str:
    return f"{LONG_NAME[:57]}-{server}"


def of_wide(server: int) -> str:
    return f"{WIDE_NAME[:28]}{server}"


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("servers", [1, 4, 56])
@pytest.mark.parametrize("name", [of_one, of_wide])
@pytest.mark.parametrize("changed", [False, True])
def test_it_fits(width: int, servers: int, name: Callable[[int], str], changed: bool) -> None:
    """Whatever there is: 20 lines, the given columns, and the next commands last."""
    results = huge(servers, name)
    if changed:
        before = msgspec.structs.replace(
            results,
            conformance=tuple(msgspec.structs.replace(each, verdict=Verdict.PASS) for each in results.conformance),
        )
        results = msgspec.structs.replace(results, base=base_run(before, "a/long/path/" * 9))
    lines = conclusion(results, width)
    assert len(lines) <= MAX_LINES
    assert max(map(cell_len, lines)) <= width
    assert any("--verbose lists them" in each for each in lines)
    place = lines.index("Next:")
    assert "security" in "".join(lines[:place])
    command, report = next_commands(lines)
    assert command[:2] == ["wsgi-gauntlet", "replay"]
    assert report == ["xdg-open", "gauntlet-out/report.html"]


@pytest.mark.parametrize("width", [80, 60])
def test_the_sample_fits_too(width: int) -> None:
    for results in (build(), build(loads=False), build(checks=False), build(finished=False)):
        lines = conclusion(results, width)
        assert len(lines) <= MAX_LINES
        assert max(map(cell_len, lines)) <= width


def next_commands(lines: list[str]) -> list[list[str]]:
    """Return the words of the commands, as a shell reads them."""
    text = "\n".join(lines[lines.index("Next:") + 1 :]).replace("\\\n", "")
    return [shlex.split(each) for each in text.splitlines()]


def test_the_variants_of_a_case_are_one_requirement() -> None:
    lines = conclusion(
        run(
            cell("http/framing/te/a", Verdict.FAIL),
            cell("http/framing/te/b", Verdict.FAIL),
            cell("http/framing/te/c", Verdict.PASS),
            cell("http/host/missing", Verdict.FAIL),
        )
    )
    assert "gunicorn: breaks 2 must, 0 should of 2 requirements" in lines
    assert "✗ http/framing/te  gunicorn 2/3" in lines
    assert "✗ http/host/missing  gunicorn" in lines


def test_security_is_first_and_must_before_should() -> None:
    lines = conclusion(
        run(
            cell("http/a/should", Verdict.WARN, tags=("security",)),
            cell("http/a/must", Verdict.FAIL),
            cell("http/z/attack", Verdict.FAIL, tags=("security",)),
        )
    )
    found = [each for each in lines if each.startswith(("✗", "!"))]
    assert found == [
        "✗ security http/z/attack  gunicorn",
        "✗ http/a/must  gunicorn",
        "! security http/a/should  gunicorn",
    ]
    assert next_commands(lines)[0] == ["wsgi-gauntlet", "replay", "gunicorn", "http/z/attack"]


def test_the_options_of_the_run_are_in_the_command() -> None:
    results = run(cell("http/host/missing", Verdict.FAIL))
    given = msgspec.structs.replace(results, environment={"options": ["--app", "shop:app", "--config", "a b.conf"]})
    assert next_commands(conclusion(given))[0] == [
        *("wsgi-gauntlet", "replay", "gunicorn", "http/host/missing"),
        *("--app", "shop:app", "--config", "a b.conf"),
    ]


def test_without_a_failure_the_next_command_explains_the_worst_grade_or_prints_the_tables() -> None:
    good = cell("http/host/missing", Verdict.PASS)
    bad = ScenarioResult("gunicorn", "slow-read", Grade.DEGRADED, 0.9)
    worse = ScenarioResult("gunicorn", "slow-headers/byte", Grade.COLLAPSED, 0.1)
    assert next_commands(conclusion(run(good, load=(bad, worse))))[0] == [
        "wsgi-gauntlet",
        "explain",
        "slow-headers/byte",
    ]
    assert next_commands(conclusion(run(good)))[0] == ["wsgi-gauntlet", "report", "gauntlet-out", "--verbose"]
    assert "Next:" not in conclusion(run(good), folder=None)


def test_few_cells_of_load_have_their_own_lines() -> None:
    lines = conclusion(run(load=(ScenarioResult("gunicorn", "slow-read", Grade.DEGRADED, 0.9),)))
    assert "! gunicorn in slow-read: degraded, 90 % answered" in [each.replace("\u00a0", " ") for each in lines]


def test_a_base_run_is_compared_first() -> None:
    now = run(cell("http/host/missing", Verdict.FAIL, tags=("security",)), cell("http/host/empty", Verdict.PASS))
    before = run(cell("http/host/missing", Verdict.PASS), cell("http/host/empty", Verdict.FAIL))
    lines = conclusion(msgspec.structs.replace(now, base=base_run(before, "old")))
    assert "Since old: 1 broken, 1 fixed" in lines
    assert "✗ broke security http/host/missing  gunicorn" in lines


def test_hostile_text_neither_moves_the_cursor_nor_hides() -> None:
    for verdict in (Verdict.FAIL, Verdict.WARN):
        lines = conclusion(run(cell(f"http/{HOSTILE_TEXT}/x", verdict, f"{HOSTILE_TEXT}\u202e\u200b")))
        assert max(map(cell_len, lines)) <= 80
        text = "".join(lines)
        assert not set(text) & {chr(value) for value in (*range(10), *range(11, 32), 0x202E, 0x200B, 0xD800)}


@pytest.mark.parametrize("columns", [60, 80])
def test_a_command_is_the_same_in_a_shell_whatever_its_length(columns: int) -> None:
    """Also words that are longer than a line, with quotes and wide characters in them."""
    words = ["printf", "%s\\n", LONG_NAME * 2, "it's", 'a "b" $c `d` \\ !' * 9, WIDE_NAME * 2, "plain" * 40, "", "x y"]
    lines = shell_lines(words, columns)
    assert max(map(cell_len, lines)) <= columns
    done = subprocess.run(["sh", "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == words[2:]


def test_a_command_with_control_characters_cannot_act() -> None:
    assert shell_lines(["replay", "a\x1b[2J\u202eb\n"], 80) == ["  replay 'a?[2J?b?'"]


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("servers", [1, 4, 12])
@pytest.mark.parametrize("name", [of_one, of_wide])
def test_the_tables_before_it_fit_too(width: int, servers: int, name: Callable[[int], str]) -> None:
    """With --verbose; of a run, of its baseline and of many versions."""
    plain = huge(servers, name)
    failed = BaselineExpectation(BaselineStatus.UNEXPECTED_FAIL, Verdict.WARN, "a reason " * 20, where="lines 1 to 2")
    baseline = msgspec.structs.replace(
        plain,
        baseline="known.toml",
        conformance=tuple(msgspec.structs.replace(each, baseline=failed) for each in plain.conformance),
    )
    versions = huge(servers, lambda number: f"gunicorn@{number}.0.0[workers=2,threads=4,timeout=30,keep-alive=2]")
    infos = {
        each: msgspec.structs.replace(info, version=each.split("@")[1].split("[")[0])
        for each, info in versions.servers.items()
    }
    for results in (plain, baseline, msgspec.structs.replace(versions, servers=infos)):
        out = io.StringIO()
        console = Console(file=out, width=width, height=25, force_terminal=False, no_color=True)
        summary(results, FOLDER, console, verbose=True, every_change=True)
        lines = out.getvalue().splitlines()
        assert len(lines) > MAX_LINES
        assert [each for each in lines if cell_len(each) > width] == []
        assert lines[-1].strip() == "xdg-open gauntlet-out/report.html"
