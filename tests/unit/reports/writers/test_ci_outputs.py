"""The badge and the annotations: short outputs for a README and for a pull request."""

from __future__ import annotations

import json

import msgspec
import pytest

from wsgi_gauntlet.harness.model import (
    BaselineExpectation,
    BaselineStatus,
    CaseResult,
    Grade,
    Level,
    Results,
    ThresholdViolation,
    Verdict,
)
from wsgi_gauntlet.reports.writers import badge, github_annotations

from ....helpers.scoreboard_results import checks, classroom, run

DOWN = (0.0, 5.0, Grade.COLLAPSED)


def with_baseline(status: BaselineStatus | None, verdict: Verdict = Verdict.FAIL) -> Results:
    """Return a run with one cell of this status."""
    cell = CaseResult("a", "x/y/z", Level.MUST, (), verdict, expected="400", actual="200")
    if status is not None:
        cell = msgspec.structs.replace(cell, baseline=BaselineExpectation(status))
    return msgspec.structs.replace(run(conformance=[cell]), baseline="known.toml")


@pytest.mark.parametrize(
    ("results", "message", "colour"),
    [
        (
            run(classroom("a"), conformance=checks("a", security=20, broken=1)),
            "holds up · 1 of 20 requirements (must) broken",
            "brightgreen",
        ),
        (run(classroom("a", *DOWN)), "not alone", "red"),
        (run(conformance=checks("a", security=20, broken=1)), "1 of 20 requirements (must) broken", "red"),
        (run(conformance=checks("a", security=2, broken=0)), "0 of 2 requirements (must) broken", "brightgreen"),
        (run(classroom("a"), classroom("b", *DOWN)), "1 of 2 servers serve their users among slow clients", "blue"),
        (
            run(conformance=[*checks("a", security=2, broken=0), *checks("b", security=2, broken=1)]),
            "1 of 2 servers break no requirement (must)",
            "blue",
        ),
        (with_baseline(BaselineStatus.UNEXPECTED_FAIL), "1 new failure", "red"),
        (with_baseline(BaselineStatus.EXPECTED), "nothing new", "brightgreen"),
        (with_baseline(None, Verdict.ERROR), "nothing was compared", "lightgrey"),
        (msgspec.structs.replace(run(classroom("a", *DOWN)), baseline="known.toml"), "not alone", "red"),
        (
            run(classroom("a", grade=Grade.INVALID, why="late"), classroom("b", grade=Grade.INVALID, why="late")),
            "nothing was judged",
            "lightgrey",
        ),
        (Results(2, {}, {}), "no result", "lightgrey"),
    ],
)
def test_a_badge_says_it_in_a_few_words(results: Results, message: str, colour: str) -> None:
    assert json.loads(badge.render(results)) == {
        "schemaVersion": 1,
        "label": "wsgi-gauntlet",
        "message": message,
        "color": colour,
    }


def test_annotations_begin_with_security_and_end_with_the_numbers() -> None:
    cells = [
        *checks("a", security=2, broken=1, others=2, others_broken=2),
        CaseResult("a", "http/x/should", Level.SHOULD, (), Verdict.WARN, expected="400", actual="200 OK: 50 %"),
    ]
    lines = github_annotations.render(run(conformance=cells)).splitlines()
    assert lines[0] == (
        "::error title=a%3A http/framing/security-0 [security]::replay: wsgi-gauntlet replay a http/framing/security-0"
    )
    assert [each.partition(" ")[0] for each in lines] == ["::error", "::error", "::error", "::warning", "::notice"]
    assert lines[3].endswith("::expected: 400%0Agot: 200 OK: 50 %25%0Areplay: wsgi-gauntlet replay a http/x/should")
    assert lines[-1] == (
        "::notice title=wsgi-gauntlet::a breaks 3 of 5 requirements judged. 3 requirements (must) broken."
    )


def test_there_are_not_more_annotations_than_a_runner_shows() -> None:
    lines = github_annotations.render(run(conformance=checks("a", security=40, broken=33))).splitlines()
    assert len(lines) == github_annotations.MAX_ANNOTATIONS + 1
    assert lines[-1].endswith("33 requirements (must) broken; 23 more are in the report.")


def test_with_a_baseline_only_changes_are_annotated() -> None:
    (new, total) = github_annotations.render(with_baseline(BaselineStatus.UNEXPECTED_FAIL)).splitlines()
    assert new == (
        "::error title=a%3A x/y/z::fails, and the baseline has no entry for it%0Aexpected: 400%0Agot: 200%0A"
        "replay: wsgi-gauntlet replay a x/y/z"
    )
    assert total == "::notice title=wsgi-gauntlet::1 new failure, against known.toml."
    assert github_annotations.render(with_baseline(BaselineStatus.EXPECTED)) == (
        "::notice title=wsgi-gauntlet::0 new failures, 1 as before, against known.toml."
    )


def test_a_run_without_conformance_says_nothing_of_requirements() -> None:
    assert github_annotations.render(run(classroom("a"))) == (
        "::notice title=wsgi-gauntlet::a still serves its users while 8 of 40 clients are slow."
    )


def test_a_broken_threshold_is_an_error() -> None:
    violation = ThresholdViolation("p99", 1.0, 5.0, "thresholds", "p99 5 s is above 1 s")
    results = run(msgspec.structs.replace(classroom("a"), broken=(violation,)))
    assert github_annotations.render(results).splitlines()[0] == (
        "::error title=a%3A classroom::threshold broken: p99 5 s is above 1 s"
    )
