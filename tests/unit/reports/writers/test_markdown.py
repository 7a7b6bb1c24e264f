"""summary.md: the most important things first, within the limit of a CI job, and what was left out is named."""

from __future__ import annotations

import msgspec

from wsgi_gauntlet.harness.model import (
    BaselineExpectation,
    BaselineStatus,
    CaseResult,
    Level,
    Results,
    ScenarioResult,
    Verdict,
)
from wsgi_gauntlet.reports.text.markdown_text import code, prose, table_code
from wsgi_gauntlet.reports.writers import markdown

from ....helpers.sample_results import SERVERS, build
from ....helpers.scoreboard_results import checks, classroom, run


def test_the_answer_comes_first(results: Results) -> None:
    text = markdown.render(results).replace("\u00a0", " ")
    lines = text.splitlines()
    assert lines[0] == "# 7 of 8 WSGI servers measured: 3 still serve their users while 8 of 40 clients are slow"
    assert lines[2].startswith(
        "22 Nov 2026 · Some `<i>processor</i>` at 2.60 GHz, 2 cores · Python 3.11.7 · 76 cases of"
    )
    assert (
        "| `waitress` `3.0.2 · 1 worker, 4 threads` | holds up | 100 % | 9 ms (200) | 0 of 5 | 1 | 0 | 72 | 4,366/s |"
        in lines
    )
    order = ["## Scoreboard", "## Under load", "## Servers that differ in one thing", "## Security requirements"]
    assert [text.index(each) for each in order] == sorted(text.index(each) for each in order)
    assert "| `slow-headers/byte` | ✗ N\\* 1 | ≈ |" in text
    assert "install it with `python3 -m pip install bjoern-binary`" in text
    assert "interrupted" not in text
    assert "Left out" not in text


def test_a_figure_that_does_not_count_is_replaced_by_its_reason(results: Results) -> None:
    (row,) = [each for each in markdown.render(results).splitlines() if each.startswith("| `wsgiref` `3.11.7")]
    assert "| `invalid: the generator sent 14.2 of 20.0 requests a second` | – |" in row


def test_an_interrupted_run_says_so() -> None:
    """At the top."""
    assert "**This run was interrupted.**" in markdown.render(build(finished=False))[:200]


def test_a_change_has_what_a_reader_needs() -> None:
    cell = CaseResult("a", "x/y/z", Level.MUST, (), Verdict.FAIL, expected="400", actual="200 `OK`")
    cell = msgspec.structs.replace(cell, baseline=BaselineExpectation(BaselineStatus.UNEXPECTED_FAIL))
    text = markdown.render(msgspec.structs.replace(run(conformance=[cell]), baseline="known.toml"))
    assert (
        "## What changed\n\nAgainst `known.toml`: 1 new failure.\n\n- New failure: `x/y/z` on `a`: fails, and the "
        "baseline has no entry for it\n  - expected `400`, got `` 200 `OK` ``\n  - replay: "
        "`wsgi-gauntlet replay a x/y/z`\n"
    ) in text


def test_the_words_are_explained_with_their_reasons() -> None:
    text = markdown.render(run(classroom("a"), conformance=checks("a", security=20, broken=2)))
    assert "- **with care**: The server broke more than 5 % of the security requirements (must)" in text
    assert "- `a`: with care. 2 of 20 security requirements (must) were broken." in text


def test_a_run_of_any_size_fits_into_the_summary_of_a_job(results: Results) -> None:
    """What decides is kept; what does not fit is counted, and the folds are shut."""
    failed = next(each for each in results.conformance if each.verdict is Verdict.FAIL and "security" in each.tags)
    wide = "\u4e2d" * 300  # three bytes each
    many = [
        msgspec.structs.replace(failed, case=f"http/framing/made-up-{number}", actual=wide, tags=tags)
        for number in range(900)
        for tags in [("security",) if number < 20 else ()]
    ]
    load = tuple(
        ScenarioResult(each.server, f"{each.scenario}/{number}", each.grade, note=wide, conditions={"a": wide})
        for number in range(60)
        for each in results.load
    )
    text = markdown.render(
        msgspec.structs.replace(results, conformance=(*results.conformance, *many), load=(*results.load, *load))
    )
    assert 900_000 < len(text.encode()) <= markdown.MAX_BYTES < markdown.GITHUB_LIMIT_BYTES
    assert text.count("<details>") == text.count("</details>")
    assert "Left out, because a summary on GitHub may have 1 MiB: " in text
    assert text.endswith("report.html has everything.\n")
    assert "## Scoreboard" in text
    assert all(f"`http/framing/made-up-{number}`" in text for number in range(20))


def test_halves_of_a_run() -> None:
    """Only loads, only checks, and nothing at all."""
    assert "requirements (must) broken:" not in markdown.render(build(checks=False))
    assert "| grade |" not in markdown.render(build(loads=False))
    nothing = markdown.render(Results(1, {}, {SERVERS[8].name: SERVERS[8]}))
    assert nothing.startswith("# No server was tested\n")
    assert "## Scoreboard" not in nothing


def test_text_in_code_is_what_was_said() -> None:
    assert code("200 OK") == "`200 OK`"
    assert code("a `b` c") == "``a `b` c``"
    assert code("`") == "`` ` ``"
    assert code("a\n# b\t|") == "`a # b |`"
    assert code("") == ""
    assert table_code("a|b") == "`a¦b`"


def test_a_sentence_keeps_its_words() -> None:
    """Only a word that could act becomes code."""
    assert prose("waitress served 99.9 % of users (p99 6.5 ms).") == "waitress served 99.9 % of users (p99 6.5 ms)."
    assert prose("a_b and N* 3") == "a\\_b and N\\* 3"
    assert prose("see @all and #1 or <b>") == "see `@all` and `#1` or `<b>`"
    assert prose("Of werkzeug:single: a (very:small:) part") == "Of `werkzeug:single`: a (`very:small`:) part"
    assert prose("“a:b:c”, :+1:") == "“`a:b:c`”, `:+1`:"


def test_a_sentence_begins_no_list_and_no_heading() -> None:
    assert [prose(each) for each in ("- x", "1. x", "2) x", "--- x", "= x", "2026-01-02", "(--tuned).")] == [
        "\\- x",
        "1\\. x",
        "2\\) x",
        "\\--- x",
        "\\= x",
        "2026-01-02",
        "(--tuned).",
    ]
