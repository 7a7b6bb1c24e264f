"""Grades and recovery from given figures."""

import pytest

from wsgi_gauntlet.harness.load.analysis.grading import (
    describe_phase,
    grade,
    recovery_time,
)
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Outcome, Phase, Sample

WELL = GeneratorHealth(valid=True)


def phase(goodput: float = 1.0, p99: float | None = 0.003, scheduled: int = 100, censored: bool = False) -> Phase:
    return Phase("during", 0, 5, scheduled, {}, goodput, p99=p99, censored=censored)


@pytest.mark.parametrize(
    ("before", "during", "expected"),
    [
        (phase(), phase(), Grade.UNAFFECTED),
        (phase(), phase(goodput=0.989), Grade.DEGRADED),
        (phase(), phase(p99=0.1), Grade.UNAFFECTED),  # 33 times as much, and nobody can tell
        (phase(), phase(p99=0.101), Grade.DEGRADED),
        (phase(p99=0.2), phase(p99=0.4), Grade.UNAFFECTED),
        (phase(p99=0.2), phase(p99=0.41), Grade.DEGRADED),
        (phase(), phase(p99=1.0), Grade.DEGRADED),
        (phase(), phase(p99=1.001), Grade.COLLAPSED),
        (phase(), phase(goodput=0.49, p99=0.001), Grade.COLLAPSED),
        (phase(), phase(goodput=0.0, p99=None), Grade.COLLAPSED),
        (phase(goodput=0.9), phase(goodput=0.1), Grade.INCONCLUSIVE),
        (phase(p99=1.2), phase(p99=5.0), Grade.INCONCLUSIVE),
        (phase(scheduled=4), phase(), Grade.INCONCLUSIVE),
        (phase(), phase(scheduled=0), Grade.INCONCLUSIVE),
    ],
)
def test_a_grade_comes_from_the_phases(before: Phase, during: Phase, expected: Grade) -> None:
    assert grade(before, during, WELL, recovered=0.0, waited=4.0)[0] is expected


@pytest.mark.parametrize(
    ("recovered", "waited", "expected"),
    [(None, 60.0, Grade.NOT_RECOVERED), (None, 4.0, Grade.COLLAPSED), (55.0, 60.0, Grade.COLLAPSED)],
)
def test_not_recovered_takes_a_minute_without_good_service(
    recovered: float | None, waited: float, expected: Grade
) -> None:
    assert grade(phase(), phase(goodput=0.0), WELL, recovered=recovered, waited=waited)[0] is expected


def test_a_late_generator_never_blames_a_server() -> None:
    late = GeneratorHealth(valid=False, why="it was late")
    assert grade(phase(), phase(goodput=0.0), late, recovered=None, waited=60) == (
        Grade.INVALID,
        "Not a measurement of the server: it was late.",
    )


def sample(at: float, latency: float = 0.002, outcome: Outcome = Outcome.OK) -> Sample:
    return Sample(at, latency, latency, outcome)


def tenths(begin: float, end: float) -> list[Sample]:
    return [sample(tenth / 10 + 0.05) for tenth in range(round(begin * 10), round(end * 10))]


def test_recovery_at_once() -> None:
    assert recovery_time(tenths(0, 10), 5.0, 9.0, 0.002) == 0.0


def test_recovery_after_the_last_bad_request() -> None:
    bad = [sample(5.5, 5.0, Outcome.TIMEOUT), sample(5.75, 1.0), sample(6.0, 0.0, Outcome.ERROR)]
    assert recovery_time([*tenths(0, 5), *bad, *tenths(6.1, 12)], 5.0, 12.0, 0.002) == pytest.approx(1.0)


def test_no_recovery_where_fewer_than_three_good_seconds_follow() -> None:
    assert recovery_time([*tenths(0, 8), sample(7.0, 2.0)], 5.0, 9.0, 0.002) is None


def test_no_recovery_where_nothing_was_asked() -> None:
    assert recovery_time(tenths(0, 5), 5.0, 12.0, 0.002) is None


def test_a_slow_server_recovers_to_twice_its_own_pace() -> None:
    slow = [sample(each.intended, 0.3) for each in tenths(5, 9)]
    assert recovery_time(slow, 5.0, 9.0, 0.2) == 0.0
    assert recovery_time(slow, 5.0, 9.0, 0.1) is None


def test_a_phase_is_described_by_goodput_and_p99() -> None:
    assert describe_phase(phase(0.375, 5.0, 40, censored=True)) == "37 % of 40 requests answered, p99 at least 5.0 s"
    assert describe_phase(phase(0.0, None, 40)) == "0 % of 40 requests answered"
