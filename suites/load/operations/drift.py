"""Whether a figure drifts over a long run, and how sure that is. Values in, values out.

The slope is the median of the slopes between all pairs of points (Theil 1950, Sen 1968): a few wild points do not move
it. Its interval comes from Kendall's statistic in the same way. A drift is shown only where that interval excludes 0,
what it comes to over the run is more than a reader would shrug at, and it goes on in the second half: caches fill and
pools grow to their size, and that is no leak.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.grading import format_bytes, format_seconds
from wsgi_gauntlet.harness.model import Metric

CONFIDENCE = 0.95

MIN_POINTS = 8
"""Points below which nothing is said of a drift: with fewer the interval of a slope is all of the slopes there are."""

MIN_CHANGE_SHARE = 0.05
"""The share of its median that a figure must come to move over the run."""

SECOND_HALF_SHARE = 0.5
"""The share of the slope that the second half of the run must have."""


@dataclass(frozen=True)
class Drift:
    """How much a figure moves over the run, by its slope: `low` to `high` is the interval. `shown` says that it drifts.

    `why` is what speaks against it where it is not shown although the interval excludes 0.
    """

    change: float
    low: float
    high: float
    significant: bool
    why: str = ""


def find_drift(at: Sequence[float], values: Sequence[float], min_change: float) -> Drift | None:
    """Return the drift of `values` seen `at` these times, in seconds; None for fewer points than MIN_POINTS.

    A change over the run of less than `least`, in the values' unit, is none to speak of. Raises ValueError where
    times and values are not as many, or all times are the same.
    """
    points = sorted(zip(at, values, strict=True))
    if len(points) < MIN_POINTS:
        return None
    span = points[-1][0] - points[0][0]
    if span <= 0:
        raise ValueError("a drift in no time: give points at different times")
    slope, low, high = theil_sen_slope(points)
    change = Drift(slope * span, low * span, high * span, significant=False)
    if low <= 0 <= high:
        return change
    if abs(change.change) <= max(min_change, MIN_CHANGE_SHARE * abs(statistics.median(values))):
        return _not_significant(change, "too little to speak of")
    later, _, _ = theil_sen_slope(points[len(points) // 2 :])
    if later / slope < SECOND_HALF_SHARE:
        return _not_significant(change, "it moved at first and then stayed")
    return Drift(change.change, change.low, change.high, significant=True)


def theil_sen_slope(points: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the median of the slopes between all pairs of (time, value), and the ends of its interval.

    Raises ValueError where no two times differ.
    """
    slopes = sorted(
        (late[1] - early[1]) / (late[0] - early[0])
        for index, early in enumerate(points)
        for late in points[index + 1 :]
        if late[0] != early[0]
    )
    if not slopes:
        raise ValueError("a slope in no time: give points at different times")
    # The variance of Kendall's S, less what values that are the same take from it.
    count = len(points)
    ties = sum(each * (each - 1) * (2 * each + 5) for each in Counter(value for _, value in points).values())
    spread = math.sqrt(max(0.0, (count * (count - 1) * (2 * count + 5) - ties) / 18))
    reach = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * spread
    first = math.floor((len(slopes) - reach) / 2) - 1
    last = math.ceil((len(slopes) + reach) / 2)
    return statistics.median(slopes), slopes[max(0, first)], slopes[min(len(slopes) - 1, last)]


def drift_measure(name: str, unit: str, found: Drift | None) -> Metric:
    """Return the row for one figure: what it moved by over the run, and whether that is a drift."""
    row = f"{name}, drift over the run"
    if found is None:
        return Metric.labelled(row, None, unit, note="too few stretches of time to tell")
    format_value = {"s": format_seconds, "bytes": format_bytes}.get(unit, "{:.1f}".format)
    between = f"95 % sure: {format_value(found.low)} to {format_value(found.high)}"
    conclusion = "it drifts" if found.significant else "no difference shown"
    return Metric.labelled(row, found.change, unit, note="; ".join(filter(None, (conclusion, found.why, between))))


def _not_significant(found: Drift, why: str) -> Drift:
    return Drift(found.change, found.low, found.high, significant=False, why=why)
