"""Of how many requirements a server breaks how many, and why others were not judged."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Level, Results, Verdict
from wsgi_gauntlet.reports.analysis.key_findings import key_findings
from wsgi_gauntlet.reports.analysis.requirements import conformance_findings, user_app_findings


def cells(server: str, spec: str, level: Level = Level.MUST, area: str = "http/host") -> list[CaseResult]:
    """Return as many cells of each verdict as `said` says, as `1 fail, 3 pass`."""
    words = [each.split() for each in spec.split(", ")]
    each = [Verdict(name) for number, name in words for _ in range(int(number))]
    return [
        CaseResult(server, f"{area}/{level}-{number}", level, (), verdict, actual="why")
        for number, verdict in enumerate(each)
    ]


def conformance_text(*checks: list[CaseResult]) -> str:
    found = dict(conformance_findings(Results(SCHEMA, {}, {}, tuple(cell for each in checks for cell in each))))
    return found.get("Conformance", "")


@pytest.mark.parametrize(
    ("checks", "text"),
    [
        ([cells("a", "3 pass")], "a breaks none of the 3 requirements (must) judged."),
        ([cells("a", "1 pass")], "a keeps the one requirement (must) judged."),
        ([cells("a", "1 fail")], "a breaks 1 of 1 requirement (must) judged."),
        ([cells("a", "2 fail, 3 pass")], "a breaks 2 of 5 requirements (must) judged."),
        ([cells("a", "458 unsupported")], "No requirement of a was judged (458 unsupported)."),
        (
            [cells("a", "2 unsupported"), cells("b", "3 skipped")],
            "No requirement of a and b was judged (2 unsupported, 3 skipped).",
        ),
        (
            [cells("a", "1 fail, 2 unsupported, 1 skipped, 1 error, 4 pass")],
            "a breaks 1 of 5 requirements (must) judged. Not judged: 4 of a (2 unsupported, 1 skipped, 1 error).",
        ),
        (
            [cells("a", "3 pass"), cells("b", "2 pass"), cells("c", "1 fail, 8 pass")],
            "a (3) and b (2) break none of the requirements (must) judged. c breaks 1 of 9 requirements (must) judged.",
        ),
        (
            [cells("a", "17 pass, 5 fail"), cells("b", "2 pass, 7 fail")],
            "a breaks 5 of 22 requirements (must) judged, b 7 of 9.",
        ),
        ([cells("a", "2 warn, 3 pass", Level.SHOULD)], "The run had no requirement (must)."),
        ([cells("a", "2 fail", area="own-app/page")], ""),
    ],
)
def test_what_was_judged_is_what_is_counted(checks: list[list[CaseResult]], text: str) -> None:
    assert conformance_text(*checks) == text


def test_a_should_is_no_requirement() -> None:
    assert conformance_text(cells("a", "1 fail"), cells("a", "7 warn, 7 unsupported", Level.SHOULD)) == (
        "a breaks 1 of 1 requirement (must) judged."
    )


def test_what_the_user_s_app_breaks_is_not_the_server_s() -> None:
    broken = CaseResult("a", "own-app/page/length", Level.MUST, (), Verdict.FAIL, actual="the app sent 5 bytes")
    changed = CaseResult("a", "own-app/page/closed", Level.MUST, (), Verdict.FAIL, actual="it called close() 0 times")
    results = Results(SCHEMA, {"app": "shop:app", "page": "/x"}, {}, (*cells("a", "2 pass"), broken, changed))
    first = key_findings(results)[0]
    assert first.topic == "Your app"
    assert first.text.startswith("shop:app runs beside the test app.")
    assert "The app breaks 1 of 2 requirements judged on /x: length (the app sent 5 bytes)." in first.text
    assert first.text.endswith("The server changed the response of the app: a in closed.")
    assert conformance_text(list(results.conformance)) == "a breaks none of the 2 requirements (must) judged."


def test_without_an_app_of_the_user_s_nothing_is_said_of_one() -> None:
    assert (
        user_app_findings(
            Results(SCHEMA, {"app": "gauntlet_apps.reference:application"}, {}, tuple(cells("a", "1 fail")))
        )
        == []
    )
