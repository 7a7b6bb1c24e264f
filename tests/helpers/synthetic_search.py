"""Candidates and figures of apps whose behaviour is a formula, for tests of the search."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from wsgi_gauntlet.harness.model.recommendation import (
    CandidateFigures,
    FigureId,
    MeasuredFigure,
    RatePoint,
    Recommendation,
    RecommendationCandidate,
    SearchConditions,
    Stage,
    Trial,
)
from wsgi_gauntlet.harness.recommendation.figures import figure

MB = 10**6


@dataclass(frozen=True)
class App:
    """An app: seconds of CPU time and of waiting of a request, and whether one at a time is served."""

    cpu: float = 0.001
    wait: float = 0.0
    locked: bool = False
    growth: float = 0.0
    thread_safe: bool = True
    cores: int = 2

    def capacity(self, candidate: RecommendationCandidate) -> float:
        """Return requests per second: the least of what workers, cores, and the lock allow."""
        workers, threads = candidate.workers or 1, candidate.threads or 1
        at_once = 1 if self.locked else workers * threads
        return min(at_once / (self.cpu + self.wait), min(workers, self.cores) / self.cpu)

    def trial(self, candidate: RecommendationCandidate, stage: Stage = Stage.SCREENING, number: int = 1) -> Trial:
        """Return the trial that an exact measurement gives. Without a proxy slow clients take all threads."""
        if not self.thread_safe and (candidate.threads or 1) > 1:
            return Trial(
                candidate.name,
                stage,
                number,
                ruled_out="It mixes up users.",
                evidence=("the page of another user: it has name 'a' in place of 'b'",),
            )
        capacity, at_once = self.capacity(candidate), (candidate.workers or 1) * (candidate.threads or 1)
        memory = (20 + 10 * (candidate.workers or 1) + (5 if candidate.front else 0)) * MB
        served = 1.0 if candidate.front or at_once > 8 else 0.1
        figures = {
            FigureId.CAPACITY: capacity,
            FigureId.P99_AT_PEAK: 2 * (self.cpu + self.wait),
            FigureId.GOODPUT_ALONE: 1.0,
            FigureId.GOODPUT_AMONG_SLOW: served,
            FigureId.MEMORY: float(memory),
            FigureId.MEMORY_GROWTH: self.growth,
            FigureId.CPU: self.cpu,
        }
        return Trial(
            candidate.name,
            stage,
            number,
            tuple(figure(which, value) for which, value in figures.items()),
            (RatePoint(capacity / 2, self.cpu + self.wait),),
            seconds=5.0,
        )


def candidate(
    workers: int | None = 1, threads: int | None = 1, *, front: str = "", server: str = "gunicorn", variant: str = ""
) -> RecommendationCandidate:
    """Return a candidate; its name has its settings."""
    name = f"{server}{f':{variant}' if variant else ''}[workers={workers},threads={threads}]"
    return RecommendationCandidate(f"{front}+{name}" if front else name, server, variant, workers, threads, front)


def conditions(**changes: object) -> SearchConditions:
    """Return conditions with a peak of 30/s; `changes` replace some of them."""
    given: dict[str, object] = {
        "app": "shop:app",
        "peak": 30.0,
        "p99_limit": 0.3,
        "users": 40,
        "slow_clients": 8,
        "memory_limit": 0,
        "cores": 2,
        "budget": 600.0,
        "seed": 1,
        **changes,
    }
    return SearchConditions(**given)  # type: ignore[arg-type]  # the fields have these types


def search(app: App, *candidates: RecommendationCandidate, **changes: object) -> Recommendation:
    """Return a search with one trial of each candidate."""
    return Recommendation(conditions(**changes), candidates, trials=tuple(app.trial(each) for each in candidates))


def figures(**values: float) -> CandidateFigures:
    """Return figures with these medians."""
    found = CandidateFigures("x")
    for name, value in values.items():
        found = replace(found, **{name: MeasuredFigure(value, n=1)})
    return found
