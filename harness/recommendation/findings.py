"""What the figures of all candidates together show about the app: its limit, and what helps. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.units import format_bytes, format_rate, format_seconds, format_share
from wsgi_gauntlet.harness.model.recommendation import (
    CandidateFigures,
    Cell,
    FigureId,
    MeasuredFigure,
    Reason,
    RecommendationCandidate,
    SearchConditions,
)
from wsgi_gauntlet.harness.recommendation.capacity import most_connections

SAME = 1.2
"""The factor within which two capacities count as the same."""

MAX_EXCEPTIONS = 1 / 4
"""The share of the candidates that may differ: a short trial is sometimes disturbed, and a server may have a fault."""

MAX_PAIR_EXCEPTIONS = 1 / 3
"""The share of the pairs that may differ, because trials of the smaller server were disturbed."""

CPU_LIMIT_SHARE = 0.75
"""The share of the cores that a server uses if CPU time is its limit. The generator needs some, too."""

IDLE_SHARE = 0.5
"""The share of one core below which CPU time is not the limit."""

LEAK_BYTES = 16_000
"""Bytes that a request leaves behind, from which it is a leak."""

SAME_LEAK = 2.0
"""The factor within which a leak is the same on all servers. Threads and connections need memory, too, but not as much
for each request everywhere."""

MIN_LEAKS = 2
"""Candidates that must show a leak."""

SERVED_DIFFERENCE = 0.1
"""The difference in the share of users served that a proxy must make."""

MANY_AT_ONCE = 4
"""Requests at the same time that are many, compared with one."""

MIN_CASES = 3
"""Candidates that must agree before they say something about the app."""


@dataclass(frozen=True)
class _Measured:
    candidate: RecommendationCandidate
    figures: CandidateFigures

    @property
    def capacity(self) -> float:
        return _value(self.figures.capacity) or 0.0

    @property
    def cpu_cores(self) -> float | None:
        """Cores that the server uses at its capacity."""
        cpu = _value(self.figures.cpu)
        return None if cpu is None else cpu * self.capacity

    @property
    def at_once(self) -> int | None:
        """Requests that it serves at the same time, None if nobody knows."""
        workers, threads = self.candidate.workers, self.candidate.threads
        return None if workers is None or threads is None else workers * threads

    def is_full(self, connections: int) -> bool:
        """Say whether `connections` keep it busy. Those of several processes are never spread evenly over them."""
        at_once = self.at_once or 0
        return at_once * (1 if self.candidate.workers == 1 else 2) <= connections

    def cell(self, which: FigureId = FigureId.CAPACITY) -> Cell:
        return Cell(self.candidate.name, which)


def findings(
    candidates: Iterable[RecommendationCandidate],
    figures: Callable[[str], CandidateFigures],
    *,
    asked: SearchConditions,
    mixing: Iterable[RecommendationCandidate] = (),
) -> tuple[Reason, ...]:
    """Return sentences about the app. `asked` is what the user wants.

    `figures` must all come from trials of the same kind. `mixing` are the candidates that gave wrong responses under
    load; they are none of `candidates`.
    """
    connections = most_connections(asked.users, asked.peak, asked.p99_limit)
    measured = [_Measured(each, figures(each.name)) for each in candidates]
    # A lower bound is no capacity: the generator was the limit.
    known = [each for each in measured if each.capacity > 0]
    exact = [each for each in known if each.figures.capacity is not None and not each.figures.capacity.bound]
    found: list[Reason | None] = []
    same_with_all = _one_at_a_time(exact)
    cpu_is_limit = None if same_with_all else _cpu_is_limit(known, asked.cores)
    waits = None if same_with_all or cpu_is_limit else _waits(exact, connections)
    found += [_slow_request(measured, asked.p99_limit), same_with_all, cpu_is_limit, waits]
    if not same_with_all and not waits:
        found += [_gains_nothing(exact, "threads"), _gains_nothing(exact, "workers", asked.cores)]
    correct = [each.candidate for each in measured if each.figures.is_measured]
    leak = _leak(measured, asked.memory_limit, asked.peak)
    found += [_not_thread_safe(correct, tuple(mixing)), _front_helps(known), leak]
    return tuple(each for each in found if each is not None)


def threads_mix_up(correct: Sequence[RecommendationCandidate], mixing: Sequence[RecommendationCandidate]) -> bool:
    """Say whether the app is not thread-safe: most candidates with threads were wrong, and none with one thread.

    If only a few of those with threads were wrong, their server may have the fault.
    """
    single = [each for each in correct if each.threads == 1]
    several = [each for each in correct if (each.threads or 1) > 1]
    return bool(single) and len(mixing) > len(several) and all(each.threads != 1 for each in mixing)


def _not_thread_safe(
    correct: Sequence[RecommendationCandidate], mixing: Sequence[RecommendationCandidate]
) -> Reason | None:
    if not threads_mix_up(correct, mixing):
        return None
    single = [each for each in correct if each.threads == 1]
    return Reason(
        f"The app is not thread-safe: {mixing[0].name} serves several requests at a time in one process, and gave "
        f"wrong responses; {single[0].name} serves one at a time in each process, and gave none. Use processes, "
        "no threads.",
    )


def _one_at_a_time(known: Sequence[_Measured]) -> Reason | None:
    """Nothing helps: one request at a time and many at a time give the same."""
    single = [each for each in known if each.at_once == 1]
    many = [each for each in known if each.at_once is not None and each.at_once >= MANY_AT_ONCE]
    cases = [*single, *many]
    if not single or len(many) < MIN_CASES - 1 or not _agree([each.capacity for each in cases]):
        return None
    # The groups must agree, too: a few singles among many others would count as exceptions.
    if not _same([statistics.median(each.capacity for each in group) for group in (single, many)]):
        return None
    used = [each.cpu_cores for each in cases if each.cpu_cores is not None]
    if not used or sum(each > IDLE_SHARE for each in used) > MAX_EXCEPTIONS * len(used):
        return None
    rate = statistics.median(each.capacity for each in cases)
    most = max(each.at_once or 1 for each in many)
    return Reason(
        f"The app serves one request at a time, whatever the server does: about {format_rate(rate)} with one request "
        f"at a time and with {most}, and the CPU is mostly idle. It holds a lock, or waits for something that does. "
        "No server helps; the app must change.",
        tuple(each.cell() for each in cases),
    )


def _slow_request(measured: Sequence[_Measured], p99_limit: float) -> Reason | None:
    """Say that one request alone takes longer than p99 may, on each server."""
    known = [(each, found) for each in measured if _value(found := each.figures.slowest_request) is not None]
    fastest = min(known, key=lambda each: _value(each[1]) or 0.0, default=None)
    if fastest is None or fastest[1] is None or (seconds := fastest[1].value or 0.0) <= p99_limit:
        return None
    return Reason(
        f"The request “{fastest[1].why}” takes {format_seconds(seconds)} or more on each server, even if there is no "
        f"other. It is more than one of 100 requests, so no server can answer 99 of 100 within "
        f"{format_seconds(p99_limit)}. Make it faster, or allow more with --p99.",
        tuple(each.cell(FigureId.SLOWEST_REQUEST) for each, _ in known),
    )


def _cpu_is_limit(known: Sequence[_Measured], cores: int) -> Reason | None:
    fastest = max(known, key=lambda each: each.capacity, default=None)
    if fastest is None or fastest.cpu_cores is None:
        return None
    # More than all cores: the loops had other mixtures of requests, so the mean is not that of the fastest loop.
    if not CPU_LIMIT_SHARE * cores <= fastest.cpu_cores <= SAME * cores:
        return None
    cpu = _value(fastest.figures.cpu) or 0.0
    return Reason(
        f"CPU time is the limit: a request needs {format_seconds(cpu)} of it, so {cores} "
        f"core{'s' if cores > 1 else ''} give about {format_rate(cores / cpu)}, and "
        f"{fastest.candidate.name} gives {format_rate(fastest.capacity)}.",
        (fastest.cell(), fastest.cell(FigureId.CPU)),
    )


def waiting_seconds(
    candidates: Iterable[RecommendationCandidate], figures: Callable[[str], CandidateFigures], connections: int
) -> float | None:
    """Return how long a request of an app takes that waits, None if the figures do not agree or CPU time is the limit.

    `figures` are as for `findings`. The closed loops had at most `connections`.
    """
    measured = [_Measured(each, figures(each.name)) for each in candidates]
    seconds = [each for _, each, _ in _times([each for each in measured if each.capacity > 0], connections)]
    return statistics.median(seconds) if seconds and _agree(seconds) else None


def _times(known: Sequence[_Measured], connections: int) -> list[tuple[int, float, _Measured]]:
    """Return requests at the same time, and seconds of a request, of each candidate that is full and waits.

    Little's law: requests at the same time / requests per second = seconds of a request.
    """
    return [
        (each.at_once, each.at_once / each.capacity, each)
        for each in known
        if each.at_once and each.is_full(connections) and each.cpu_cores is not None and each.cpu_cores < IDLE_SHARE
    ]


def _waits(known: Sequence[_Measured], connections: int) -> Reason | None:
    times = _times(known, connections)
    numbers = [number for number, _, _ in times]
    if not times or max(numbers) < MANY_AT_ONCE * min(numbers) or not _agree([seconds for _, seconds, _ in times]):
        return None
    wait = statistics.median(seconds for _, seconds, _ in times)
    cases = [each for _, _, each in sorted(times, key=lambda case: case[0])]
    # The example must follow the formula that it stands for.
    exact = [(number, each) for number, seconds, each in times if _same([wait, seconds])]
    _, most = max(exact, key=lambda case: case[0])
    return Reason(
        f"The app waits: a request takes about {format_seconds(wait)}, and the CPU is mostly idle. So N threads serve "
        f"about N / {format_seconds(wait)}: {most.at_once} serve {format_rate(most.capacity)}.",
        tuple(each.cell() for each in cases),
    )


def _gains_nothing(known: Sequence[_Measured], what: str, least: int = 1) -> Reason | None:
    """More threads, or more workers than `least`, gain nothing, in pairs that differ in nothing else.

    Each candidate is compared with the best one that has fewer: a disturbed trial makes a figure lower, never higher.
    """
    pairs: list[tuple[_Measured, _Measured]] = []
    for many in known:
        fewer = [each for each in known if least <= _number(each, what) < _number(many, what)]
        if alike := [each for each in fewer if _alike(each, many, what)]:
            pairs.append((max(alike, key=lambda each: each.capacity), many))
    typical = [(few, many) for few, many in pairs if many.capacity <= SAME * few.capacity]
    if not typical or len(pairs) - len(typical) > MAX_PAIR_EXCEPTIONS * len(pairs):
        return None
    few, many = max(typical, key=lambda pair: _number(pair[1], what) / _number(pair[0], what))
    than = " than cores" if what == "workers" and least > 1 else ""
    return Reason(
        f"More {what}{than} gain nothing: {few.candidate.name} serves {format_rate(few.capacity)}, and "
        f"{many.candidate.name} {format_rate(many.capacity)}.",
        (few.cell(), many.cell()),
    )


def _front_helps(known: Sequence[_Measured]) -> Reason | None:
    best: tuple[float, _Measured, _Measured] | None = None
    for bare in known:
        for behind in known:
            same = (bare.candidate.workers, bare.candidate.threads) == (
                behind.candidate.workers,
                behind.candidate.threads,
            )
            if bare.candidate.front or not behind.candidate.front or not same or not _same_server(bare, behind):
                continue
            alone, served = _value(bare.figures.goodput_among_slow), _value(behind.figures.goodput_among_slow)
            if alone is None or served is None or served - alone < SERVED_DIFFERENCE:
                continue
            if best is None or served - alone > best[0]:
                best = served - alone, bare, behind
    if best is None:
        return None
    _, bare, behind = best
    return Reason(
        f"A proxy keeps slow clients away from the app: beside them {bare.candidate.name} answers "
        f"{format_share(_value(bare.figures.goodput_among_slow) or 0.0)} of the users' requests in time, and "
        f"{behind.candidate.name} {format_share(_value(behind.figures.goodput_among_slow) or 0.0)}.",
        (bare.cell(FigureId.GOODPUT_AMONG_SLOW), behind.cell(FigureId.GOODPUT_AMONG_SLOW)),
    )


def _leak(measured: Sequence[_Measured], memory_limit: int, peak: float) -> Reason | None:
    leaking = [each for each in measured if (_value(each.figures.memory_growth) or 0.0) >= LEAK_BYTES]
    with_growth = [each for each in measured if _value(each.figures.memory_growth) is not None]
    if len(leaking) < MIN_LEAKS or 2 * len(leaking) < len(with_growth):
        return None
    left_behind = [_value(each.figures.memory_growth) or 0.0 for each in leaking]
    if not _agree(left_behind, SAME_LEAK):
        return None
    growth = statistics.median(left_behind)
    when = ""
    if memory_limit and peak > 0:
        minutes = memory_limit / growth / peak / 60
        when = f" At the peak, {format_bytes(memory_limit)} are full after about {_minutes(minutes)}."
    return Reason(
        f"The app leaks memory: each request leaves about {format_bytes(growth)} behind.{when} A server that replaces "
        "its workers after a number of requests hides that; the app must change.",
        tuple(each.cell(FigureId.MEMORY_GROWTH) for each in leaking),
    )


def _minutes(count: float) -> str:
    if count < 1:
        return f"{count * 60:.0f} s"
    return f"{count:.0f} min" if count < 120 else f"{count / 60:.0f} h"


def _alike(one: _Measured, other: _Measured, what: str) -> bool:
    same = one.candidate.workers == other.candidate.workers
    if what == "workers":
        same = one.candidate.threads == other.candidate.threads
    return same and one.candidate.front == other.candidate.front and _same_server(one, other)


def _same_server(one: _Measured, other: _Measured) -> bool:
    return (one.candidate.server, one.candidate.variant) == (other.candidate.server, other.candidate.variant)


def _number(each: _Measured, what: str) -> int:
    return (each.candidate.workers if what == "workers" else each.candidate.threads) or 0


def _same(values: Sequence[float], factor: float = SAME) -> bool:
    return max(values) <= factor * min(values)


def _agree(values: Sequence[float], factor: float = SAME) -> bool:
    """Say whether the values are the same within `factor`, but for a few exceptions."""
    middle = statistics.median(values)
    exceptions = sum(not _same([middle, each], factor) for each in values)
    return exceptions <= MAX_EXCEPTIONS * len(values)


def _value(figure: MeasuredFigure | None) -> float | None:
    return None if figure is None else figure.value
