"""The tests of a comparison: no difference, equivalence, and Holm's correction for several tests. Pure.

Both tests are t tests over blocks. The t test is right here without a normal distribution: the random order of
`measurement_order` makes the sign of each block's difference random if the candidates are equal, whatever drift,
outliers or correlation the machine adds. Under this symmetry the t test errs less often than its level (Efron,
"Student's t-test under symmetry conditions", 1969).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

from wsgi_gauntlet.harness.stats import student
from wsgi_gauntlet.harness.stats.block_mean import block_mean
from wsgi_gauntlet.harness.stats.paired_ratio import Ratio

MARGIN = 0.05
"""A smaller difference does not matter: 5 %, or 5 points of a share."""

ALPHA = 0.05

Key = TypeVar("Key", bound=Hashable)


def p_value(ratio: Ratio) -> float:
    """Return the chance of so large a difference if the candidates are equal: two-sided; 1 for one block."""
    mean = block_mean(ratio)
    return 1.0 if mean is None else min(1.0, 2 * student.upper_tail(abs(mean.mean) / mean.error, mean.freedom))


def equivalence_p_value(ratio: Ratio, margin: float = MARGIN) -> float:
    """Return the chance of so small a difference if the true one is `margin`: the larger p of two one-sided tests."""
    mean = block_mean(ratio)
    if mean is None:
        return 1.0
    distance = ratio.metric.margin(margin) - abs(mean.mean)
    return student.upper_tail(distance / mean.error, mean.freedom)


def equivalence(ratio: Ratio, margin: float = MARGIN, alpha: float = ALPHA) -> bool:
    """Say whether the true difference is below `margin`, by two one-sided tests.

    Each test has the level alpha / 2, so its interval is the drawn one: 95 % and not 90 %. A reader then sees that the
    interval lies inside the margin. If the true difference is the margin, the claim is false with alpha / 2.
    """
    return equivalence_p_value(ratio, margin) <= alpha / 2


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Return p values that may be compared with alpha although there are several tests (Holm 1979)."""
    found: dict[Key, float] = {}
    largest = 0.0
    for place, key in enumerate(sorted(p_values, key=lambda each: p_values[each])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[key]))
        found[key] = largest
    return {key: found[key] for key in p_values}
