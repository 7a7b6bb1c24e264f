"""The comment for a pull request: what broke first, short enough, and never obeying a server."""

from __future__ import annotations

import re

import pytest

from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Grade, Level, Results, ScenarioResult, ServerInfo, Verdict
from wsgi_gauntlet.harness.store.base_run import base_run
from wsgi_gauntlet.reports.analysis.run_diff import FailOn, RunDiff, run_diff
from wsgi_gauntlet.reports.writers.diff_markdown import CUT, MAX_CHARACTERS, render

HOSTILE = (
    "@octocat #1 GH-1 org/repo#2 <img src=x onerror=alert(1)> **b** `a``b` | [x](http://evil) https://evil.example"
    " :tada:"
)


def run(verdict: Verdict, grade: Grade, *, text: str = "x", servers: int = 1, cases: int = 1) -> Results:
    names = [f"{text}{number}" for number in range(servers)]
    return Results(
        SCHEMA,
        {},
        {each: ServerInfo(each, text, True, text) for each in names},
        tuple(
            CaseResult(
                name, f"http/{text}/case-{number}", Level.MUST, ("security",) * (number % 2), verdict, "", text, text
            )
            for name in names
            for number in range(cases)
        ),
        tuple(ScenarioResult(name, f"slow/{text}", grade, 0.5) for name in names),
    )


def difference(*, text: str = "x", servers: int = 1, cases: int = 1) -> RunDiff:
    old = run(Verdict.PASS, Grade.UNAFFECTED, text=text, servers=servers, cases=cases)
    new = run(Verdict.FAIL, Grade.COLLAPSED, text=text, servers=servers, cases=cases)
    return run_diff(base_run(old, text), new, text)


def test_what_broke_is_first_and_the_rest_is_folded() -> None:
    diff = difference(cases=2)
    shown = render(diff, diff.failures([FailOn.MUST]))
    assert shown.startswith("## 2 requirements broken (1 security), 1 grade worse\n\n`x` → `x`, 0 cells as before. ")
    assert "**2 requirements (must) broke.**" in shown
    first, second = shown.index("- ✗ **security** `http/x/case-1`: `x0`"), shown.index("- ✗ `http/x/case-0`: `x0`")
    assert first < second < shown.index("<details>")
    assert "  - expected `x`; `x0` gave `x`\n" in shown
    assert "- `worse: x0 in slow/x: unaffected → collapsed`\n" in shown
    assert shown.count("<details>") == shown.count("</details>") == 3


def test_nothing_changed() -> None:
    same = run(Verdict.PASS, Grade.UNAFFECTED)
    shown = render(run_diff(base_run(same, "a"), same, "b"), [])
    assert shown.startswith("## No requirement broken\n\n`a` → `b`, 1 cell as before. Nothing that fails this check.")


def test_all_text_of_servers_is_in_code_spans() -> None:
    """Outside of them there is no mention, reference, link or element."""
    diff = difference(text=HOSTILE)
    shown = render(diff, diff.failures([FailOn.MUST]))
    assert "octocat" in shown
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", shown)
    assert not re.search(r"octocat|#1|GH-|evil|img|onerror|:tada:|\*\*b", outside)
    assert re.findall(r"<(/?\w+)>", outside) == ["details", "summary", "/summary", "/details"] * 3


@pytest.mark.parametrize("text", ["x", "很" * 60, HOSTILE])
def test_it_fits_into_a_comment(text: str) -> None:
    diff = difference(text=text, servers=20, cases=400)
    shown = render(diff, diff.failures([FailOn.MUST]))
    assert 40_000 < len(shown) <= MAX_CHARACTERS
    assert shown.endswith(CUT)
    assert shown.count("<details>") == shown.count("</details>")
