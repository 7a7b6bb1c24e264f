"""What makes a lane's figures look like more, or less, than they are; each a sentence for the report. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wsgi_gauntlet.harness.load.analysis.caveats import (
    DELAYED_ACK_SECONDS,
    DELAYED_ACK_SHARE,
    MIN_DELAYED_RESPONSES,
    MIN_SAMPLES,
    NAGLE_CAVEAT,
    is_mostly_idle,
)
from wsgi_gauntlet.harness.load.analysis.grading import format_seconds
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import SWEEP_INTERVAL_NS
from wsgi_gauntlet.harness.stats.summary import littles_law

MIN_CONNECTION_USE = 0.8
"""The share of a closed loop's connections that rate x mean latency must account for: the loop itself never pauses."""

MIN_GAP = 0.25
"""Seconds without any answer below which a silence is not told: a collection of garbage, a page that is written."""

GAP_FACTOR = 10
"""So many times as long as what is usual a silence must be."""

SYN_RETRANSMIT = (0.99, 1.2)
"""Seconds: Linux sends a connection's first packet again after TCP_TIMEOUT_INIT, 1 s (RFC 6298, section 2)."""


def generator_caveats(results: Sequence[GeneratorResult], cpu: Sequence[float] = ()) -> tuple[str, ...]:
    """Return what a reader of the figures must know, once each, with the connections at which it was seen.

    `cpu` is seconds that the server's processes worked for one right answer, for each result, where that is known.
    """
    connections_by_caveat: dict[str, list[int]] = {}
    for each, cpu_per_response in zip(results, cpu or [0.0] * len(results), strict=True):
        for caveat in _caveats(each, cpu_per_response):
            connections_by_caveat.setdefault(caveat, []).append(each.connections)
    return (
        *(f"{caveat} (at {_listed(seen)})" for caveat, seen in connections_by_caveat.items()),
        *_gap_caveat(results),
    )


def _gap_caveat(results: Sequence[GeneratorResult]) -> Iterable[str]:
    """Yield what is to be known of the longest silence, where it is far longer than what is usual."""
    gaps = [
        each
        for each in results
        if each.ok and each.response_gap >= max(MIN_GAP, GAP_FACTOR * _typical_response_time(each))
    ]
    if not gaps:
        return
    worst = max(gaps, key=lambda each: each.response_gap)
    if worst.generator_stall > worst.response_gap / 2:
        yield (
            f"for {format_seconds(worst.response_gap)} no answer was read, since the generator itself stood still for "
            f"{format_seconds(worst.generator_stall)}: stop what else runs on this machine (at "
            f"{_listed([worst.connections])})"
        )
        return
    yield (
        f"a hole: for {format_seconds(worst.response_gap)} no answer came although requests waited, from "
        f"{worst.response_gap_at:.1f} s "
        f"on; usually they take {format_seconds(_typical_response_time(worst))}. Percentiles hardly show it "
        f"(at {_listed([worst.connections])})"
    )


def _typical_response_time(result: GeneratorResult) -> float:
    """Return the seconds that nobody wonders at: what half of the answers take, or from one answer to the next."""
    return max(result.service.quantile(0.5), result.seconds / result.ok)


def _caveats(result: GeneratorResult, cpu: float) -> Iterable[str]:
    if result.wrong:
        yield "answers had a wrong body: do not quote this server's speed before that is explained"
    if result.out_of_ports:
        yield "the machine ran out of local ports: the rate is the machine's, not the server's"
    plateau = result.latency.fraction_between(*DELAYED_ACK_SECONDS) if result.ok else 0.0
    # Only where nobody queues: with 64 connections 40 ms may be the others' turns. A short run has few of them.
    if (
        result.connections == 1
        and plateau >= DELAYED_ACK_SHARE
        and plateau * result.ok >= MIN_DELAYED_RESPONSES
        and is_mostly_idle(cpu)
    ):
        yield f"a fifth or more of the answers took 40 ms: {NAGLE_CAVEAT}"
    if result.ok < MIN_SAMPLES:
        return
    syn_retransmitted = (
        result.latency.fraction_between(*SYN_RETRANSMIT) * result.ok >= MIN_SAMPLES
        and result.latency.quantile(0.5) < SYN_RETRANSMIT[0] / 2
    )
    if syn_retransmitted or result.connects_pending:
        yield "the queue for new connections was full: some clients knocked, and knocked again after a second or more"
    if result.requests_per_connection < 2 and result.requests > 2 * result.connections:
        yield "the server closed the connection after each answer: every request paid for a connection of its own"
    if result.dropped:
        yield "the server closed kept connections without saying so, and requests had to be sent again"
    # After a fault the lane itself leaves a connection alone until its next sweep.
    faults = (result.wrong + result.errors) * SWEEP_INTERVAL_NS / 1e9 / result.seconds
    busy = littles_law(result.rate, result.latency.mean()) + faults
    if result.offered is None and not result.connects_pending and busy < MIN_CONNECTION_USE * result.connections:
        yield (
            "Little's law does not hold: rate x mean latency accounts for fewer requests than there were connections, "
            "so some of them stood still; look at the errors and time-outs"
        )


def _listed(connections: list[int]) -> str:
    *others, last = (str(each) for each in sorted(set(connections)))
    return f"{', '.join(others)} and {last} connections" if others else f"{last} connection{'' if last == '1' else 's'}"
