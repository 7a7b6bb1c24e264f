"""Comparisons with synthetic rounds of known ratios."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from wsgi_gauntlet.harness.comparison import judgement
from wsgi_gauntlet.harness.comparison.runner import letter
from wsgi_gauntlet.harness.model import (
    SCHEMA,
    Candidate,
    ComparisonResult,
    Figure,
    Results,
    RoundResult,
    ServerInfo,
    SlotResult,
)
from wsgi_gauntlet.harness.stats.measurement_order import schedule

CAPACITY = Figure("capacity", "capacity", 1000.0, "requests/s", higher_is_better=True)
P99 = Figure("p99", "p99", 0.02, "s", higher_is_better=False)
SERVED = Figure("served", "users served", 0.5, "share", higher_is_better=True)
MEMORY = Figure("memory", "peak memory", 5e7, "bytes", higher_is_better=False)

FIGURES = (CAPACITY, P99, SERVED, MEMORY)


def figure(base: Figure, value: float | None, *, bound: bool = False, why: str = "") -> Figure:
    """Return `base` with another value."""
    return Figure(base.id, base.label, value, base.unit, base.higher_is_better, bound, why)


def slot(own: str, values: Mapping[str, float], *, noise: random.Random, started: float, again: bool) -> SlotResult:
    """Return a slot; `values` are factors by id of the figure. Shares have no noise."""
    found = tuple(
        figure(each, (each.value or 0.0) * values.get(each.id, 1.0) * (noise.lognormvariate(0, 0.01)))
        if each.unit != "share"
        else figure(each, min(1.0, (each.value or 0.0) * values.get(each.id, 1.0)))
        for each in FIGURES
    )
    return SlotResult(own, found, again=again, started=started, seconds=3.0)


def rounds(factors: Sequence[Mapping[str, float]], number: int, seed: int = 1) -> tuple[RoundResult, ...]:
    """Return rounds in which the candidates have the figures of FIGURES times their factors, with 1 % of noise."""
    noise = random.Random(seed)
    found = []
    started = 0.0
    for place, order in enumerate(schedule(len(factors), number, seed), 1):
        slots = []
        for each in order:
            slots.append(
                slot(letter(each.candidate), factors[each.candidate], noise=noise, started=started, again=each.again)
            )
            started += 3.0
        found.append(RoundResult(place, tuple(slots)))
    return tuple(found)


def comparison(
    *factors: Mapping[str, float], number: int = 12, seed: int = 1, servers: Sequence[str] = (), **fields: object
) -> ComparisonResult:
    """Return a finished comparison of A with candidates whose figures differ by `factors`."""
    names = servers or ("gunicorn@23.0.0", "gunicorn@27.0.1", "waitress", "nginx+gunicorn")
    every = [{}, *factors]
    candidates = tuple(
        Candidate(letter(place), names[place], names[place], version=f"{place}.0") for place in range(len(every))
    )
    made = ComparisonResult(
        candidates,
        seed,
        0.05,
        rounds=rounds(every, number, seed),
        seconds=9.0 * number,
        finished=True,
        command="wsgi-gauntlet compare gunicorn@23.0.0 gunicorn@27.0.1",
    )
    return judged(ComparisonResult(**{**_fields(made), **fields}))  # type: ignore[arg-type]


def judged(made: ComparisonResult) -> ComparisonResult:
    """Return the comparison with the words of its rounds."""
    fields = {**_fields(made), "judged": judgement.judge_rounds(made, judgement.present_look(made))}
    return ComparisonResult(**fields)  # type: ignore[arg-type]


def results(*comparisons: ComparisonResult) -> Results:
    """Return the results of runs of `compare`."""
    servers = {
        each.name: ServerInfo(each.name, each.server, available=True, version=each.version)
        for one in comparisons
        for each in one.candidates
    }
    return Results(SCHEMA, {"date": "2026-01-02T03:04:05+00:00", "cores": 2}, servers, comparisons=comparisons)


def _fields(made: ComparisonResult) -> dict[str, object]:
    return {name: getattr(made, name) for name in made.__struct_fields__}
