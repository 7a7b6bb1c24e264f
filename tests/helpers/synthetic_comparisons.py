"""Comparisons of known truth, for the error rates of harness/stats, and the naive procedures that err too often.

The machine is a series over time; each slot of the schedule takes the next value. To the logarithm of a figure it adds:

- a linear drift of up to 10 % over the run, in either direction;
- noise with a standard deviation of 1 to 8 %, of which each value is correlated by 0.5 with the one before (AR 1);
- in 5 % of the slots an outlier that makes the figure 30 % larger.

Candidate B differs from A by a factor that is the truth. Times are made. Rates are their inverse; the share of served
users is that of 100 users, of whom 80 are served without noise.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wsgi_gauntlet.harness.stats import student
from wsgi_gauntlet.harness.stats.measurement_order import schedule
from wsgi_gauntlet.harness.stats.paired_ratio import METRICS, Metric, Ratio, Scale

Array = npt.NDArray[np.float64]

A, A_AGAIN, B = 0, 1, 2

USERS = 100
SERVED = 0.8
"""Users of a synthetic slot, and the share of them that is served without noise."""

NOISE_RANGE = (0.01, 0.08)
"""The range of the noise of a metric in an A/A comparison."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """What the machine adds to the logarithm of a figure. `step` rounds the logarithm, like a coarse search does."""

    drift: float = 0.10
    correlation: float = 0.5
    outlier_share: float = 0.05
    outlier: float = 0.30
    step: float = 0.0


TYPICAL = Machine()
QUIET = Machine(outlier_share=0)


def comparison(
    rng: np.random.Generator,
    rounds: int,
    *,
    metrics: Sequence[Metric] = METRICS,
    noise: Sequence[float] | None = None,
    effect: Sequence[float] | None = None,
    machine: Machine = TYPICAL,
) -> dict[str, Ratio]:
    """Return the ratios B / A of one synthetic comparison.

    `noise` is the standard deviation of each metric, by default drawn from 1 to 8 %. `effect` is the factor of B on
    each metric (for a share: the difference), by default none.
    """
    deviations = rng.uniform(*NOISE_RANGE, len(metrics)) if noise is None else np.asarray(noise, dtype=float)
    machine_values = _machine(rng, len(metrics), 3 * rounds, deviations, machine)
    order = schedule(2, rounds, int(rng.integers(1 << 32)))
    kinds = np.array([A_AGAIN if slot.again else B * slot.candidate for round_ in order for slot in round_])
    a, b = machine_values[:, kinds == A], machine_values[:, kinds == B]
    return {
        each.name: _ratio(rng, each, a[place], b[place], None if effect is None else effect[place])
        for place, each in enumerate(metrics)
    }


def _machine(rng: np.random.Generator, metrics: int, slots: int, deviations: Array, machine: Machine) -> Array:
    """Return what the machine adds to the logarithm of the times: a row for each metric, a column for each slot."""
    drift = rng.uniform(-machine.drift, machine.drift, (metrics, 1)) * np.arange(slots) / slots
    noise = deviations[:, None] * (rng.standard_normal((metrics, slots)) @ _autoregression(slots, machine.correlation))
    outliers = math.log1p(machine.outlier) * (rng.random((metrics, slots)) < machine.outlier_share)
    values: Array = drift + noise + outliers
    return np.round(values / machine.step) * machine.step if machine.step else values


@functools.lru_cache(maxsize=32)
def _autoregression(slots: int, correlation: float) -> Array:
    """Return the matrix that turns white noise (a row) into noise of the same deviation with AR(1) correlation."""
    lags = np.abs(np.subtract.outer(np.arange(slots), np.arange(slots)))
    found: Array = np.linalg.cholesky(correlation**lags).T
    return found


def _ratio(rng: np.random.Generator, metric: Metric, a: Array, b: Array, effect: float | None) -> Ratio:
    if metric.scale is Scale.DIFFERENCE:
        shares = [
            rng.binomial(USERS, np.clip(SERVED * np.exp(-values) + change, 0, 1)) / USERS
            for values, change in ((a, 0.0), (b, effect or 0.0))
        ]
        return Ratio.of(metric, [float(each) for each in shares[0]], [float(each) for each in shares[1]])
    direction = -1 if metric.higher_is_better else 1
    return Ratio(metric, tuple(float(each) for each in direction * (b - a) + math.log(effect or 1.0)))


# The naive procedures: each is wrong for a reason that the method avoids.


def rejects_by_t(values: Array, level: float = 0.05) -> npt.NDArray[np.bool_]:
    """Say for each row whether a t test over its values rejects that their mean is 0."""
    count = values.shape[-1]
    error = values.std(axis=-1, ddof=1) / math.sqrt(count)
    found: npt.NDArray[np.bool_] = np.abs(values.mean(axis=-1)) > student.upper_quantile(level / 2, count - 1) * error
    return found


def requests_as_units(rng: np.random.Generator, comparisons: int, rounds: int, noise: float) -> float:
    """Return how often equal candidates differ if the 500 requests of each round are the units of a t test.

    The times of requests vary by 50 % within a round. Two rounds differ by `noise`, which the test does not see.
    """
    requests = 500
    false = 0
    for _ in range(comparisons):
        ratio = comparison(rng, rounds, metrics=METRICS[1:2], noise=[noise])[METRICS[1].name]
        shift = np.array(ratio.rounds, dtype=float)
        # The mean of all requests of all rounds is known by its mean and its deviation: no need to draw each of them.
        within = 0.5 * math.sqrt(2)
        mean = shift.mean() + rng.standard_normal() * within / math.sqrt(rounds * requests)
        deviation = math.sqrt(within**2 + float(shift.var()))
        false += abs(mean) > 1.96 * deviation / math.sqrt(rounds * requests)
    return false / comparisons


def one_after_the_other(rng: np.random.Generator, comparisons: int, rounds: int, noise: float) -> float:
    """Return how often equal candidates differ if all rounds of A come before all rounds of B."""
    values = np.stack([_machine(rng, 1, 2 * rounds, np.array([noise]), TYPICAL)[0] for _ in range(comparisons)])
    return float(rejects_by_t(values[:, rounds:] - values[:, :rounds]).mean())
