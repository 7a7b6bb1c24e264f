"""The figures of a scenario as text: a row for each server, its phases and steps, and the metrics of all servers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from wsgi_gauntlet.harness.model import Outcome, Phase, ScenarioResult, Step
from wsgi_gauntlet.harness.stats.binomial import exact_interval
from wsgi_gauntlet.harness.stats.summary import waiting_times
from wsgi_gauntlet.reports.analysis.quantile_interval import quantile_interval
from wsgi_gauntlet.reports.analysis.thresholds import describe_thresholds
from wsgi_gauntlet.reports.text import labels

_exact_interval = lru_cache(maxsize=4096)(exact_interval)
"""Servers of a scenario often have the same counts."""

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """One figure. `detail` has what belongs to it: the number of requests, the 95 % interval."""

    text: str
    detail: str = ""

    @property
    def whole(self) -> str:
        """Both on one line, for exports."""
        return f"{self.text} ({self.detail})" if self.detail else self.text


@dataclass(frozen=True)
class TextTable:
    """Column heads, and rows of texts."""

    heads: Sequence[str]
    rows: Rows


@dataclass(frozen=True)
class MetricNote:
    """A note on a metric. `servers` is empty if it holds for all servers that have the metric."""

    metric: str
    servers: Sequence[str]
    text: str


@dataclass(frozen=True)
class MetricTable:
    """The metrics of a scenario: a row for each, a column for each server."""

    table: TextTable
    notes: Sequence[MetricNote]


def figure_columns(cells: Sequence[ScenarioResult]) -> tuple[list[str], list[list[Figure]]]:
    """Return the names of the columns with a figure of at least one cell, and the figures of each cell."""
    every = [_figures(each) for each in cells]
    heads = [name for name in (every[0] if every else {}) if any(row[name].text != labels.MISSING for row in every)]
    if "slowdown" in heads:
        # Slow clients affect the tail first. The table of phases has p50.
        heads = [name for name in heads if name != "p50"]
    return heads, [[row[name] for name in heads] for row in every]


def phase_table(load: ScenarioResult) -> TextTable:
    """Return the phases of a cell."""
    rows = [
        [
            each.name, f"{each.scheduled:,}", labels.percent(each.goodput), _time(each, each.p50, 0.5),
            labels.duration(each.p99, at_least=each.censored), _time(each, each.maximum, 1), _outcomes(each),
        ]
        for each in load.phases
    ]  # fmt: skip
    return TextTable(["phase", "requests", "goodput", "p50", "p99", "longest", "outcomes"], rows)


def step_table(load: ScenarioResult) -> TextTable:
    """Return the steps of a cell by number of clients, without empty columns."""
    rows = [_step(each) for each in sorted(load.steps, key=lambda each: each.clients)]
    heads = ["clients", "goodput", "p50", "p99", "rate", "state"]
    shown = [place for place in range(len(heads)) if any(row[place] not in (labels.MISSING, "") for row in rows)]
    return TextTable([heads[place] for place in shown], [[row[place] for place in shown] for row in rows])


def traffic_table(load: ScenarioResult) -> TextTable:
    """Return the requests of the user's traffic: correct responses, failures and p99 of each."""
    rows = [[each.name, f"{each.ok:,}", f"{each.failed:,}", labels.duration(each.p99)] for each in load.traffic]
    return TextTable(["request", "correct", "failed", "p99"], rows)


def worker_table(load: ScenarioResult) -> TextTable:
    """Return the health of the generator on each worker of the cluster, in the load with the worst health."""
    workers = load.generator.workers if load.generator is not None else ()
    rows = [
        [
            each.worker,
            "kept up" if each.valid else f"did not keep up: {each.why}",
            labels.percent(each.cpu_share),
            labels.duration(each.lateness_p99),
            f"{labels.number(each.achieved)} of {labels.number(each.offered)}" if each.offered else labels.MISSING,
            f"{each.clock_offset * 1e3:+.1f} ms",
        ]
        for each in workers
    ]
    return TextTable(["worker", "generator", "of a core", "late (p99)", "requests/s", "clock"], rows)


def metric_table(cells: Sequence[ScenarioResult]) -> MetricTable | None:
    """Return the metrics of a scenario, or None if it has none. Equal notes of several servers become one."""
    names = list(dict.fromkeys(each.label for load in cells for each in load.metrics))
    having = [load for load in cells if load.metrics]
    if not names:
        return None
    by_cell = {(load.server, each.label): each for load in having for each in load.metrics}
    rows = [[name, *(labels.metric(by_cell.get((load.server, name))) for load in having)] for name in names]
    servers_by_note: dict[tuple[str, str], list[str]] = {}
    for name in names:
        for load in having:
            found = by_cell.get((load.server, name))
            if found and found.note:
                servers_by_note.setdefault((name, found.note), []).append(load.server)
    notes = [
        MetricNote(name, [] if len(servers) == len(having) else servers, note)
        for (name, note), servers in servers_by_note.items()
    ]
    return MetricTable(TextTable(["metric", *(load.server for load in having)], rows), notes)


def caveats(load: ScenarioResult) -> list[str]:
    """Return what a reader must know of a cell: its thresholds, why it is not judged, and its caveats."""
    why = load.generator.why if load.generator and load.generator.why not in load.note else ""
    return [
        each
        for each in (*describe_thresholds(load), "" if load.grade.is_judged else load.note, why, *load.caveats)
        if each
    ]


def describe_generator(load: ScenarioResult) -> str:
    """Return in a sentence whether the generator kept up, or '' if the cell does not say."""
    health = load.generator
    if health is None:
        return ""
    parts = [f"{labels.percent(health.cpu_share)} of a core", f"late by {labels.duration(health.lateness_p99)} (p99)"]
    if health.offered:
        parts.append(f"{labels.number(health.achieved)} of {labels.number(health.offered)} requests per second")
    return f"The generator {'kept up' if health.valid else 'did not keep up'}: {', '.join(parts)}."


def describe_cost(load: ScenarioResult) -> str:
    """Return in a sentence what the slow clients cost the server, or '' if it was not measured."""
    cost = load.cost
    if cost is None or not cost.clients:
        return ""
    counts = [labels.pluralize(cost.descriptors, "descriptor"), labels.pluralize(cost.threads, "thread")]
    figures = [f"{labels.size(cost.rss)} of memory", *counts, f"{labels.duration(cost.cpu)} of CPU"]
    return f"{labels.pluralize(cost.clients, 'slow client')} cost the server {', '.join(figures)}."


def _figures(load: ScenarioResult) -> dict[str, Figure]:
    phase = labels.during(load)
    cost = load.cost if load.cost and load.cost.clients else None
    late = load.generator.lateness_p99 if load.generator else None
    return {
        "goodput": _goodput(load, phase),
        "capacity": Figure(labels.metric(labels.capacity(load))),
        "best rate": Figure(labels.rate(labels.best_rate(load))),
        "p50": Figure(_time(phase, phase.p50, 0.5) if phase else labels.MISSING),
        "p99": _p99(load, phase),
        "slowdown": Figure(labels.ratio(load.slowdown, at_least=load.slowdown_censored)),
        "N*": Figure(f"{load.collapse:,}" if load.collapse is not None else labels.MISSING),
        "recovery": Figure(labels.duration(load.recovery)),
        "disconnect": Figure(labels.disconnect(load)),
        "generator late": Figure(labels.duration(late)),
        "memory each": Figure(labels.size(cost.rss // cost.clients) if cost else labels.MISSING),
    }


def _goodput(load: ScenarioResult, phase: Phase | None) -> Figure:
    text = labels.percent(load.goodput)
    if phase is None or not phase.scheduled or load.goodput is None or abs(phase.goodput - load.goodput) > 1e-9:
        return Figure(text)
    served = min(round(phase.goodput * phase.scheduled), phase.scheduled)
    low, high = _exact_interval(served, phase.scheduled)
    return Figure(text, f"95 %: {labels.percent(low)} to {labels.percent(high)}")


def _p99(load: ScenarioResult, phase: Phase | None) -> Figure:
    if phase is None:
        return Figure(labels.MISSING)
    text = labels.duration(phase.p99, at_least=phase.censored)
    if text == labels.MISSING:
        return Figure(text)
    detail = f"n = {phase.scheduled:,}"
    inside = [each for each in load.samples if phase.started <= each.intended < phase.ended]
    # A phase leaves out requests that were too young at its end. Then the samples of its time are not those of p99.
    interval = quantile_interval(waiting_times(inside), 0.99) if len(inside) == phase.scheduled else None
    if interval is not None:
        low = labels.duration(interval.low, at_least=interval.low_censored)
        high = labels.duration(interval.high, at_least=interval.high_censored or interval.open_end)
        detail = f"{detail}; 95 %: {low} to {high}"
    return Figure(text, detail)


def _step(step: Step) -> list[str]:
    p99 = labels.duration(step.p99, at_least=step.censored)
    p50 = labels.duration(step.p50, at_least=step.censored and (step.goodput or 0.0) < 0.5)
    state = "collapsed" if step.collapsed else ""
    return [f"{step.clients:,}", labels.percent(step.goodput), p50, p99, labels.rate(step.rate), state]


def _time(phase: Phase, value: float | None, share: float) -> str:
    return labels.duration(value, at_least=labels.is_lower_bound(phase, share))


def _outcomes(phase: Phase) -> str:
    parts = [f"{number:,} {_outcome_label(name)}" for name, number in phase.outcomes.items() if number]
    return ", ".join(parts)


def _outcome_label(name: str) -> str:
    known = {each.value: each.label for each in Outcome}
    return known.get(name, name.replace("_", " "))
