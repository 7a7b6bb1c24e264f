"""The overview of servers and scenarios: a grade and a figure for each cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Grade, Results, ScenarioResult
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.key_figure import key_figure as key_figure
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors

FIGURE_VIEWS = (
    ("figure", "Grade and N*"),
    ("slowdown", "Slowdown"),
    ("recovery", "Recovery"),
    ("dropped", "Disconnect"),
)
"""The figures that can follow the grade, by CSS class and title. The first one is shown by default."""


@dataclass(frozen=True)
class OverviewCell:
    """One cell. `figures` follow FIGURE_VIEWS. `description` has all of them in a sentence."""

    grade: str
    sign: str
    figures: Sequence[str]
    description: str
    link: str


@dataclass(frozen=True)
class OverviewRow:
    """One scenario. `name` is its id without the family."""

    link: str
    name: str
    title: str
    boxes: Sequence[OverviewCell | None]


@dataclass(frozen=True)
class Family:
    """The scenarios of a family, for example slow-headers. `name` is '' for a scenario without one."""

    name: str
    lines: Sequence[OverviewRow]


@dataclass(frozen=True)
class Overview:
    """The whole overview. `used` are the grades of the legend, `views` the figures that occur."""

    servers: Sequence[str]
    families: Sequence[Family]
    used: Sequence[Grade]
    views: Sequence[tuple[str, str]]
    classes: Sequence[str] = tuple(name for name, _ in FIGURE_VIEWS)


def overview(results: Results, names: Anchors) -> Overview:
    """Return the overview."""
    found = {each.server for each in results.load}
    servers = [each.name for each in aggregation.servers(results) if each.name in found]
    families: dict[str, list[OverviewRow]] = {}
    for name, (info, cells) in aggregation.scenarios(results).items():
        family, _, rest = name.rpartition("/")
        by_server = {each.server: each for each in cells}
        boxes = [_cell(by_server[each], names) if each in by_server else None for each in servers]
        # A scenario without a family gets a key that no id can have.
        families.setdefault(family or f" {name}", []).append(
            OverviewRow(names.scenario(name), rest or name, info.title, boxes)
        )
    grades = {each.grade for each in results.load}
    filled = [box for lines in families.values() for each in lines for box in each.boxes if box]
    return Overview(
        servers,
        [Family("" if name.startswith(" ") else name, lines) for name, lines in families.items()],
        [each for each in labels.GRADES if each in grades],
        [view for place, view in enumerate(FIGURE_VIEWS) if place == 0 or any(box.figures[place] for box in filled)],
    )


def _cell(load: ScenarioResult, names: Anchors) -> OverviewCell:
    mark = labels.GRADES[load.grade]
    slowdown = "" if load.slowdown is None else labels.ratio(load.slowdown, at_least=load.slowdown_censored)
    recovery = "" if load.recovery is None else labels.duration(load.recovery)
    if load.grade is Grade.NOT_RECOVERED:
        recovery = "never"
    dropped = ""
    if load.disconnect is not None:
        dropped = load.disconnect.how
        if load.disconnect.after is not None and load.disconnect.how != "never":
            dropped = f"{dropped} {labels.duration(load.disconnect.after)}"
    parts = [
        f"{load.server} in {load.scenario}: {labels.grade(load)} ({mark.meaning})",
        labels.describe_service(load),
        f"p99 {slowdown} of the p99 before" if slowdown else "",
        f"recovery {recovery}" if recovery else "",
        f"disconnect of slow clients: {labels.disconnect(load, share=True)}" if dropped else "",
        load.note if load.grade in labels.NOT_JUDGED_GRADES else "",
    ]
    description = "; ".join(each for each in parts if each)
    figures = (key_figure(load), slowdown, recovery, dropped)
    return OverviewCell(load.grade.value, mark.sign, figures, description, names.load(load.server, load.scenario))
