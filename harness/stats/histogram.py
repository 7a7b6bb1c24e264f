"""A histogram of latencies in nanoseconds. No bucket is wider than 1/128 of its values.

The layout is that of HdrHistogram, in plain integer arithmetic, so that the closed loop can count without a call:

    shift = value.bit_length() - PRECISION_BITS            # 0 for values of at most PRECISION_BITS bits
    index = (shift << PRECISION_BITS - 1) + (value >> shift)

Values below 2**PRECISION_BITS have a bucket each. Above, every power of two is divided into 2**(PRECISION_BITS - 1)
buckets. A bucket stands for its middle, so a value read back differs by at most 1/256 (0.4 %) from the recorded one.
Only counts are kept, so merging adds them up and loses nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

from wsgi_gauntlet.harness.model import Percentile
from wsgi_gauntlet.harness.stats.summary import nearest_rank

PRECISION_BITS = 8
"""Bits of a value that are kept. The error is 0.4 %. With 7 bits it is 0.8 %, too close to the promised 1 %."""

MAX_VALUE_NS = (1 << 42) - 1
"""The largest value with a bucket: 73 minutes. Larger values count there; no timeout is that long."""

_SUB_BUCKET_HALF_BITS = PRECISION_BITS - 1
_COUNTS_LENGTH = ((MAX_VALUE_NS.bit_length() - PRECISION_BITS) << _SUB_BUCKET_HALF_BITS) + (1 << PRECISION_BITS)

_TICKS_PER_HALF_DISTANCE = 5
"""Points of a curve per halving of the distance to 100 %, as in the percentile output of HdrHistogram."""


def counts_index(value: int) -> int:
    """Return the bucket of `value` (nanoseconds). Values below 0 or above MAX_VALUE_NS go to the nearest bucket."""
    value = min(max(value, 0), MAX_VALUE_NS)
    shift = max(0, value.bit_length() - PRECISION_BITS)
    return (shift << _SUB_BUCKET_HALF_BITS) + (value >> shift)


def median_equivalent_value(index: int) -> int:
    """Return the nanoseconds that the bucket `index` stands for."""
    shift = max(0, (index >> _SUB_BUCKET_HALF_BITS) - 1)
    lowest = (index - (shift << _SUB_BUCKET_HALF_BITS)) << shift
    return lowest + (1 << shift >> 1)


class Histogram:
    """Counts of latencies in nanoseconds. `record` does `counts[counts_index(value)] += 1`."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: array[int] = array("Q", bytes(8 * _COUNTS_LENGTH))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.counts == other.counts

    __hash__ = None  # type: ignore[assignment]  # it changes with every record

    def __len__(self) -> int:
        """Return the number of recorded values."""
        return sum(self.counts)

    def record(self, nanoseconds: int, times: int = 1) -> None:
        """Count one value, `times` times."""
        self.counts[counts_index(nanoseconds)] += times

    def merge(self, other: Histogram) -> None:
        """Add the counts of `other`. The result equals one histogram over both sets of values."""
        counts = self.counts
        for index, count in other.nonzero_counts():
            counts[index] += count

    @classmethod
    def merged(cls, histograms: Iterable[Histogram]) -> Histogram:
        """Return a new histogram over the values of all `histograms`."""
        found = cls()
        for each in histograms:
            found.merge(each)
        return found

    def nonzero_counts(self) -> Iterator[tuple[int, int]]:
        """Yield (bucket, count) of every bucket that is not empty, in ascending order."""
        return ((index, count) for index, count in enumerate(self.counts) if count)

    @classmethod
    def from_counts(cls, nonzero_counts: Iterable[tuple[int, int]]) -> Histogram:
        """Return the histogram with these counts. Raises ValueError for an impossible bucket or count."""
        found = cls()
        for index, count in nonzero_counts:
            if not (0 <= index < _COUNTS_LENGTH and 0 < count < 1 << 63):
                raise ValueError(f"a histogram cannot have {count} values in bucket {index}")
            found.counts[index] += count
        return found

    def quantile(self, q: float) -> float:
        """Return the nearest-rank quantile `q` (0 to 1) in seconds, to 0.4 %.

        Raises ValueError if nothing was recorded, or for a `q` outside 0 to 1.
        """
        return next(self._quantiles([q]))

    def mean(self) -> float:
        """Return the mean in seconds, to 0.4 %. Raises ValueError if nothing was recorded."""
        count = len(self)
        if not count:
            raise ValueError("an empty histogram has no mean: record a value first")
        return sum(median_equivalent_value(index) * count for index, count in self.nonzero_counts()) / count / 1e9

    def fraction_between(self, lowest: float, highest: float) -> float:
        """Return the share (0 to 1) of the values from `lowest` to `highest` seconds; 0 if nothing was recorded."""
        first, last = counts_index(round(lowest * 1e9)), counts_index(round(highest * 1e9))
        return sum(self.counts[first : last + 1]) / max(1, len(self))

    def percentiles(self, phase: str) -> tuple[Percentile, ...]:
        """Return the latency curve of `phase`, with more points towards 100 %; empty without values.

        The last percentile is the first whose nearest rank is the largest value. It stays below 100, so that a chart
        over 1 / (1 - p) can show it.
        """
        count = len(self)
        if not count:
            return ()
        shares = [0.0]
        while nearest_rank(count, shares[-1]) < count:
            halvings, tick = divmod(len(shares), _TICKS_PER_HALF_DISTANCE)
            shares.append(1 - 0.5**halvings * (1 - tick / (2 * _TICKS_PER_HALF_DISTANCE)))
        return tuple(
            Percentile(phase, 100 * fraction_between, latency)
            for fraction_between, latency in zip(shares, self._quantiles(shares), strict=True)
        )

    def _quantiles(self, ascending: Iterable[float]) -> Iterator[float]:
        """Yield the quantiles in seconds in one pass over the counts."""
        total = len(self)
        nonzero_counts = self.nonzero_counts()
        cumulative, value = 0, 0.0
        for q in ascending:
            wanted = nearest_rank(total, q)
            while cumulative < wanted:
                index, count = next(nonzero_counts)
                cumulative += count
                value = median_equivalent_value(index) / 1e9
            yield value
