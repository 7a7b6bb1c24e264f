"""junit.xml: what a CI system counts."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from wsgi_gauntlet.harness.model import CaseResult, GeneratorHealth, Grade, Level, Results, ScenarioResult, Verdict
from wsgi_gauntlet.harness.model.recommendation import Answer, Reason
from wsgi_gauntlet.reports.writers import github_annotations, junit

from ....helpers import sample_recommendation
from ....helpers.sample_results import build


def test_every_cell_is_a_test_case(results: Results) -> None:
    """Failures are of servers, errors are of the harness."""
    root = ET.fromstring(junit.render(results))
    verdicts = [each.verdict for each in results.conformance]
    assert int(root.get("tests", 0)) == len(results.conformance) + len(results.load) == len(root.findall("*/testcase"))
    assert int(root.get("failures", 0)) == verdicts.count(Verdict.FAIL)
    assert int(root.get("errors", 0)) == verdicts.count(Verdict.ERROR) + 2  # and of load: error, invalid
    skipped = verdicts.count(Verdict.SKIPPED) + verdicts.count(Verdict.UNSUPPORTED)
    assert int(root.get("skipped", 0)) == skipped + 1
    assert [each.get("name") for each in root] == [each.name for each in results.servers.values() if each.available]


def test_a_failure_says_what_was_expected(results: Results) -> None:
    """And carries a bounded log, without a character that XML forbids."""
    text = junit.render(results)
    root = ET.fromstring(text)
    failure = root.find(".//testcase[@name='http/framing/unread-1mb']/failure")
    assert failure is not None
    assert failure.get("type") == "must"
    assert (failure.text or "").startswith("expected: 400 Bad Request")
    assert len(failure.text or "") < 6000
    assert not set(text) & {chr(value) for value in range(32) if chr(value) not in "\n\t"}


def test_an_invalid_measurement_is_an_error_and_an_inconclusive_one_is_skipped() -> None:
    """The first asks for another machine, the second for a longer run. Neither blames the server."""
    load = (
        ScenarioResult("a", "one", Grade.INVALID, generator=GeneratorHealth(False, why="the generator was late")),
        ScenarioResult("a", "two", Grade.INCONCLUSIVE, note="too few requests"),
        ScenarioResult("a", "three", Grade.UNSUPPORTED, note="no TLS"),
        ScenarioResult("a", "four", Grade.INVALID),
    )
    found = ET.fromstring(junit.render(Results(2, {}, {}, load=load))).findall("*/testcase")
    shown = [(each.get("classname"), each.get("name"), each[0].tag, each[0].get("message")) for each in found]
    assert shown == [
        ("a.load", "one", "error", "invalid: the generator was late"),
        ("a.load", "two", "skipped", "inconclusive: too few requests"),
        ("a.load", "three", "skipped", "unsupported: no TLS"),
        ("a.load", "four", "error", "invalid: the generator or the machine could not keep up"),
    ]


def test_an_empty_run_is_a_document() -> None:
    """Nothing ran, nothing failed."""
    root = ET.fromstring(junit.render(Results(1, {}, {})))
    assert root.get("tests") == "0"
    assert junit.render(build(checks=False))


@pytest.mark.parametrize(
    ("changes", "tag", "message"),
    [
        ({}, "system-out", None),
        ({"answer": Answer.NONE_HOLDS, "headline": "", "reasons": (Reason("All of them are too slow."),)},
         "failure", "No server meets your requirements: All of them are too slow."),
        ({"answer": Answer.NONE_HOLDS, "headline": "", "reasons": ()}, "failure", "No server meets your requirements"),
        ({"answer": Answer.NOT_DECIDED, "headline": ""}, "error", "The search has no answer"),
        ({"stopped": "interrupted", "finished": False}, "error", "the search ended early: interrupted"),
        ({"finished": False}, "error", "the search ended early: not finished"),
        ({"headline": "<b>\x1b[31m]]>\x00", "answer": Answer.NONE_HOLDS, "reasons": ()}, "failure", None),
    ],
)  # fmt: skip
def test_a_recommendation_is_a_test_case(changes: dict[str, Any], tag: str, message: str | None) -> None:
    made = sample_recommendation.results()
    assert made.recommendation is not None
    found = msgspec.structs.replace(made.recommendation, **changes)
    root = ET.fromstring(junit.render(msgspec.structs.replace(made, recommendation=found)))
    (suite,) = root.findall("testsuite[@name='recommendation']")
    (case,) = suite
    (child,) = case
    assert (case.get("name"), child.tag) == ("recommendation", tag)
    assert message is None or child.get("message") == message
    assert "Asked: shop:create_app()" in (child.text or "")
    assert int(root.get("failures", 0)) == int(suite.get("failures", 0)) == (tag == "failure")
    assert int(root.get("errors", 0)) == (tag == "error")
    assert float(suite.get("time", 0)) == pytest.approx(found.seconds, abs=0.001)


def test_broken_requirements_of_a_candidate_fail_nothing() -> None:
    made = sample_recommendation.results()
    assert made.recommendation is not None
    cell = CaseResult(made.recommendation.winner, "http/a/b", Level.MUST, (), Verdict.FAIL, actual="it answers 200")
    checked = msgspec.structs.replace(made, conformance=(cell,))
    assert ET.fromstring(junit.render(checked)).get("failures") == "0"
    assert "::error" not in github_annotations.render(checked)
    plain = msgspec.structs.replace(checked, recommendation=None)
    assert ET.fromstring(junit.render(plain)).get("failures") == "1"
    assert "::error" in github_annotations.render(plain)
