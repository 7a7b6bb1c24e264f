"""Find conditions that make the figures of a generator misleading, as sentences for the report. Pure."""

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
from wsgi_gauntlet.harness.load.analysis.units import format_seconds
from wsgi_gauntlet.harness.load.generator.cluster_result import ClusterResult
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import SWEEP_INTERVAL_NS
from wsgi_gauntlet.harness.stats.summary import littles_law

MIN_CONNECTION_USE = 0.8
"""The share of the connections of a closed loop that rate x mean latency must explain: the loop never pauses."""

MIN_GAP = 0.25
"""A gap of this many seconds without any response is reported. Garbage collection makes shorter ones."""

GAP_FACTOR = 10
"""A gap is reported if it is this many times the typical response time."""

SYN_RETRANSMIT = (0.99, 1.2)
"""Seconds: Linux repeats the first packet of a connection after TCP_TIMEOUT_INIT, 1 s (RFC 6298, section 2)."""


def generator_caveats(results: Sequence[GeneratorResult], cpu: Sequence[float] = ()) -> tuple[str, ...]:
    """Return each caveat once, with the numbers of connections at which it was found.

    `cpu` is the CPU seconds of the server per correct response, for each result if known.
    """
    connections_by_caveat: dict[str, list[int]] = {}
    for each, cpu_per_response in zip(results, cpu or [0.0] * len(results), strict=True):
        for caveat in _caveats(each, cpu_per_response):
            connections_by_caveat.setdefault(caveat, []).append(each.connections)
    return (
        *(f"{caveat} (at {_listed(seen)})" for caveat, seen in connections_by_caveat.items()),
        *_gap_caveat(results),
        *(
            f"a load was run again: {why}"
            for each in results
            if isinstance(each, ClusterResult)
            for why in each.repeated
        ),
    )


def _gap_caveat(results: Sequence[GeneratorResult]) -> Iterable[str]:
    """Yield the caveat of the longest gap between responses if it is far longer than typical."""
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
            f"the generator read no response for {format_seconds(worst.response_gap)}, because it stood still itself "
            f"for {format_seconds(worst.generator_stall)}: stop other programs on this machine (at "
            f"{_listed([worst.connections])})"
        )
        return
    yield (
        f"a gap: no response came for {format_seconds(worst.response_gap)} although requests waited, from "
        f"{worst.response_gap_at:.1f} s on; a typical response takes {format_seconds(_typical_response_time(worst))}. "
        f"Percentiles hardly show it (at {_listed([worst.connections])})"
    )


def _typical_response_time(result: GeneratorResult) -> float:
    """Return the larger of the median service time and the mean time between responses, in seconds."""
    return max(result.service.quantile(0.5), result.seconds / result.ok)


def _caveats(result: GeneratorResult, cpu: float) -> Iterable[str]:
    if result.wrong:
        yield "responses had a wrong body: explain that before you quote the speed of this server"
    if result.out_of_ports:
        yield "the machine ran out of local ports: the rate is a limit of the machine, not of the server"
    plateau = result.latency.fraction_between(*DELAYED_ACK_SECONDS) if result.ok else 0.0
    # Only without a queue: with 64 connections a response may wait 40 ms for others. A short run has few of them.
    if (
        result.connections == 1
        and plateau >= DELAYED_ACK_SHARE
        and plateau * result.ok >= MIN_DELAYED_RESPONSES
        and is_mostly_idle(cpu)
    ):
        yield f"a fifth or more of the responses took 40 ms: {NAGLE_CAVEAT}"
    if result.ok < MIN_SAMPLES:
        return
    syn_retransmitted = (
        result.latency.fraction_between(*SYN_RETRANSMIT) * result.ok >= MIN_SAMPLES
        and result.latency.quantile(0.5) < SYN_RETRANSMIT[0] / 2
    )
    if syn_retransmitted or result.connects_pending:
        yield "the queue for new connections was full: some clients tried to connect again after a second"
    if result.requests_per_connection < 2 and result.requests > 2 * result.connections:
        yield "the server closed the connection after each response: every request needed a new connection"
    if result.dropped:
        yield "the server closed kept connections without announcing it, and requests had to be sent again"
    # After a fault the closed loop itself leaves the connection unused until its next sweep.
    faults = (result.wrong + result.errors) * SWEEP_INTERVAL_NS / 1e9 / result.seconds
    busy = littles_law(result.rate, result.latency.mean()) + faults
    if result.offered is None and not result.connects_pending and busy < MIN_CONNECTION_USE * result.connections:
        yield (
            "Little's law does not hold: rate x mean latency gives fewer requests in flight than connections, so some "
            "connections stood still; see the errors and timeouts"
        )


def _listed(connections: list[int]) -> str:
    *others, last = (str(each) for each in sorted(set(connections)))
    return f"{', '.join(others)} and {last} connections" if others else f"{last} connection{'' if last == '1' else 's'}"
