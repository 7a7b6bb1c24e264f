"""Who is to blame when a server is stopped."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from wsgi_gauntlet.harness.model import Grade
from wsgi_gauntlet.suites.load.operations.stop_clients import ClientResult, RequestEnd, RequestKind
from wsgi_gauntlet.suites.load.operations.stop_grading import (
    Meaning,
    SignalResult,
    StopRound,
    grade_stops,
    meaning_of,
)

ANSWERED = tuple(ClientResult(kind, RequestEnd.ANSWERED, 0.5) for kind in RequestKind)
LOST = (*ANSWERED[1:], ClientResult(RequestKind.DOWNLOAD, RequestEnd.CLOSED, 0.1))

GOOD = SignalResult(signal.SIGTERM, Meaning.UNDOCUMENTED, 5.0, (StopRound(ANSWERED, 1.0),))


def result(number: signal.Signals, meaning: Meaning, one: StopRound) -> SignalResult:
    return replace(GOOD, number=number, meaning=meaning, rounds=(one,))


@pytest.mark.parametrize(
    ("number", "meaning", "one", "grade", "says"),
    [
        (signal.SIGTERM, Meaning.GRACEFUL, StopRound(ANSWERED, 1.0), Grade.UNAFFECTED, ""),
        (signal.SIGTERM, Meaning.GRACEFUL, StopRound(LOST, 1.0), Grade.DEGRADED, "SIGTERM lost 1 of 4 requests"),
        (signal.SIGINT, Meaning.UNDOCUMENTED, StopRound(LOST, 1.0), Grade.DEGRADED, "SIGINT lost 1 of 4 requests"),
        (signal.SIGTERM, Meaning.QUICK, StopRound(LOST, 1.0), Grade.MEASURED, ""),
        (signal.SIGTERM, Meaning.QUICK, StopRound(ANSWERED, None), Grade.DEGRADED, "had not ended 5.0 s after SIGTERM"),
        (signal.SIGTERM, Meaning.UNDOCUMENTED, StopRound(ANSWERED, None), Grade.DEGRADED, "had not ended"),
        (signal.SIGINT, Meaning.UNDOCUMENTED, StopRound(ANSWERED, None), Grade.UNAFFECTED, ""),
        (signal.SIGINT, Meaning.GRACEFUL, StopRound(ANSWERED, None), Grade.DEGRADED, "had not ended"),
        (
            signal.SIGTERM,
            Meaning.UNDOCUMENTED,
            StopRound(ANSWERED, 8.0, waited_for_idle=True),
            Grade.DEGRADED,
            "only when the client closed an idle connection",
        ),
        (signal.SIGTERM, Meaning.QUICK, StopRound(ANSWERED, 8.0, waited_for_idle=True), Grade.MEASURED, ""),
        (signal.SIGTERM, Meaning.UNDOCUMENTED, StopRound(ANSWERED[:2], 1.0), Grade.INCONCLUSIVE, "did not read"),
    ],
)
def test_one_signal(number: signal.Signals, meaning: Meaning, one: StopRound, grade: Grade, says: str) -> None:
    mark, reasons = grade_stops([result(number, meaning, one)])
    assert mark is grade
    assert (says in " ".join(reasons)) if says else not reasons


def test_one_bad_signal_is_enough_and_a_quick_one_takes_nothing_away() -> None:
    quick = result(signal.SIGINT, Meaning.QUICK, StopRound(LOST, 0.1))
    bad = result(signal.SIGQUIT, Meaning.GRACEFUL, StopRound(LOST, 0.1))
    assert grade_stops([GOOD, quick])[0] is Grade.UNAFFECTED
    assert grade_stops([GOOD, quick, bad])[0] is Grade.DEGRADED
    assert grade_stops([])[0] is Grade.MEASURED


def test_rounds_count_together() -> None:
    parts = tuple(StopRound((each,), 1.0 + number) for number, each in enumerate(ANSWERED))
    assert grade_stops([replace(GOOD, rounds=parts)])[0] is Grade.UNAFFECTED
    assert replace(GOOD, rounds=parts).exit_seconds == 4.0
    assert replace(GOOD, rounds=(*parts, StopRound((), None))).exit_seconds is None


def test_what_a_signal_means_is_what_the_documentation_says() -> None:
    assert meaning_of(signal.SIGTERM, [signal.SIGTERM], []) is Meaning.GRACEFUL
    assert meaning_of(signal.SIGTERM, [], [signal.SIGTERM]) is Meaning.QUICK
    assert meaning_of(signal.SIGTERM, [], []) is Meaning.UNDOCUMENTED
