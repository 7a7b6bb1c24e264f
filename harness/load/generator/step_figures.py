"""The figures of one step of the traffic: how often it was requested, and how long its responses took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import TrafficStep
from wsgi_gauntlet.harness.stats.histogram import Histogram


@dataclass(frozen=True)
class StepFigures:
    """The requests of the step `name`. A redirect that the step follows is a request of its own.

    `latency` (nanoseconds) has the correct responses, as in GeneratorResult. `failed` counts the requests that were
    sent and got none in time.
    """

    name: str
    latency: Histogram
    failed: int = 0

    @property
    def ok(self) -> int:
        """The number of correct responses."""
        return len(self.latency)

    @property
    def p99(self) -> float | None:
        """The latency in seconds of the slowest percent of the correct responses, None without any."""
        return self.latency.quantile(0.99) if self.ok else None


def traffic_steps(results: Iterable[Iterable[StepFigures]]) -> tuple[TrafficStep, ...]:
    """Return the figures of all steps for the result of a scenario."""
    return tuple(TrafficStep(each.name, each.ok, each.failed, each.p99) for each in merge_steps(results))


def merge_steps(every: Iterable[Iterable[StepFigures]]) -> tuple[StepFigures, ...]:
    """Return the figures of all steps, added up by name, in the order in which they first appear."""
    by_name: dict[str, list[StepFigures]] = {}
    for steps in every:
        for each in steps:
            by_name.setdefault(each.name, []).append(each)
    return tuple(
        StepFigures(name, Histogram.merged(each.latency for each in same), sum(each.failed for each in same))
        for name, same in by_name.items()
    )
