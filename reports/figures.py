"""The load half of the page: for each scenario its charts, each with a table beside it, and a row for each server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from ..harness.model import Grade, Load, Phase, Results, ScenarioInfo, Step
from . import answer, bars, curves, panels, samples, svg, tally, words
from .bounds import cut_text
from .sections.names import Names
from .visible import clean, line, opening

_ESCAPES = re.compile(r"(?:\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[rntvf\\]))+")

SMALL = 300
"""Good answers in a panel of a scenario that is not the opening picture: a page has hundreds of them."""

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Column heads, and rows whose first field names the server."""


@dataclass(frozen=True)
class Chart:
    """A chart and the same in figures."""

    title: str
    svg: Markup
    table: Table


@dataclass(frozen=True)
class Panel:
    """One server over the time of a scenario; `doubt` is the grade's word where it is no finding."""

    server: str
    told: str
    note: str
    sign: str
    shade: str
    svg: Markup
    conditions: str


@dataclass(frozen=True)
class Picture:
    """The opening picture: the latency of every server over time, side by side."""

    scenario: ScenarioInfo
    summary: str
    panels: Sequence[Panel]
    table: Table


@dataclass(frozen=True)
class Row:
    """One server in one scenario. `fields` follow the columns of its scenario; `doubt` is what to mind when reading
    them, `told` the same in a sentence."""

    id: str
    load: Load
    sign: str
    grade: str
    fields: Sequence[str]
    conditions: str
    parameters: str
    doubt: str
    told: str
    phases: Table
    steps: Table
    log: Markup
    reaped: str


@dataclass(frozen=True)
class Scenario:
    """One scenario: `columns` are only those that some server has a figure for.

    `panels` show its servers over time, unless it is the opening picture; `samples`, `windows`, `crowd` and `usage`
    say what is in them, for the key. `measures` has a row for each figure of its own, `notes` what to know of them.
    """

    id: str
    info: ScenarioInfo
    pictured: bool
    panels: Sequence[Panel]
    samples: bool
    windows: bool
    crowd: bool
    usage: bool
    charts: Sequence[Chart]
    measures: Table | None
    notes: Sequence[tuple[str, str]]
    columns: Sequence[str]
    rows: Sequence[Row]


def picture(results: Results) -> Picture | None:
    """Return the opening picture, None where no scenario has samples."""
    name = answer.headline(results)
    if name is None:
        return None
    info, cells = tally.scenarios(results)[name]
    cells = [each for each in cells if each.samples]
    heads = ["server", "phase", "requests", "goodput", "p50", "p99", "longest"]
    rows = [[load.server, *row] for load in cells for row in _phases(load)]
    return Picture(info, opening(info.summary), _panels("p", cells, samples.DRAWN), (heads, rows))


def scenarios(results: Results, names: Names) -> list[Scenario]:
    """Return every scenario that has a cell."""
    found = []
    first = answer.headline(results)
    for name, (info, cells) in tally.scenarios(results).items():
        columns, fields = _columns(cells)
        rows = [_row(each, fields[place], names) for place, each in enumerate(cells)]
        anchor = names.scenario(name)
        measures, notes = _measures(cells)
        over_time = [] if name == first else [each for each in cells if each.samples or each.windows]
        found.append(
            Scenario(
                anchor,
                info,
                name == first,
                _panels(f"{anchor}-t", over_time, SMALL),
                any(each.samples for each in over_time),
                any(each.windows for each in over_time),
                any(clients for each in over_time for _, clients in each.crowd),
                any(window.rss for each in over_time for window in each.windows),
                _charts(anchor, cells),
                measures,
                notes,
                columns,
                rows,
            )
        )
    return found


def _panels(name: str, cells: Sequence[Load], most: int) -> list[Panel]:
    shared = samples.frame(cells)
    found = []
    for place, load in enumerate(cells):
        told = ", ".join(filter(None, (words.got(load), words.grade(load))))
        drawn = panels.over_time(load, shared, most)
        chart = svg.inline(drawn, f"{name}{place}", f"{line(load.server)}: latency over time; {told}")
        mark = words.GRADES[load.grade]
        escaped = Markup(chart)  # noqa: S704 - escaped by matplotlib and svg.py
        ran = line(words.conditions(load.conditions), 600)
        found.append(Panel(load.server, told, line(load.note, 600), mark.sign, load.grade.value, escaped, ran))
    return found


def _charts(name: str, cells: Sequence[Load]) -> list[Chart]:
    found = []
    curve = [each for each in cells if any(step.goodput is not None for step in each.steps)]
    rated = [each for each in cells if any(step.rate is not None for step in each.steps)]
    if rated:
        rows = [[each.server, f"{step.clients:,}", words.rate(step.rate)] for each in rated for step in each.steps]
        table: Table = (["server", "connections", "requests"], rows)
        title = "Requests per second against connections"
        found.append(_chart(curves.throughput(rated), f"{name}-rate", title, table))
    elif curve:
        rows = [
            [each.server, f"{step.clients:,}", words.percent(step.goodput), "collapsed" if step.collapsed else ""]
            for each in curve
            for step in sorted(each.steps, key=lambda step: step.clients)
        ]
        table = (["server", "slow clients", "goodput", ""], rows)
        title = "What the healthy users got against the number of slow clients; N* marks the collapse"
        found.append(_chart(bars.against_clients(curve), f"{name}-slow", title, table))
    else:
        known = [each for each in cells if each.goodput is not None]
        if any(each.grade not in words.UNJUDGED | {Grade.MEASURED} for each in known):
            ordered = sorted(known, key=lambda each: -(each.goodput or 0))
            table = (["server", "goodput"], [[each.server, words.percent(each.goodput)] for each in ordered])
            title = "Goodput: requests answered right and in time"
            found.append(_chart(bars.goodput(known), f"{name}-good", title, table))
    headed = next((each.name for load in cells for each in load.measures), "")
    known = [load for load in cells if any(each.name == headed and each.value is not None for each in load.measures)]
    if len(known) > 1 and all(each.grade is Grade.MEASURED or each.grade in words.UNJUDGED for each in cells):
        rows = [[load.server, words.measure(bars.named(load, headed))] for load in known]
        title = line(headed[:1].upper() + headed[1:], 80)
        found.append(_chart(bars.measures(known, headed), f"{name}-own", title, (["server", headed], rows)))
    tails = [each for each in cells if curves.tail(each).points]
    if tails:
        title = f"Latency by percentile{_when(tails)}"
        found.append(_chart(curves.percentiles(tails), f"{name}-tail", title, _tails(tails)))
    paid = [each for each in cells if each.cost and each.cost.clients]
    if paid:
        title = "What one slow client costs the server"
        found.append(_chart(bars.costs(paid), f"{name}-cost", title, _paid(paid)))
    return found


def _when(cells: Sequence[Load]) -> str:
    """Return which phase the curves are of, as the title of their chart goes on."""
    if any(step.rate for each in cells for step in each.steps):
        return ", at the best rate"
    named = {curves.tail(each).phase for each in cells}
    if named <= set(words.DURING):
        return ", while others are slow" if any(each.crowd for each in cells) else ""
    if len(named) == 1:
        return f": {line(named.pop(), 60)}"
    searched = all(len(curves.names(each)) == 1 for each in cells)
    return "" if searched else ", of the phase that each server served worst"


def _chart(drawn: str, name: str, title: str, table: Table) -> Chart:
    return Chart(title, Markup(svg.inline(drawn, name, title)), table)  # noqa: S704 - escaped by matplotlib and svg.py


def _tails(cells: Sequence[Load]) -> Table:
    asked = (50.0, 90.0, 99.0, 99.9, 99.99)
    rows = []
    for load in cells:
        tail = curves.tail(load)
        curve = dict(tail.points)
        rows.append([load.server, *(words.duration(curve.get(each), at_least=each > tail.exact) for each in asked)])
    return ["server", *(f"{each:g} %" for each in asked)], rows


def _paid(cells: Sequence[Load]) -> Table:
    rows = []
    for load in cells:
        cost = load.cost
        assert cost is not None
        each = [words.number(value / cost.clients) for value in (cost.descriptors, cost.threads)]
        cpu = words.duration(cost.cpu)
        rows.append([load.server, f"{cost.clients:,}", words.size(cost.rss // cost.clients), *each, cpu])
    return ["server", "slow clients", "memory each", "descriptors each", "threads each", "CPU in all"], rows


def _measures(cells: Sequence[Load]) -> tuple[Table | None, list[tuple[str, str]]]:
    """Return a row for each figure of the scenario's own with a column for each server, and their notes."""
    names = list(dict.fromkeys(each.name for load in cells for each in load.measures))
    having = [load for load in cells if load.measures]
    if not names:
        return None, []
    by_cell = {(load.server, each.name): each for load in having for each in load.measures}
    rows = [[name, *(words.measure(by_cell.get((load.server, name))) for load in having)] for name in names]
    # The same note is told once, of all the servers that it is true of.
    told: dict[tuple[str, str], list[str]] = {}
    for name in names:
        for load in having:
            found = by_cell.get((load.server, name))
            if found and found.note:
                told.setdefault((name, found.note), []).append(load.server)
    notes = [
        (f"{line(name, 60)}{'' if len(servers) == len(having) else f' ({line(words.several(servers), 300)})'}",
         line(note, 400))
        for (name, note), servers in told.items()
    ]  # fmt: skip
    return (["measure", *(line(load.server, 40) for load in having)], rows), notes


def _columns(cells: Sequence[Load]) -> tuple[list[str], list[list[str]]]:
    every = [_fields(each) for each in cells]
    heads = [name for name in every[0] if any(row[name] != words.MISSING for row in every)]
    if "slowdown" in heads:
        # What slow clients do to others shows in the tail; the half that fared better is told below.
        heads = [name for name in heads if name != "p50"]
    return heads, [[row[name] for name in heads] for row in every]


def _fields(load: Load) -> dict[str, str]:
    phase = words.during(load)
    cost = load.cost if load.cost and load.cost.clients else None
    return {
        "goodput": words.percent(load.goodput),
        "capacity": words.measure(words.capacity(load)),
        "best rate": words.rate(words.best_rate(load)),
        "p50": words.duration(phase.p50, at_least=words.bounded(phase, 0.5)) if phase else words.MISSING,
        "p99": words.duration(phase.p99, at_least=phase.censored) if phase else words.MISSING,
        "slowdown": words.ratio(load.slowdown, at_least=load.slowdown_censored),
        "N*": str(load.collapse) if load.collapse is not None else words.MISSING,
        "recovery": words.duration(load.recovery),
        "slow ones dropped": words.reaped(load),
        "generator late": words.duration(load.generator.lateness_p99) if load.generator else words.MISSING,
        "memory each": words.size(cost.rss // cost.clients) if cost else words.MISSING,
    }


def _row(load: Load, fields: Sequence[str], names: Names) -> Row:
    why = load.generator.why if load.generator and load.generator.why not in load.note else ""
    broken = [f"threshold broken: {each.told}" for each in load.broken]
    doubts = [*broken, load.note if load.grade in words.UNJUDGED else "", why, *load.artefacts]
    return Row(
        names.load(load.server, load.scenario),
        load,
        words.GRADES[load.grade].sign,
        words.grade(load),
        fields,
        line(words.conditions(load.conditions), 600),
        line(words.conditions(load.parameters), 600),
        line("; ".join(each.rstrip(".") for each in doubts if each), 600),
        line(load.note, 600) if load.grade not in words.UNJUDGED else "",
        (["phase", "requests", "goodput", "p50", "p99", "longest", "what became of them"],
         [[*row, _outcomes(phase)] for row, phase in zip(_phases(load), load.phases, strict=True)]),
        _filled(["clients", "goodput", "p50", "p99", "rate", ""], [_step(each) for each in load.steps]),
        _marked(clean(cut_text(load.log, 6000)).strip("\n")),
        words.reaped(load, share=True),
    )  # fmt: skip


def _filled(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return the table without the columns that nobody has a figure for."""
    kept = [place for place in range(len(heads)) if any(row[place] not in (words.MISSING, "") for row in rows)]
    return [heads[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _phases(load: Load) -> list[list[str]]:
    return [
        [
            each.name,
            f"{each.scheduled:,}",
            words.percent(each.goodput),
            words.duration(each.p50, at_least=words.bounded(each, 0.5)),
            words.duration(each.p99, at_least=each.censored),
            words.duration(each.maximum, at_least=words.bounded(each, 1)),
        ]
        for each in load.phases
    ]


def _outcomes(phase: Phase) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in phase.outcomes.items() if number)


def _step(step: Step) -> list[str]:
    p99 = words.duration(step.p99, at_least=step.censored)
    p50 = words.duration(step.p50, at_least=step.censored and (step.goodput or 0.0) < 0.5)
    told = "collapsed" if step.collapsed else ""
    return [str(step.clients), words.percent(step.goodput), p50, p99, words.rate(step.rate), told]


def _marked(text: str) -> Markup:
    """Return `text` escaped for the page, what stands for unprintable bytes set apart."""
    return Markup(_ESCAPES.sub(lambda found: f"<i>{found.group()}</i>", str(escape(text))))  # noqa: S704 - escaped here
