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
        error_messages={
            "ECONNREFUSED (Connection refused) at connect": 3,
            "the connection was closed without an answer": 1,
            "the connection was closed in the middle of an answer": 1,
            "a kept connection was closed under a request that must not be repeated": 1,
            "ECONNRESET (Connection reset by peer) while waiting for an answer": 1,
            "status 502 instead of 200": 2,
            "a body of 3 bytes instead of 2000": 1,
        },
    )
    parts = count_lost_requests([found])
    assert parts == LostRequests(refused=3, disconnected=4, wrong=3, timed_out=5, never_sent=6)
    assert parts.total == found.scheduled - found.ok
    assert parts.summary == "3 refused, 4 reset or closed, 3 wrong response, 5 timed out, 6 no response"
    assert count_lost_requests([found, found, result()]).total == 2 * parts.total


def test_words_that_were_not_kept_change_no_sum() -> None:
    parts = count_lost_requests(
        [result(errors=4, refused=1, error_messages={"the connection was closed without an answer": 9})]
    )
    assert (parts.total, parts.disconnected, parts.wrong) == (4, 3, 0)
