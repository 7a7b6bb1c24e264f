"""Latencies in nanoseconds, counted into buckets that are never wider than 1/128 of what they hold.

The layout is HdrHistogram's idea with plain integer arithmetic, so that the fast lane can record in its own loop:

    shift = value.bit_length() - BITS            # 0 for values of at most BITS bits
    index = (shift << BITS - 1) + (value >> shift)

Values below 2**BITS have a bucket each; above, every power of two is cut into 2**(BITS - 1) buckets. A bucket stands
for its middle, so what is read back is at most 1/256 (0.4 %) away from what was recorded. Only counts are kept: merging
is adding them up and loses nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

from .model import Percentile
from .stats import rank

BITS = 8
"""Bits of a value that are kept: 0.4 % error, where 7 would be 0.8 % and too close to the 1 % promised."""

HIGHEST = (1 << 42) - 1
"""The largest value with a bucket: 73 minutes. Larger ones are counted there; no time-out is that long."""

_HALF = BITS - 1
_SIZE = ((HIGHEST.bit_length() - BITS) << _HALF) + (1 << BITS)

_TICKS = 5
"""Points of a curve per halving of the distance to 100 %, as HdrHistogram's own percentile output has it."""


def index_of(value: int) -> int:
    """Return the bucket of `value` (nanoseconds); what is below 0 or above HIGHEST goes to the nearest end."""
    value = min(max(value, 0), HIGHEST)
    shift = max(0, value.bit_length() - BITS)
    return (shift << _HALF) + (value >> shift)


def middle_of(index: int) -> int:
    """Return the nanoseconds that the bucket `index` stands for."""
    shift = max(0, (index >> _HALF) - 1)
    lowest = (index - (shift << _HALF)) << shift
    return lowest + (1 << shift >> 1)


class Histogram:
    """Counts of latencies in nanoseconds. `counts[index_of(value)] += 1` is what `record` does."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: array[int] = array("Q", bytes(8 * _SIZE))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.counts == other.counts

    __hash__ = None  # type: ignore[assignment]  # it changes with every record

    def __len__(self) -> int:
        """Return how many values were recorded."""
        return sum(self.counts)

    def record(self, nanoseconds: int, times: int = 1) -> None:
        """Count one value, `times` times."""
        self.counts[index_of(nanoseconds)] += times

    def merge(self, other: Histogram) -> None:
        """Add what `other` counted; the result equals one histogram over both sets of values."""
        counts = self.counts
        for index, count in other.filled():
            counts[index] += count

    @classmethod
    def merged(cls, histograms: Iterable[Histogram]) -> Histogram:
        """Return a new histogram over all that `histograms` counted."""
        whole = cls()
        for each in histograms:
            whole.merge(each)
        return whole

    def filled(self) -> Iterator[tuple[int, int]]:
        """Yield (bucket, count) of every bucket that is not empty, ascending: all that there is to know of it."""
        return ((index, count) for index, count in enumerate(self.counts) if count)

    @classmethod
    def of(cls, filled: Iterable[tuple[int, int]]) -> Histogram:
        """Return the histogram that `filled` told of. Raises ValueError for a bucket or count that cannot be."""
        found = cls()
        for index, count in filled:
            if not (0 <= index < _SIZE and 0 < count < 1 << 63):
                raise ValueError(f"no histogram has {count} values in its bucket {index}")
            found.counts[index] += count
        return found

    def quantile(self, q: float) -> float:
        """Return the nearest-rank quantile `q` (0 to 1) in seconds, to 0.4 %.

        Raises ValueError where nothing was recorded, or for a `q` outside 0 to 1.
        """
        return next(self._quantiles([q]))

    def mean(self) -> float:
        """Return the mean in seconds, to 0.4 %. Raises ValueError where nothing was recorded."""
        count = len(self)
        if not count:
            raise ValueError("the mean of an empty histogram: record something first")
        return sum(middle_of(index) * count for index, count in self.filled()) / count / 1e9

    def share(self, lowest: float, highest: float) -> float:
        """Return the share (0 to 1) of the values from `lowest` to `highest` seconds; 0 where nothing was recorded."""
        first, last = index_of(round(lowest * 1e9)), index_of(round(highest * 1e9))
        return sum(self.counts[first : last + 1]) / max(1, len(self))

    def percentiles(self, phase: str) -> tuple[Percentile, ...]:
        """Return the curve of `phase`, closer together towards 100 % and ending at the maximum; empty for no values.

        The last percentile is the first whose nearest rank is the largest value: it stays below 100, so that a chart
        over 1 / (1 - p) has a place for it.
        """
        count = len(self)
        if not count:
            return ()
        shares = [0.0]
        while rank(count, shares[-1]) < count:
            halvings, tick = divmod(len(shares), _TICKS)
            shares.append(1 - 0.5**halvings * (1 - tick / (2 * _TICKS)))
        return tuple(
            Percentile(phase, 100 * share, latency)
            for share, latency in zip(shares, self._quantiles(shares), strict=True)
        )

    def hdr(self) -> str:
        """Return it as HdrHistogram's V2 encoding (compressed, base64), nanoseconds with three significant digits."""
        # Imported here: only an export needs it, and every run's start would pay for it.
        from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # the package has no annotations

        other = HdrHistogram(1, HIGHEST, 3)
        for index, count in self.filled():
            other.record_value(max(1, middle_of(index)), count)
        encoded: bytes = other.encode()
        return encoded.decode("ascii")

    def _quantiles(self, ascending: Iterable[float]) -> Iterator[float]:
        """Yield the quantiles in seconds in one pass over the counts."""
        total = len(self)
        filled = self.filled()
        seen, value = 0, 0.0
        for q in ascending:
            wanted = rank(total, q)
            while seen < wanted:
                index, count = next(filled)
                seen += count
                value = middle_of(index) / 1e9
            yield value
