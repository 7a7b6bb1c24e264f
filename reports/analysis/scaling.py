"""Compare the load figures of one server with several numbers of workers or threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import Results, ScenarioResult
from wsgi_gauntlet.harness.server.adapter import Settings
from wsgi_gauntlet.harness.server.name import ServerName, parse
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.key_figure import key_figure
from wsgi_gauntlet.reports.text import labels

COUNTED_SETTINGS = ("workers", "threads")


@dataclass(frozen=True)
class ScalingTable:
    """The figures of `server` by number of `what`. Each row has a number and a figure for each of `scenarios`."""

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
        """The rows, each with the number first."""
        return [[count, *figures] for count, figures in self.rows]


def scaling_tables(results: Results) -> list[ScalingTable]:
    """Return a table for each server with load figures for several numbers of workers or threads and no other
    difference."""
    cells: dict[str, dict[str, ScenarioResult]] = {}
    for each in results.load:
        cells.setdefault(each.server, {})[each.scenario] = each
    order = [each.name for each in aggregation.servers(results) if each.name in cells]
    found = []
    for what in COUNTED_SETTINGS:
        groups: dict[ServerName, list[tuple[float, str, str]]] = {}
        for name in order:
            try:
                named = parse(name)
            except ConfigurationError:
                continue  # the name of a remote server
            number = getattr(named.server.settings, what)
            if number is None:
                number = next(
                    (count for each in cells[name].values() if isinstance(count := each.conditions.get(what), int)),
                    None,
                )
            settings = _without_setting(named.server.settings, what)
            group = replace(named, text="", server=replace(named.server, settings=settings))
            groups.setdefault(group, []).append((-1.0 if number is None else number, _count_label(number), name))
        found += [
            _scaling_table(what, sorted(each), cells) for each in groups.values() if len({row[0] for row in each}) > 1
        ]
    return found


def _without_setting(settings: Settings, what: str) -> Settings:
    return replace(settings, workers=None) if what == "workers" else replace(settings, threads=None)


def _scaling_table(
    what: str, members: Sequence[tuple[float, str, str]], cells: dict[str, dict[str, ScenarioResult]]
) -> ScalingTable:
    scenarios = list(dict.fromkeys(scenario for _, _, name in members for scenario in cells[name]))
    plain = min((name for _, _, name in members), key=len)
    return ScalingTable(
        plain.partition("[")[0],
        what,
        scenarios,
        [(count, [_figure(cells[name].get(each)) for each in scenarios]) for _, count, name in members],
    )


def _figure(load: ScenarioResult | None) -> str:
    if load is None:
        return labels.MISSING
    return f"{labels.GRADES[load.grade].sign} {key_figure(load) or load.grade.label}"


def _count_label(number: float | None) -> str:
    return "default" if number is None else labels.number(number)
