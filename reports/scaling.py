"""Servers of a run that differ in their number of workers alone, and the capacity that each number came to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..harness.errors import BadConfiguration
from ..harness.model import Load, Measure
from ..harness.naming import ServerName, parse
from . import words

SCENARIO = "capacity"


@dataclass(frozen=True)
class Scaling:
    """One server with several numbers of workers, the fewest first, and its capacity with each."""

    server: str
    figures: Sequence[tuple[int, Measure]]

    @property
    def told(self) -> str:
        """What the numbers came to, as `1 worker 914/s, 4 workers 3,400/s (3.7 times as much)`."""
        parts = []
        _, first = self.figures[0]
        for workers, found in self.figures:
            times = ""
            if found is not first and first.value and found.value and not first.censored:
                bound = "at least " if found.censored else ""
                times = f" ({bound}{found.value / first.value:.2g} times as much)"
            parts.append(f"{words.counted(workers, 'worker')} {words.measure(found)}{times}")
        return ", ".join(parts)


def scaled(loads: Sequence[Load]) -> list[Scaling]:
    """Return each server of the run that has a capacity with two or more numbers of workers."""
    groups: dict[ServerName, dict[int, Measure]] = {}
    names: dict[ServerName, str] = {}
    for load in loads:
        found = words.capacity(load) if load.scenario == SCENARIO and load.grade not in words.UNJUDGED else None
        workers = _workers(load)
        if found is None or found.value is None or workers is None:
            continue
        try:
            name = parse(load.server)
        except BadConfiguration:
            continue
        part = replace(name.server, settings=replace(name.server.settings, workers=None))
        key = replace(name, text="", server=part)
        names.setdefault(key, name.server.adapter + (f":{name.server.variant}" if name.server.variant else ""))
        groups.setdefault(key, {}).setdefault(workers, found)
    return [Scaling(names[key], sorted(each.items())) for key, each in groups.items() if len(each) > 1]


def _workers(load: Load) -> int | None:
    """Return how many workers ran: as the cell's conditions have it, else as the server's name does."""
    known = load.conditions.get("workers")
    if isinstance(known, int):
        return known
    try:
        return parse(load.server).server.settings.workers
    except BadConfiguration:
        return None
