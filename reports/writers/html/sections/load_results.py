"""The load part of the page: charts with tables, and a row for each server, by scenario."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from wsgi_gauntlet.harness.model import Grade, Phase, Results, ScenarioInfo, ScenarioResult, Step
from wsgi_gauntlet.harness.store.evidence_limits import truncate_text
from wsgi_gauntlet.reports.analysis import aggregation, key_findings
from wsgi_gauntlet.reports.charts import bars, curves, panels, samples, svg
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import escape_text, first_sentence, line
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors

_ESCAPES = re.compile(r"(?:\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[rntvf\\]))+")

MAX_PANEL_SAMPLES = 300
"""Correct responses in a panel below the opening picture: a page has hundreds of panels."""

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Column heads, and rows that begin with the name of the server."""


@dataclass(frozen=True)
class Chart:
    """A chart and its figures."""

    title: str
    svg: Markup
    table: Table


@dataclass(frozen=True)
class Panel:
    """One server over the time of a scenario."""

    server: str
    summary: str
    note: str
    sign: str
    shade: str
    svg: Markup
    conditions: str


@dataclass(frozen=True)
class Picture:
    """The opening picture: the latency of every server over time."""

    scenario: ScenarioInfo
    summary: str
    panels: Sequence[Panel]
    table: Table


@dataclass(frozen=True)
class Row:
    """One server in one scenario. `fields` follow the columns of its scenario. `caveat` is for the reader."""

    id: str
    load: ScenarioResult
    sign: str
    grade: str
    fields: Sequence[str]
    conditions: str
    parameters: str
    caveat: str
    summary: str
    phases: Table
    steps: Table
    log: Markup
    disconnect: str


@dataclass(frozen=True)
class Scenario:
    """One scenario. `columns` are those with a figure of at least one server.

    `panels` show its servers over time, unless it is the opening picture. `samples`, `windows`, `slow_clients` and
    `usage` say what the panels show. `metrics` has a row for each metric, `notes` the notes on them.
    """

    id: str
    info: ScenarioInfo
    pictured: bool
    panels: Sequence[Panel]
    samples: bool
    windows: bool
    slow_clients: bool
    usage: bool
    charts: Sequence[Chart]
    metrics: Table | None
    notes: Sequence[tuple[str, str]]
    columns: Sequence[str]
    rows: Sequence[Row]


def picture(results: Results) -> Picture | None:
    """Return the opening picture, or None if no scenario has samples."""
    name = key_findings.featured_scenario(results)
    if name is None:
        return None
    info, cells = aggregation.scenarios(results)[name]
    cells = [each for each in cells if each.samples]
    heads = ["server", "phase", "requests", "goodput", "p50", "p99", "longest"]
    rows = [[load.server, *row] for load in cells for row in _phases(load)]
    return Picture(info, first_sentence(info.summary), _panels("p", cells, samples.MAX_SAMPLES_DRAWN), (heads, rows))


def scenarios(results: Results, names: Anchors) -> list[Scenario]:
    """Return every scenario with a cell."""
    found = []
    first = key_findings.featured_scenario(results)
    for name, (info, cells) in aggregation.scenarios(results).items():
        columns, fields = _columns(cells)
        rows = [_row(each, fields[place], names) for place, each in enumerate(cells)]
        anchor = names.scenario(name)
        metrics, notes = _metrics(cells)
        over_time = [] if name == first else [each for each in cells if each.samples or each.windows]
        found.append(
            Scenario(
                anchor,
                info,
                name == first,
                _panels(f"{anchor}-t", over_time, MAX_PANEL_SAMPLES),
                any(each.samples for each in over_time),
                any(each.windows for each in over_time),
                any(clients for each in over_time for _, clients in each.slow_clients),
                any(window.rss for each in over_time for window in each.windows),
                _charts(anchor, cells),
                metrics,
                notes,
                columns,
                rows,
            )
        )
    return found


def _panels(name: str, cells: Sequence[ScenarioResult], most: int) -> list[Panel]:
    shared = samples.shared_axes(cells)
    found = []
    for place, load in enumerate(cells):
        description = ", ".join(filter(None, (labels.describe_service(load), labels.grade(load))))
        drawn = panels.over_time(load, shared, most)
        chart = svg.inline(drawn, f"{name}{place}", f"{line(load.server)}: latency over time; {description}")
        mark = labels.GRADES[load.grade]
        escaped = Markup(chart)  # noqa: S704 - escaped by matplotlib and svg.py
        ran = line(labels.conditions(load.conditions), 600)
        found.append(Panel(load.server, description, line(load.note, 600), mark.sign, load.grade.value, escaped, ran))
    return found


def _charts(name: str, cells: Sequence[ScenarioResult]) -> list[Chart]:
    found = []
    curve = [each for each in cells if any(step.goodput is not None for step in each.steps)]
    rated = [each for each in cells if any(step.rate is not None for step in each.steps)]
    if rated:
        rows = [[each.server, f"{step.clients:,}", labels.rate(step.rate)] for each in rated for step in each.steps]
        table: Table = (["server", "connections", "requests"], rows)
        title = "Requests per second by number of connections"
        found.append(_chart(curves.throughput(rated), f"{name}-rate", title, table))
    elif curve:
        rows = [
            [each.server, f"{step.clients:,}", labels.percent(step.goodput), "collapsed" if step.collapsed else ""]
            for each in curve
            for step in sorted(each.steps, key=lambda step: step.clients)
        ]
        table = (["server", "slow clients", "goodput", ""], rows)
        title = "Goodput of healthy users by number of slow clients; N* marks the collapse"
        found.append(_chart(bars.against_clients(curve), f"{name}-slow", title, table))
    else:
        known = [each for each in cells if each.goodput is not None]
        if any(each.grade not in labels.NOT_JUDGED_GRADES | {Grade.MEASURED} for each in known):
            ordered = sorted(known, key=lambda each: -(each.goodput or 0))
            table = (["server", "goodput"], [[each.server, labels.percent(each.goodput)] for each in ordered])
            title = "Goodput: the share of requests with a correct response in time"
            found.append(_chart(bars.goodput(known), f"{name}-good", title, table))
    headed = next((each.label for load in cells for each in load.metrics), "")
    known = [load for load in cells if any(each.label == headed and each.value is not None for each in load.metrics)]
    if len(known) > 1 and all(each.grade is Grade.MEASURED or each.grade in labels.NOT_JUDGED_GRADES for each in cells):
        rows = [[load.server, labels.metric(bars.named(load, headed))] for load in known]
        title = line(headed[:1].upper() + headed[1:], 80)
        found.append(_chart(bars.metrics(known, headed), f"{name}-own", title, (["server", headed], rows)))
    tails = [each for each in cells if curves.latency_curve(each).points]
    if tails:
        title = f"Latency by percentile{_phase_suffix(tails)}"
        found.append(_chart(curves.percentiles(tails), f"{name}-tail", title, _percentile_table(tails)))
    with_cost = [each for each in cells if each.cost and each.cost.clients]
    if with_cost:
        title = "Cost of one slow client for the server"
        found.append(_chart(bars.costs(with_cost), f"{name}-cost", title, _cost_table(with_cost)))
    return found


def _phase_suffix(cells: Sequence[ScenarioResult]) -> str:
    """Return the end of the chart title that names the phase of the curves."""
    if any(step.rate for each in cells for step in each.steps):
        return ", at the best rate"
    named = {curves.latency_curve(each).phase for each in cells}
    if named <= set(labels.ADVERSE_PHASE_NAMES):
        return ", with slow clients" if any(each.slow_clients for each in cells) else ""
    if len(named) == 1:
        return f": {line(named.pop(), 60)}"
    searched = all(len(curves.names(each)) == 1 for each in cells)
    return "" if searched else ", in the worst phase of each server"


def _chart(drawn: str, name: str, title: str, table: Table) -> Chart:
    return Chart(title, Markup(svg.inline(drawn, name, title)), table)  # noqa: S704 - escaped by matplotlib and svg.py


def _percentile_table(cells: Sequence[ScenarioResult]) -> Table:
    asked = (50.0, 90.0, 99.0, 99.9, 99.99)
    rows = []
    for load in cells:
        latency_curve = curves.latency_curve(load)
        curve = dict(latency_curve.points)
        rows.append(
            [load.server, *(labels.duration(curve.get(each), at_least=each > latency_curve.exact) for each in asked)]
        )
    return ["server", *(f"{each:g} %" for each in asked)], rows


def _cost_table(cells: Sequence[ScenarioResult]) -> Table:
    rows = []
    for load in cells:
        cost = load.cost
        assert cost is not None
        each = [labels.number(value / cost.clients) for value in (cost.descriptors, cost.threads)]
        cpu = labels.duration(cost.cpu)
        rows.append([load.server, f"{cost.clients:,}", labels.size(cost.rss // cost.clients), *each, cpu])
    return ["server", "slow clients", "memory each", "descriptors each", "threads each", "CPU in total"], rows


def _metrics(cells: Sequence[ScenarioResult]) -> tuple[Table | None, list[tuple[str, str]]]:
    """Return a row for each metric with a column for each server, and the notes."""
    names = list(dict.fromkeys(each.label for load in cells for each in load.metrics))
    having = [load for load in cells if load.metrics]
    if not names:
        return None, []
    by_cell = {(load.server, each.label): each for load in having for each in load.metrics}
    rows = [[name, *(labels.metric(by_cell.get((load.server, name))) for load in having)] for name in names]
    # Equal notes of several servers become one note.
    servers_by_note: dict[tuple[str, str], list[str]] = {}
    for name in names:
        for load in having:
            found = by_cell.get((load.server, name))
            if found and found.note:
                servers_by_note.setdefault((name, found.note), []).append(load.server)
    notes = [
        (f"{line(name, 60)}{'' if len(servers) == len(having) else f' ({line(labels.join_names(servers), 300)})'}",
         line(note, 400))
        for (name, note), servers in servers_by_note.items()
    ]  # fmt: skip
    return (["metric", *(line(load.server, 40) for load in having)], rows), notes


def _columns(cells: Sequence[ScenarioResult]) -> tuple[list[str], list[list[str]]]:
    every = [_fields(each) for each in cells]
    heads = [name for name in every[0] if any(row[name] != labels.MISSING for row in every)]
    if "slowdown" in heads:
        # Slow clients affect the tail first. The table of phases has p50.
        heads = [name for name in heads if name != "p50"]
    return heads, [[row[name] for name in heads] for row in every]


def _fields(load: ScenarioResult) -> dict[str, str]:
    phase = labels.during(load)
    cost = load.cost if load.cost and load.cost.clients else None
    return {
        "goodput": labels.percent(load.goodput),
        "capacity": labels.metric(labels.capacity(load)),
        "best rate": labels.rate(labels.best_rate(load)),
        "p50": labels.duration(phase.p50, at_least=labels.is_lower_bound(phase, 0.5)) if phase else labels.MISSING,
        "p99": labels.duration(phase.p99, at_least=phase.censored) if phase else labels.MISSING,
        "slowdown": labels.ratio(load.slowdown, at_least=load.slowdown_censored),
        "N*": str(load.collapse) if load.collapse is not None else labels.MISSING,
        "recovery": labels.duration(load.recovery),
        "disconnect": labels.disconnect(load),
        "generator late": labels.duration(load.generator.lateness_p99) if load.generator else labels.MISSING,
        "memory each": labels.size(cost.rss // cost.clients) if cost else labels.MISSING,
    }


def _row(load: ScenarioResult, fields: Sequence[str], names: Anchors) -> Row:
    why = load.generator.why if load.generator and load.generator.why not in load.note else ""
    broken = [f"threshold broken: {each.message}" for each in load.broken]
    caveats = [*broken, load.note if load.grade in labels.NOT_JUDGED_GRADES else "", why, *load.caveats]
    return Row(
        names.load(load.server, load.scenario),
        load,
        labels.GRADES[load.grade].sign,
        labels.grade(load),
        fields,
        line(labels.conditions(load.conditions), 600),
        line(labels.conditions(load.parameters), 600),
        line("; ".join(each.rstrip(".") for each in caveats if each), 600),
        line(load.note, 600) if load.grade not in labels.NOT_JUDGED_GRADES else "",
        (["phase", "requests", "goodput", "p50", "p99", "longest", "outcomes"],
         [[*row, _outcomes(phase)] for row, phase in zip(_phases(load), load.phases, strict=True)]),
        _without_empty_columns(["clients", "goodput", "p50", "p99", "rate", ""], [_step(each) for each in load.steps]),
        _mark_escapes(escape_text(truncate_text(load.log, 6000)).strip("\n")),
        labels.disconnect(load, share=True),
    )  # fmt: skip


def _without_empty_columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return the table without empty columns."""
    shown = [place for place in range(len(heads)) if any(row[place] not in (labels.MISSING, "") for row in rows)]
    return [heads[place] for place in shown], [[row[place] for place in shown] for row in rows]


def _phases(load: ScenarioResult) -> list[list[str]]:
    return [
        [
            each.name,
            f"{each.scheduled:,}",
            labels.percent(each.goodput),
            labels.duration(each.p50, at_least=labels.is_lower_bound(each, 0.5)),
            labels.duration(each.p99, at_least=each.censored),
            labels.duration(each.maximum, at_least=labels.is_lower_bound(each, 1)),
        ]
        for each in load.phases
    ]


def _outcomes(phase: Phase) -> str:
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in phase.outcomes.items() if number)


def _step(step: Step) -> list[str]:
    p99 = labels.duration(step.p99, at_least=step.censored)
    p50 = labels.duration(step.p50, at_least=step.censored and (step.goodput or 0.0) < 0.5)
    state = "collapsed" if step.collapsed else ""
    return [str(step.clients), labels.percent(step.goodput), p50, p99, labels.rate(step.rate), state]


def _mark_escapes(text: str) -> Markup:
    """Return `text` for the page, with the escapes of unprintable bytes marked."""
    return Markup(_ESCAPES.sub(lambda found: f"<i>{found.group()}</i>", str(escape(text))))  # noqa: S704 - escaped here
