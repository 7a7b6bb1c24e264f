"""What a run says of WSGI's promise: each server with each framework, one sentence, and who is absent."""

from __future__ import annotations

from typing import Any

import msgspec

from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Level, Results, Verdict
from wsgi_gauntlet.reports.analysis.framework_matrix import FrameworkMatrix, framework_matrix
from wsgi_gauntlet.reports.writers import markdown
from wsgi_gauntlet.reports.writers.html.views import frameworks

PASS, FAIL, WARN, UNSUPPORTED, SKIPPED = (
    *(Verdict.PASS, Verdict.FAIL, Verdict.WARN),
    *(Verdict.UNSUPPORTED, Verdict.SKIPPED),
)
NOT_INSTALLED = "pyramid is not installed for python; get it with: python -m pip install pyramid"


def cell(server: str, framework: str, name: str, verdict: Verdict, actual: str = "") -> CaseResult:
    return CaseResult(server, f"frameworks/{framework}/{name}", Level.MUST, (), verdict, actual=actual)


def row(server: str, framework: str, **verdicts: Verdict) -> list[CaseResult]:
    return [cell(server, framework, name, verdict, "<odd>") for name, verdict in verdicts.items()]


CELLS = (
    *row("good", "flask", head=PASS, path=PASS, form=PASS),
    *row("good", "django", head=PASS, path=PASS, form=SKIPPED),
    *row("poor", "flask", head=PASS, path=WARN, form=PASS),
    *row("poor", "django", head=FAIL, path=WARN, form=PASS),
    *row("own", "flask", head=PASS, path=PASS, form=PASS),
    *row("own", "django", head=UNSUPPORTED, path=UNSUPPORTED, form=UNSUPPORTED),
    *(
        cell(server, "pyramid", name, UNSUPPORTED, NOT_INSTALLED)
        for server in ("good", "poor")
        for name in ("head", "form")
    ),
)
RUN = Results(SCHEMA, {}, {}, CELLS)


def found(*cells: CaseResult) -> FrameworkMatrix:
    summary = framework_matrix(Results(SCHEMA, {}, {}, cells))
    assert summary is not None
    return summary


def test_each_pairing_has_its_worst_verdict_and_its_count() -> None:
    """A case that was skipped counts neither way; nor does one that the server has no way to do."""
    summary = found(*CELLS)
    assert {
        key: (each.verdict, each.count, each.all_passed)
        for key, each in summary.pairings.items()
        if key[1] != "pyramid"
    } == {
        ("good", "flask"): (PASS, "3/3", True),
        ("good", "django"): (PASS, "2/2", True),
        ("poor", "flask"): (WARN, "2/3", False),
        ("poor", "django"): (FAIL, "1/3", False),
        ("own", "flask"): (PASS, "3/3", True),
        ("own", "django"): (UNSUPPORTED, "", None),
    }
    assert summary.pairings["poor", "django"].worst.case == "frameworks/django/head"


def test_what_did_not_come_through_is_named_by_case() -> None:
    summary = found(*CELLS)
    assert (summary.failed_cases("poor"), summary.failed_cases("good")) == ("path, head (Django)", "")


def test_one_sentence_says_whether_the_promise_held() -> None:
    assert found(*CELLS).summary == (
        "All cases passed in 3 of 5 pairings of a server and a framework. Cases failed with all of them on poor."
    )
    assert found(*CELLS[:6]).summary.startswith("All cases passed in each of 2 pairings")
    assert found(*CELLS[:6], *row("poor", "flask", head=FAIL), *row("poor", "django", head=PASS)).summary.endswith(
        "Cases failed with Flask on poor."
    )
    many = [each for name in "abcdef" for each in row(name, "flask", head=FAIL)]
    assert found(*many).summary.endswith("Cases failed on 6 of 6 servers.")
    assert found(CELLS[-1]).summary == "No framework app could run."


def test_a_framework_that_is_not_here_is_one_line_with_the_command_that_gets_it() -> None:
    summary = found(*CELLS)
    assert summary.frameworks == ["flask", "django"]
    assert summary.unavailable == {"pyramid": NOT_INSTALLED}
    assert markdown.render(RUN).count("did not run") == 1


def test_the_page_links_each_pairing_to_its_worst_cell() -> None:
    data: Any = frameworks.block(RUN)
    rows = {row["server"]: row["cells"] for row in data["rows"]}
    assert [name for name, _ in data["frameworks"]] == ["flask", "django"]
    assert rows["poor"][1] == {
        "letter": "f",
        "passed": 1,
        "judged": 3,
        "case": "frameworks/django/head",
        "why": "",
    }
    assert (rows["own"][1]["letter"], rows["own"][1]["why"]) == ("u", "<odd>")
    assert data["unavailable"] == [["Pyramid", NOT_INSTALLED]]


def test_the_summary_has_a_row_for_each_server() -> None:
    text = markdown.render(RUN)
    assert "| server | Flask | Django | failed cases |" in text
    assert "| `poor` | ! 2/3 | ✗ 1/3 | `path, head (Django)` |" in text
    assert "| `own` | ✓ 3/3 | – |  |" in text


def test_a_run_without_frameworks_says_nothing_of_them() -> None:
    other = msgspec.structs.replace(RUN, conformance=(CaseResult("good", "http/a/b", Level.MUST, (), PASS),))
    assert framework_matrix(other) is None
    assert "frameworks" not in markdown.render(other)
    assert frameworks.block(other) is None
