"""The sample is what the other tests take it to be."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Grade, Results, Verdict


def test_the_sample_has_every_verdict_and_most_grades(results: Results) -> None:
    """Nothing that a report must show is missing from what it is tried on."""
    assert {each.verdict for each in results.conformance} == set(Verdict)
    assert {each.grade for each in results.load} == set(Grade) - {Grade.UNSUPPORTED}
    assert len(results.cases) >= 70
