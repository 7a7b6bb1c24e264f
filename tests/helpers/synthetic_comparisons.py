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
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from wsgi_gauntlet.harness.stats import student
from wsgi_gauntlet.harness.stats.measurement_order import schedule
from wsgi_gauntlet.harness.stats.paired_ratio import METRICS, P99, Metric, Ratio, Scale

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
    return np.asarray(np.linalg.cholesky(correlation**lags).T, dtype=np.float64)


def _ratio(rng: np.random.Generator, metric: Metric, a: Array, b: Array, effect: float | None) -> Ratio:
    if metric.scale is Scale.DIFFERENCE:
        shares = [
            rng.binomial(USERS, np.clip(SERVED * np.exp(-values) + change, 0, 1)) / USERS
            for values, change in ((a, 0.0), (b, effect or 0.0))
        ]
        return Ratio.of(metric, [float(each) for each in shares[0]], [float(each) for each in shares[1]])
    direction = -1 if metric.higher_is_better else 1
    return Ratio(metric, tuple(float(each) for each in direction * (b - a) + math.log(effect or 1.0)))


# The naive procedures follow. Each is wrong for a reason that the method avoids. All return the share of equal
# candidates that they call different.


def rejects_by_t(values: Array, level: float = 0.05) -> npt.NDArray[np.bool_]:
    """Say for each row whether a t test over its values rejects that their mean is 0."""
    count = values.shape[-1]
    error = values.std(axis=-1, ddof=1) / math.sqrt(count)
    found: npt.NDArray[np.bool_] = np.abs(values.mean(axis=-1)) > student.upper_quantile(level / 2, count - 1) * error
    return found


def _equal_pairs(rng: np.random.Generator, comparisons: int, rounds: int, noise: float, metrics: int = 1) -> Array:
    """Return the log ratios of equal candidates, by comparison, metric and round."""
    kinds = [dataclasses.replace(P99, name=str(each)) for each in range(metrics)]
    found = [comparison(rng, rounds, metrics=kinds, noise=[noise] * metrics) for _ in range(comparisons)]
    return np.array([[ratio.rounds for ratio in each.values()] for each in found], dtype=float)


def equal_blocks(rng: np.random.Generator, comparisons: int, rounds: int, noise: float) -> Array:
    """Return the blocks of equal candidates, by comparison and block."""
    found: Array = _equal_pairs(rng, comparisons, rounds, noise)[:, 0].reshape(comparisons, -1, 2).mean(axis=2)
    return found


def requests_as_units(rng: np.random.Generator, comparisons: int, rounds: int, noise: float) -> float:
    """Test over the 500 requests of each round, whose times vary by 50 %. All rounds are pooled."""
    shift = _equal_pairs(rng, comparisons, rounds, noise)[:, 0]
    requests = rng.standard_normal((comparisons, rounds, 500)) * 0.5 * math.sqrt(2) + shift[:, :, None]
    return float(rejects_by_t(requests.reshape(comparisons, -1)).mean())


def peeking(rng: np.random.Generator, comparisons: int, rounds: int, noise: float) -> float:
    """Test after each block from the third one, each time at 5 %, and stop at the first difference."""
    blocks = equal_blocks(rng, comparisons, rounds, noise)
    looks = [rejects_by_t(blocks[:, :end]) for end in range(3, rounds // 2 + 1)]
    return float(np.any(looks, axis=0).mean())


def no_correction_for_metrics(rng: np.random.Generator, comparisons: int, rounds: int, noise: float) -> float:
    """Test six metrics, each at 5 %."""
    blocks = _equal_pairs(rng, comparisons, rounds, noise, 6).reshape(comparisons, 6, -1, 2).mean(axis=3)
    return float(rejects_by_t(blocks).any(axis=1).mean())


def one_after_the_other(rng: np.random.Generator, comparisons: int, rounds: int, noise: float) -> float:
    """Measure all rounds of A before all rounds of B."""
    values = np.stack([_machine(rng, 1, 2 * rounds, np.array([noise]), TYPICAL)[0] for _ in range(comparisons)])
    return float(rejects_by_t(values[:, rounds:] - values[:, :rounds]).mean())


def percentile_bootstrap(rng: np.random.Generator, comparisons: int, rounds: int, noise: float) -> float:
    """Take the percentile interval of the mean of the blocks, without a correction for few blocks."""
    low, high = intervals(rng, equal_blocks(rng, comparisons, rounds, noise))["percentile bootstrap"]
    return float(((low > 0) | (high < 0)).mean())


NAIVE: dict[str, Callable[[np.random.Generator, int, int, float], float]] = {
    "requests as units": requests_as_units,
    "peeking after each block": peeking,
    "six metrics without Holm": no_correction_for_metrics,
    "all of A, then all of B": one_after_the_other,
    "percentile bootstrap": percentile_bootstrap,
}


def intervals(rng: np.random.Generator, blocks: Array) -> dict[str, tuple[Array, Array]]:
    """Return the bounds of 95 % intervals of the mean of each row of `blocks`, by kind: those that were considered."""
    count = blocks.shape[1]
    mean, error = blocks.mean(axis=1), blocks.std(axis=1, ddof=1) / math.sqrt(count)
    rest = blocks - mean[:, None]
    shares = rng.multinomial(count, [1 / count] * count, size=1000).T / count
    means = rest @ shares
    errors = np.sqrt(np.maximum(rest**2 @ shares - means**2, 1e-12) / (count - 1))
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    low_t, high_t = np.quantile(means / errors, [0.025, 0.975], axis=1)
    t = student.upper_quantile(0.025, count - 1)
    stretch = math.sqrt(count / (count - 1)) * t / student.NORMAL.inv_cdf(0.975)
    return {
        "percentile bootstrap": (mean + low, mean + high),
        "studentised bootstrap": (mean - high_t * error, mean - low_t * error),
        "t interval": (mean - t * error, mean + t * error),
        "stretched bootstrap": (mean + stretch * low, mean + stretch * high),
        "stretched bootstrap and t (chosen)": (
            mean - np.maximum(t * error, -stretch * low),
            mean + np.maximum(t * error, stretch * high),
        ),
    }


STALL_SHARE = 1 / 7
"""The share of the slots of B that stall in `rare_stalls`, each 30 % slower."""


def rare_stalls(rng: np.random.Generator, ratio: Ratio) -> Ratio:
    """Return a comparison in which B stalls in some rounds, so that the figures are skewed."""
    stalls = math.log1p(0.3) * (rng.random(len(ratio.rounds)) < STALL_SHARE)
    return Ratio(
        ratio.metric, tuple(float(each or 0) + float(stall) for each, stall in zip(ratio.rounds, stalls, strict=True))
    )


def state_of_candidates(rng: np.random.Generator, rounds: int, noise: float) -> Ratio:
    """Return a comparison that breaks an assumption: each candidate keeps a state of its own from round to round.

    Fresh servers in each round prevent this. The noise of each candidate is correlated by 0.5 from round to round.
    """
    values = noise * (rng.standard_normal((2, rounds)) @ _autoregression(rounds, 0.5))
    return Ratio(P99, tuple(float(each) for each in values[1] - values[0]))
