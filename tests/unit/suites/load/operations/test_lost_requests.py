"""What was lost, by kind."""

from __future__ import annotations

from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.stats.histogram import Histogram
from wsgi_gauntlet.suites.load.operations.lost_requests import LostRequests, count_lost_requests


def result(ok: int = 5, **counted: object) -> GeneratorResult:
    latency = Histogram()
    latency.record(1_000_000, ok)
    return GeneratorResult(1, 1.0, 0.1, latency, latency, Histogram(), offered=10.0, **counted)  # type: ignore[arg-type]


def test_nothing_is_lost() -> None:
    assert count_lost_requests([result(), result()]) == LostRequests()
    assert count_lost_requests([]).total == 0
    assert LostRequests().summary == ""


def test_each_kind_is_counted_and_all_of_them_are_all_that_is_missing() -> None:
    found = result(
        wrong=1,
        errors=3 + 4 + 2,
        refused=3,
        timeouts=5,
        never_sent=6,
        disconnected=4,
    )
    parts = count_lost_requests([found])
    assert parts == LostRequests(refused=3, disconnected=4, wrong=3, timed_out=5, never_sent=6)
    assert parts.total == found.scheduled - found.ok
    assert parts.summary == "3 refused, 4 reset or closed, 3 wrong response, 5 timed out, 6 no response"
    assert count_lost_requests([found, found, result()]).total == 2 * parts.total
