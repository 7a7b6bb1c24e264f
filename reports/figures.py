"""The load half of the page: for each scenario its charts, each with a table beside it, and a row for each server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from ..harness.model import Grade, Load, Phase, Results, ScenarioInfo, Step
from . import answer, charts, samples, svg, tally, words
from .bounds import cut_text
from .sections.names import Names
from .visible import clean, line, opening

_ESCAPES = re.compile(r"(?:\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[rntvf\\]))+")

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
    """One server's part of the opening picture."""

    server: str
    told: str
    note: str
    sign: str
    shade: str
    svg: Markup


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


@dataclass(frozen=True)
class Scenario:
    """One scenario: `columns` are only those that some server has a figure for."""

    id: str
    info: ScenarioInfo
    charts: Sequence[Chart]
    columns: Sequence[str]
    rows: Sequence[Row]


def picture(results: Results) -> Picture | None:
    """Return the opening picture, None where no scenario has samples."""
    name = answer.headline(results)
    if name is None:
        return None
    info, cells = tally.scenarios(results)[name]
    cells = [each for each in cells if each.samples]
    shared = samples.frame(cells)
    panels = []
    for number, load in enumerate(cells):
        told = f"{words.percent(load.goodput)} answered in time, {words.grade(load)}"
        title = f"{line(load.server)}: latency over time; {told}"
        drawn = svg.inline(charts.latency(load, shared), f"p{number}", title)
        panel = Markup(drawn)  # noqa: S704 - escaped by matplotlib and svg.py
        mark = words.GRADES[load.grade].sign
        panels.append(Panel(load.server, told, line(load.note, 600), mark, load.grade.value, panel))
    heads = ["server", "phase", "requests", "goodput", "p50", "p99", "longest"]
    return Picture(
        info, opening(info.summary), panels, (heads, [[load.server, *row] for load in cells for row in _phases(load)])
    )


def scenarios(results: Results, names: Names) -> list[Scenario]:
    """Return every scenario that has a cell."""
    found = []
    for name, (info, cells) in tally.scenarios(results).items():
        columns, fields = _columns(cells)
        rows = [_row(each, fields[place], names) for place, each in enumerate(cells)]
        found.append(Scenario(names.scenario(name), info, _charts(names.scenario(name), cells), columns, rows))
    return found


def _charts(name: str, cells: Sequence[Load]) -> list[Chart]:
    found = []
    curve = [each for each in cells if any(step.goodput is not None for step in each.steps)]
    rated = [each for each in cells if any(step.rate is not None for step in each.steps)]
    if rated:
        drawn = charts.throughput(rated)
        rows = [[each.server, str(step.clients), words.rate(step.rate)] for each in rated for step in each.steps]
        table: Table = (["server", "connections", "requests"], rows)
        found.append(_chart(drawn, f"{name}-rate", "Requests per second against connections", table))
    elif curve:
        drawn = charts.slow(curve)
        rows = [
            [each.server, str(step.clients), words.percent(step.goodput), "collapsed" if step.collapsed else ""]
            for each in curve
            for step in sorted(each.steps, key=lambda step: step.clients)
        ]
        table = (["server", "slow clients", "goodput", ""], rows)
        title = "What the healthy users got against the number of slow clients; N* marks the collapse"
        found.append(_chart(drawn, f"{name}-slow", title, table))
    else:
        known = [each for each in cells if each.goodput is not None]
        if known and any(each.grade is not Grade.MEASURED for each in known):
            ordered = sorted(known, key=lambda each: -(each.goodput or 0))
            table = (["server", "goodput"], [[each.server, words.percent(each.goodput)] for each in ordered])
            found.append(
                _chart(charts.goodput(known), f"{name}-good", "Goodput: requests answered right and in time", table)
            )
    tails = [each for each in cells if each.percentiles]
    if tails:
        closed = any(step.rate for each in tails for step in each.steps)
        title = f"Latency by percentile {'at the best rate' if closed else 'while others are slow'}"
        found.append(_chart(charts.percentiles(tails), f"{name}-tail", title, _tails(tails)))
    return found


def _chart(drawn: str, name: str, title: str, table: Table) -> Chart:
    return Chart(title, Markup(svg.inline(drawn, name, title)), table)  # noqa: S704 - escaped by matplotlib and svg.py


def _tails(cells: Sequence[Load]) -> Table:
    asked = (50.0, 90.0, 99.0, 99.9)
    rows = []
    for load in cells:
        phase = words.during(load)
        curve = {
            each.percentile: each.latency for each in load.percentiles if phase is None or each.phase == phase.name
        }
        rows.append([load.server, *(words.duration(curve.get(each)) for each in asked)])
    return ["server", *(f"{each:g} %" for each in asked)], rows


def _columns(cells: Sequence[Load]) -> tuple[list[str], list[list[str]]]:
    every = [_fields(each) for each in cells]
    heads = [name for name in every[0] if any(row[name] != words.MISSING for row in every)]
    return heads, [[row[name] for name in heads] for row in every]


def _fields(load: Load) -> dict[str, str]:
    phase = words.during(load)
    rate = max((each.rate for each in load.steps if each.rate is not None), default=None)
    return {
        "goodput": words.percent(load.goodput),
        "best rate": words.rate(rate),
        "p50": words.duration(phase.p50) if phase else words.MISSING,
        "p99": words.duration(phase.p99, at_least=phase.censored) if phase else words.MISSING,
        "slowdown": words.ratio(load.slowdown, at_least=load.slowdown_censored),
        "N*": str(load.collapse) if load.collapse is not None else words.MISSING,
        "recovery": words.duration(load.recovery),
        "slow clients dropped": _reaped(load),
        "memory each": words.size(load.cost.rss // max(load.cost.clients, 1)) if load.cost else words.MISSING,
    }


def _reaped(load: Load) -> str:
    if load.reaped is None:
        return words.MISSING
    if load.reaped.how == "never":
        return "never"
    return f"{load.reaped.how} after {words.duration(load.reaped.after)}"


def _row(load: Load, fields: Sequence[str], names: Names) -> Row:
    why = load.generator.why if load.generator and load.generator.why != load.note else ""
    doubts = [load.note if load.grade in words.UNJUDGED else "", why, *load.artefacts]
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
        (["clients", "goodput", "p50", "p99", "rate", ""], [_step(each) for each in load.steps]),
        _marked(clean(cut_text(load.log, 6000)).strip("\n")),
    )  # fmt: skip


def _phases(load: Load) -> list[list[str]]:
    return [
        [
            each.name,
            f"{each.scheduled:,}",
            words.percent(each.goodput),
            words.duration(each.p50),
            words.duration(each.p99, at_least=each.censored),
            words.duration(each.maximum),
        ]
        for each in load.phases
    ]


def _outcomes(phase: Phase) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in phase.outcomes.items() if number)


def _step(step: Step) -> list[str]:
    p99 = words.duration(step.p99, at_least=step.censored)
    told = "collapsed" if step.collapsed else ""
    return [str(step.clients), words.percent(step.goodput), words.duration(step.p50), p99, words.rate(step.rate), told]


def _marked(text: str) -> Markup:
    """Return `text` escaped for the page, what stands for unprintable bytes set apart."""
    return Markup(_ESCAPES.sub(lambda found: f"<i>{found.group()}</i>", str(escape(text))))  # noqa: S704 - escaped here
