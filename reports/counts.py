"""One server with several numbers of workers or threads, its load figures side by side. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..harness.adapter import Settings
from ..harness.errors import BadConfiguration
from ..harness.model import Load, Results
from ..harness.naming import ServerName, parse
from . import tally, words
from .sections.overview import key_figure

COUNTED = ("workers", "threads")


@dataclass(frozen=True)
class Counts:
    """`what` is counted of `server`; each row has a count and a figure for each of `scenarios`."""

    server: str
    what: str
    scenarios: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]

    @property
    def heads(self) -> list[str]:
        """The names of the columns."""
        return [self.what, *self.scenarios]

    @property
    def cells(self) -> list[list[str]]:
        """The rows, the count first."""
        return [[count, *figures] for count, figures in self.rows]


def counts(results: Results) -> list[Counts]:
    """Return every server that the run has load figures of with two numbers of workers, or of threads, and no other
    difference."""
    cells: dict[str, dict[str, Load]] = {}
    for each in results.loads:
        cells.setdefault(each.server, {})[each.scenario] = each
    order = [each.name for each in tally.servers(results) if each.name in cells]
    found = []
    for what in COUNTED:
        groups: dict[ServerName, list[tuple[float, str, str]]] = {}
        for name in order:
            try:
                named = parse(name)
            except BadConfiguration:
                continue  # a target's name
            number = getattr(named.server.settings, what)
            if number is None:
                number = next(
                    (told for each in cells[name].values() if isinstance(told := each.conditions.get(what), int)), None
                )
            settings = _without(named.server.settings, what)
            group = replace(named, text="", server=replace(named.server, settings=settings))
            groups.setdefault(group, []).append((-1.0 if number is None else number, _told(number), name))
        found += [_of(what, sorted(each), cells) for each in groups.values() if len({row[0] for row in each}) > 1]
    return found


def _without(settings: Settings, what: str) -> Settings:
    return replace(settings, workers=None) if what == "workers" else replace(settings, threads=None)


def _of(what: str, members: Sequence[tuple[float, str, str]], cells: dict[str, dict[str, Load]]) -> Counts:
    scenarios = list(dict.fromkeys(scenario for _, _, name in members for scenario in cells[name]))
    plain = min((name for _, _, name in members), key=len)
    return Counts(
        plain.partition("[")[0],
        what,
        scenarios,
        [(told, [_figure(cells[name].get(each)) for each in scenarios]) for _, told, name in members],
    )


def _figure(load: Load | None) -> str:
    if load is None:
        return words.MISSING
    return f"{words.GRADES[load.grade].sign} {key_figure(load) or load.grade}"


def _told(number: float | None) -> str:
    return "default" if number is None else words.number(number)
