"""junit.xml: what a CI system counts."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Results, ScenarioResult, Verdict
from wsgi_gauntlet.reports.writers import junit

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
