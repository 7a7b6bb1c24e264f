"""The samples and the axes of the panels of a scenario."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Outcome, Sample, ScenarioResult

MAX_SAMPLES_DRAWN = 1200
"""Responses drawn in one panel. Failed requests are thinned out less."""

SLOWEST_SHARE = 0.02
"""The share of the slowest responses. They are always drawn, because they are important."""


@dataclass(frozen=True)
class SharedAxes:
    """The common axes of all panels of a scenario, so that they can be compared.

    Units are seconds, clients (`slow_clients`), requests per second (`rate`) and bytes (`rss`). An axis of 0 is not
    drawn.
    """

    last: float
    lowest: float
    highest: float
    slow_clients: int
    rate: float = 0.0
    rss: int = 0
    descriptors: int = 0


def start_time(load: ScenarioResult) -> float:
    """Return the start of the drawing in seconds. A discarded round can come before it."""
    return min(
        [
            *(each.started for each in load.phases),
            *(each.intended for each in load.samples[:1]),
            *(each.at for each in load.windows[:1]),
        ],
        default=0.0,
    )


def shared_axes(loads: Sequence[ScenarioResult]) -> SharedAxes:
    """Return axes for every sample and window of `loads`."""
    samples = [each for load in loads for each in load.samples]
    windows = [each for load in loads for each in load.windows]
    ends = [
        end - start
        for load in loads
        for start in (start_time(load),)
        for end in (
            *(each.ended for each in load.phases),
            *(each.intended for each in load.samples),
            *(each.at + each.seconds for each in load.windows),
        )
    ]
    latencies = [each.latency for each in samples] + [
        value for each in windows for value in (each.p50, each.p99) if value
    ]
    times = [max(each, 1e-5) for each in latencies] or [0.001, 1.0]
    return SharedAxes(
        max(ends, default=1.0) or 1.0,
        _round_down(min(times)),
        max(max(times) * 1.9, 1.0),
        max((clients for load in loads for _, clients in load.slow_clients), default=0),
        max((each.offered for each in windows), default=0.0),
        max((each.rss for each in windows), default=0),
        max((each.descriptors for each in windows), default=0),
    )


def judged_samples(load: ScenarioResult) -> list[Sample]:
    """Return the samples of the figures. Between two phases the harness itself cancels requests."""
    spans = [(each.started, each.ended) for each in load.phases]
    return [
        each
        for each in load.samples
        if each.outcome is Outcome.OK or not spans or any(start <= each.intended < end for start, end in spans)
    ]


def downsample(samples: Sequence[Sample], max_samples: int = MAX_SAMPLES_DRAWN) -> list[Sample]:
    """Return about `max_samples` responses evenly over time, all of the slowest ones, and most failed requests."""
    wrong = [each for each in samples if each.outcome is not Outcome.OK]
    good = [each for each in samples if each.outcome is Outcome.OK]
    wrong_stride = max(1, math.ceil(len(wrong) / (2 * max_samples)))
    if len(good) > max_samples:
        slow = sorted(good, key=lambda each: -each.latency)[
            : min(math.ceil(len(good) * SLOWEST_SHARE), max_samples // 2)
        ]
        slow_ids = set(map(id, slow))
        rest = [each for each in good if id(each) not in slow_ids]
        good = slow + rest[:: math.ceil(len(rest) / (max_samples - len(slow)))]
    return sorted(good + wrong[::wrong_stride], key=lambda each: each.intended)


def _round_down(value: float) -> float:
    decade = 10.0 ** math.floor(math.log10(value))
    return decade * (3 if value > decade * 4 else 1) * 0.8
