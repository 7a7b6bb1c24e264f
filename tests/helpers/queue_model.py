"""A model of a server with a fixed number of threads and a fixed service time, and the windows of a generator."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorWindow
from wsgi_gauntlet.harness.stats.histogram import Histogram


def latencies(due: Iterable[float], *, threads: int, takes: float) -> list[tuple[float, float]]:
    """Return (due, latency) of requests that are answered in turn."""
    free = [0.0] * threads
    found = []
    for at in due:
        begin = max(at, heapq.heappop(free))
        heapq.heappush(free, begin + takes)
        found.append((at, begin + takes - at))
    return found


def windows(
    answers: Iterable[tuple[float, float]], *, seconds: float, width: float, timeout: float = 5.0, lost: int = 0
) -> tuple[GeneratorWindow, ...]:
    """Return the windows of a generator with these (due, latency) pairs; every `lost`-th request failed."""
    made = [GeneratorWindow(n * width, width, 0, Histogram(), Histogram()) for n in range(round(seconds / width))]
    scheduled = [0] * len(made)
    for number, (at, latency) in enumerate(answers, 1):
        index = min(int(at / width + 1e-9), len(made) - 1)
        scheduled[index] += 1
        if lost and number % lost == 0:
            continue
        if latency > timeout:
            made[index].waiting.record(round(timeout * 1e9))
        else:
            made[index].latency.record(round(latency * 1e9))
    return tuple(
        GeneratorWindow(each.at, each.seconds, count, each.latency, each.waiting)
        for each, count in zip(made, scheduled, strict=True)
    )


def uniform(rate: float, seconds: float, since: float = 0.0) -> list[float]:
    """Return when requests are due that come evenly."""
    return [since + (n + 1) / rate for n in range(int(rate * seconds))]
