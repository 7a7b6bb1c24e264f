"""summary.md can be pasted anywhere: nothing in it acts but our own markup, and it is never too long."""

from __future__ import annotations

import msgspec

from wsgi_gauntlet.harness.model import CaseResult, Results
from wsgi_gauntlet.reports.writers import markdown

from ....helpers.sample_results import SERVERS, build


def test_it_has_the_answer_and_the_tables(results: Results) -> None:
    """Counts, grades, what broke, and how to get what is missing."""
    text = markdown.render(results).replace("\u00a0", " ")
    assert text.startswith("# 8 WSGI servers through the gauntlet\n")
    assert "| werkzeug | 11 |" in text
    assert "| waitress | ✓ unaffected | 100 % | 9 ms | 1 × |" in text
    assert "✗ collapsed at 2" in text
    assert "install it with `python3 -m pip install bjoern-binary`" in text
    assert "interrupted" not in text


def test_an_interrupted_run_says_so() -> None:
    """At the top."""
    assert "**This run was interrupted.**" in markdown.render(build(finished=False))[:200]


def test_a_servers_words_are_only_words(results: Results) -> None:
    """No tag, no mention, no link, no table cell, no heading."""
    text = markdown.render(results)
    assert "<script>" not in text.replace("\\<script", "")
    assert "\x1b" not in text
    assert "\n# not a heading" not in text
    assert markdown.escape_markdown("@all <b> [x](http://y) | `a` #1") == (
        "\\@all \\<b\\> \\[x\\](http\\://y) \\| \\`a\\` \\#1"
    )


def test_it_fits_into_a_comment(results: Results) -> None:
    """However much was broken: cut with a word, its fold closed."""
    many = []
    for number in range(400):
        each = next(cell for cell in results.conformance if cell.verdict == "fail")
        many.append(msgspec.structs.replace(each, case=f"http/framing/made-up-{number}", actual="x" * 300))
    text = markdown.render(msgspec.structs.replace(results, conformance=tuple[CaseResult, ...](many)))
    assert len(text) < 65_536
    assert text.endswith("… cut here; report.html has the rest.\n")
    assert text.count("<details>") == text.count("</details>")


def test_halves_of_a_run() -> None:
    """Only loads, only checks, and nothing at all."""
    assert "## Conformance" not in markdown.render(build(checks=False))
    assert "| grade |" not in markdown.render(build(loads=False))
    nothing = markdown.render(Results(1, {}, {SERVERS[8].name: SERVERS[8]}))
    assert "No cell of this run has a result" in nothing
