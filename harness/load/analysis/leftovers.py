"""Rules for what a server may keep after all of its clients have gone. Pure.

    processor   it spins if no interval of the wait was quiet: each had MIN_SPINNING_CORES more than the baseline
    memory      it keeps memory if it grows by MIN_KEPT_BYTES a client, and as much in the last third as in the first
    service     it is dead if it does not serve all new connections

An idle server needs nearly no processor. Memory is judged by its growth: allocators keep what they got once, so a
server that has more than before its first clients is sound. A leak grows with every client, and by about as much.
Memory that a server keeps for some time, such as 30 s after a broken end of TLS, grows at first and then no more.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Metric

INTERVAL_SECONDS = 0.3
"""Seconds of one look at the processor time. The kernel counts it in ticks of 10 ms."""

MIN_INTERVALS = 3
"""Intervals without a quiet one that show a server that spins."""

MIN_SPINNING_CORES = 0.2
"""Cores, above those of the baseline with users, from which an interval is not quiet. A loop that spins gets a whole
core of a quiet machine, and 0.4 of one where two cores have four other loops. Servers that poll need 0.01."""

MIN_KEPT_BYTES = 16 * 1024
"""Bytes of memory for each client from which growth counts. Fragmentation of a heap makes less."""

MAX_GROWTH_RATIO = 3.0
"""The largest growth of a third of the batches divided by the smallest, for a leak. Heaps that fill up grow less and
less."""

MIN_BATCHES = 4
"""Batches for a judgement. The first one only fills pools and caches."""


@dataclass(frozen=True)
class IdleProcessor:
    """The processor time of a server without clients: cores in each interval of the wait, and those of the baseline."""

    intervals: Sequence[float]
    baseline: float

    @property
    def last(self) -> float:
        """The cores that the server used at last."""
        return self.intervals[-1] if self.intervals else 0.0

    @property
    def quiet(self) -> bool:
        """Whether the last interval was quiet."""
        return self.last < self.baseline + MIN_SPINNING_CORES

    @property
    def spins(self) -> bool:
        """Whether no interval was quiet."""
        return len(self.intervals) >= MIN_INTERVALS and all(
            each >= self.baseline + MIN_SPINNING_CORES for each in self.intervals
        )

    @property
    def metric(self) -> Metric:
        """The cores for the report."""
        return Metric(
            "cpu_after_clients",
            "CPU after all clients had gone",
            100 * self.last if self.intervals else None,
            "% of a core",
            note=f"{self.baseline * 100:.0f} % among the users of the baseline",
        )

    @property
    def flaw(self) -> str:
        """The sentence about a server that spins, '' if it does not."""
        if not self.spins:
            return ""
        return (
            f"The server used {self.last * 100:.0f} % of a core {len(self.intervals) * INTERVAL_SECONDS:.1f} s after "
            f"the last client had gone, and {self.baseline * 100:.0f} % among users before: it spins."
        )


def memory_metric(before: int, after: int) -> Metric:
    """Return the memory of a server without clients, in bytes more than during the baseline."""
    return Metric(
        "memory_after_clients",
        "memory after all clients had gone, above the baseline",
        max(0, after - before),
        "bytes",
        note="allocators keep what they once got",
    )


def kept_bytes(readings: Sequence[int], clients: int) -> float | None:
    """Return the bytes that a server keeps of each client, from its memory after each batch of `clients`.

    0 if the memory did not grow evenly. None with too few readings.
    """
    if len(readings) < MIN_BATCHES:
        return None
    last = len(readings) - 1
    thirds = [readings[round(part * last / 3)] for part in range(4)]
    growths = [after - before for before, after in itertools.pairwise(thirds)]
    smallest, largest = min(growths), max(growths)
    if smallest <= 0 or largest > MAX_GROWTH_RATIO * smallest:
        return 0.0
    return (readings[-1] - readings[0]) / (last * clients)


def keeps_memory(readings: Sequence[int], clients: int) -> bool:
    """Return whether so much memory is kept of each client that it is a finding."""
    return (kept_bytes(readings, clients) or 0.0) >= MIN_KEPT_BYTES
