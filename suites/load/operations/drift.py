"""Decide whether a figure drifts over a long run. Pure.

The slope is the median of the slopes between all pairs of points (Theil 1950, Sen 1968): outliers do not change it. Its
interval comes from Kendall's statistic. A drift is significant if the interval excludes 0, the change over the run is
not tiny, and it continues in the second half. Caches that fill and pools that grow to their size are no leak.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.units import format_bytes, format_seconds
from wsgi_gauntlet.harness.model import Metric

CONFIDENCE = 0.95

MIN_POINTS = 8
"""Points that a drift needs: with fewer the interval contains all slopes."""

MIN_CHANGE_SHARE = 0.05
"""The smallest change over the run, as a share of the median."""

SECOND_HALF_SHARE = 0.5
"""The smallest slope of the second half, as a share of the slope of the run."""


@dataclass(frozen=True)
class Drift:
    """The change of a figure over the run, with its interval from `low` to `high`.

    `why` says why it is not significant although the interval excludes 0.
    """

    change: float
    low: float
    high: float
    significant: bool
    why: str = ""


def find_drift(at: Sequence[float], values: Sequence[float], min_change: float) -> Drift | None:
    """Return the drift of `values` at the times `at`, in seconds; None with fewer points than MIN_POINTS.

    A change below `min_change`, in the unit of the values, is not significant. Raises ValueError for different numbers
    of times and values, and if all times are equal.
    """
    points = sorted(zip(at, values, strict=True))
    if len(points) < MIN_POINTS:
        return None
    span = points[-1][0] - points[0][0]
    if span <= 0:
        raise ValueError("a drift needs points at different times")
    slope, low, high = theil_sen_slope(points)
    change = Drift(slope * span, low * span, high * span, significant=False)
    if low <= 0 <= high:
        return change
    if abs(change.change) <= max(min_change, MIN_CHANGE_SHARE * abs(statistics.median(values))):
        return _not_significant(change, "the change is small")
    later, _, _ = theil_sen_slope(points[len(points) // 2 :])
    if later / slope < SECOND_HALF_SHARE:
        return _not_significant(change, "it changed only in the first half")
    return Drift(change.change, change.low, change.high, significant=True)


def theil_sen_slope(points: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the median of the slopes between all pairs of (time, value), and the ends of its interval.

    Raises ValueError if all times are equal.
    """
    slopes = sorted(
        (late[1] - early[1]) / (late[0] - early[0])
        for index, early in enumerate(points)
        for late in points[index + 1 :]
        if late[0] != early[0]
    )
    if not slopes:
        raise ValueError("a slope needs points at different times")
    # The variance of Kendall's S, corrected for equal values.
    count = len(points)
    ties = sum(each * (each - 1) * (2 * each + 5) for each in Counter(value for _, value in points).values())
    spread = math.sqrt(max(0.0, (count * (count - 1) * (2 * count + 5) - ties) / 18))
    reach = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * spread
    first = math.floor((len(slopes) - reach) / 2) - 1
    last = math.ceil((len(slopes) + reach) / 2)
    return statistics.median(slopes), slopes[max(0, first)], slopes[min(len(slopes) - 1, last)]


def drift_measure(name: str, unit: str, found: Drift | None) -> Metric:
    """Return the metric of one figure: its change over the run, and whether that is a drift."""
    row = f"{name}, drift over the run"
    if found is None:
        return Metric.labelled(row, None, unit, note="too few windows")
    format_value = {"s": format_seconds, "bytes": format_bytes}.get(unit, "{:.1f}".format)
    between = f"95 % interval: {format_value(found.low)} to {format_value(found.high)}"
    conclusion = "it drifts" if found.significant else "no significant change"
    return Metric.labelled(row, found.change, unit, note="; ".join(filter(None, (conclusion, found.why, between))))


def _not_significant(found: Drift, why: str) -> Drift:
    return Drift(found.change, found.low, found.high, significant=False, why=why)
