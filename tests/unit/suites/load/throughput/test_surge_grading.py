"""Grades of surges, from figures alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Phase
from wsgi_gauntlet.suites.load.throughput.surge_grading import Surge, grade_surge

FIT = GeneratorHealth(valid=True)


def phase(scheduled: int = 100, goodput: float = 1.0, p99: float = 0.01) -> Phase:
    return Phase("x", 0.0, 1.0, scheduled, {}, goodput, p50=p99, p99=p99)


GOOD = Surge(
    phase(),
    phase(1000, p99=9.0),
    phase(600, p99=5.0),
    patience=60.0,
    recovery_time=12.5,
    queued=10_000,
    drain_rate=1600,
)


@pytest.mark.parametrize(
    ("surge", "expected", "words"),
    [
        (GOOD, Grade.UNAFFECTED, "None of 1,600 requests was lost"),
        (replace(GOOD, recovery_time=0.0), Grade.UNAFFECTED, "as soon as the surge was over"),
        (
            replace(GOOD, recovery_time=25.0),
            Grade.DEGRADED,
            "25.0 s after the surge; the queue takes 10.0 s",
        ),
        (replace(GOOD, recovery_time=0.9, queued=0), Grade.UNAFFECTED, "0 ms after the surge."),
        (replace(GOOD, during=phase(1000, 0.9)), Grade.DEGRADED, "100 of 1,600 requests were lost"),
        (replace(GOOD, during=phase(1000, 0.4)), Grade.COLLAPSED, "600 of"),
        (replace(GOOD, after=phase(600, 0.4)), Grade.COLLAPSED, "360 of"),
        (replace(GOOD, recovery_time=None), Grade.NOT_RECOVERED, "not served well again within 60 s"),
        (replace(GOOD, recovery_time=None, patience=16.0), Grade.DEGRADED, "within 16 s"),
        (replace(GOOD, recovery_time=None, patience=3.0), Grade.INCONCLUSIVE, "shorter than that"),
        (replace(GOOD, recovery_time=None, patience=3.0, drain_rate=500), Grade.INCONCLUSIVE, "within 3 s. The"),
        (replace(GOOD, recovery_time=None, patience=3.0, during=phase(1000, 0.9)), Grade.DEGRADED, "within 3 s"),
        (replace(GOOD, before=phase(100, 0.9)), Grade.INCONCLUSIVE, "even before the surge"),
        (replace(GOOD, before=phase(4)), Grade.INCONCLUSIVE, "Too few"),
    ],
)
def test_the_grade_of_a_surge(surge: Surge, expected: Grade, words: str) -> None:
    mark, reason = grade_surge(surge, FIT)
    assert mark is expected
    assert words in reason


def test_a_generator_that_was_late_is_not_the_servers_fault() -> None:
    mark, reason = grade_surge(replace(GOOD, recovery_time=None), GeneratorHealth(valid=False, why="it was late"))
    assert mark is Grade.INVALID
    assert "it was late" in reason
