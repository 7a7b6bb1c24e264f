"""What makes a lane's figures look like more, or less, than they are; each a sentence for the report. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...stats import littles_law
from ..judging.artefacts import DELAYED_ACK, FEW, FEW_LATE, NAGLE, PLATEAU, idle
from ..judging.grading import seconds
from .fastlane import SWEEP
from .lane_result import LaneResult

UNUSED = 0.8
"""The share of a closed loop's connections that rate x mean latency must account for: the loop itself never pauses."""

HOLE = 0.25
"""Seconds without any answer below which a silence is not told: a collection of garbage, a page that is written."""

HOLES = 10
"""So many times as long as what is usual a silence must be."""

SYN_AGAIN = (0.99, 1.2)
"""Seconds: Linux sends a connection's first packet again after TCP_TIMEOUT_INIT, 1 s (RFC 6298, section 2)."""


def lane_artefacts(results: Sequence[LaneResult], cpu: Sequence[float] = ()) -> tuple[str, ...]:
    """Return what a reader of the figures must know, once each, with the connections at which it was seen.

    `cpu` is seconds that the server's processes worked for one right answer, for each result, where that is known.
    """
    told: dict[str, list[int]] = {}
    for each, worked in zip(results, cpu or [0.0] * len(results), strict=True):
        for words in _artefacts(each, worked):
            told.setdefault(words, []).append(each.connections)
    return (*(f"{words} (at {_listed(seen)})" for words, seen in told.items()), *_hole(results))


def _hole(results: Sequence[LaneResult]) -> Iterable[str]:
    """Yield what is to be known of the longest silence, where it is far longer than what is usual."""
    holes = [each for each in results if each.ok and each.silence >= max(HOLE, HOLES * _usual(each))]
    if not holes:
        return
    worst = max(holes, key=lambda each: each.silence)
    if worst.stood_still > worst.silence / 2:
        yield (
            f"for {seconds(worst.silence)} no answer was read, since the generator itself stood still for "
            f"{seconds(worst.stood_still)}: stop what else runs on this machine (at {_listed([worst.connections])})"
        )
        return
    yield (
        f"a hole: for {seconds(worst.silence)} no answer came although requests waited, from {worst.silence_at:.1f} s "
        f"on; usually they take {seconds(_usual(worst))}. Percentiles hardly show it "
        f"(at {_listed([worst.connections])})"
    )


def _usual(result: LaneResult) -> float:
    """Return the seconds that nobody wonders at: what half of the answers take, or from one answer to the next."""
    return max(result.service.quantile(0.5), result.seconds / result.ok)


def _artefacts(result: LaneResult, cpu: float) -> Iterable[str]:
    if result.wrong:
        yield "answers had a wrong body: do not quote this server's speed before that is explained"
    if result.ports_out:
        yield "the machine ran out of local ports: the rate is the machine's, not the server's"
    plateau = result.latency.share(*DELAYED_ACK) if result.ok else 0.0
    # Only where nobody queues: with 64 connections 40 ms may be the others' turns. A short run has few of them.
    if result.connections == 1 and plateau >= PLATEAU and plateau * result.ok >= FEW_LATE and idle(cpu):
        yield f"a fifth or more of the answers took 40 ms: {NAGLE}"
    if result.ok < FEW:
        return
    knocked = result.latency.share(*SYN_AGAIN) * result.ok >= FEW and result.latency.quantile(0.5) < SYN_AGAIN[0] / 2
    if knocked or result.knocking:
        yield "the queue for new connections was full: some clients knocked, and knocked again after a second or more"
    if result.requests_per_connection < 2 and result.requests > 2 * result.connections:
        yield "the server closed the connection after each answer: every request paid for a connection of its own"
    if result.dropped:
        yield "the server closed kept connections without saying so, and requests had to be sent again"
    # After a fault the lane itself leaves a connection alone until its next sweep.
    faults = (result.wrong + result.errors) * SWEEP / 1e9 / result.seconds
    busy = littles_law(result.rate, result.latency.mean()) + faults
    if result.offered is None and not result.knocking and busy < UNUSED * result.connections:
        yield (
            "Little's law does not hold: rate x mean latency accounts for fewer requests than there were connections, "
            "so some of them stood still; look at the errors and time-outs"
        )


def _listed(connections: list[int]) -> str:
    *others, last = (str(each) for each in sorted(set(connections)))
    return f"{', '.join(others)} and {last} connections" if others else f"{last} connection{'' if last == '1' else 's'}"
