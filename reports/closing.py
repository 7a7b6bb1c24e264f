"""The end of a run on the terminal: the answer in words, counts, figures, what failed, and where the page is."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..harness.baselines.baseline import told
from ..harness.model import Check, Load, Results, Standing, Verdict
from . import tally, words
from .answer import answer
from .closing_beside import beside
from .closing_history import over_versions
from .closing_overview import GRADE_STYLES, overview
from .counts import counts
from .pairs import pairs
from .visible import line

FEW = 3
"""Scenarios up to which each has a table of its own; of more there is one table, and the page has the rest."""

LISTED = 30
"""Failing cases that are listed; the page has them all."""

_STYLES = {Verdict.FAIL: "bold red", Verdict.WARN: "yellow", Verdict.FLAKY: "magenta", Verdict.PASS: "green"}


def summary(results: Results, folder: Path | None = None, console: Console | None = None) -> None:
    """Print what `results` come to on `console` (stderr by default); `folder` is where the run's files lie."""
    out = console or Console(stderr=True)
    _heading(out, "")
    if not results.finished:
        out.print(Text("Interrupted: what had been measured by then is below.", style="bold yellow"))
    out.print(_sentences(results))
    if tally.about_servers(results.checks):
        _heading(out, "Conformance")
        out.print(_verdicts(results))
    _under_load(results, out)
    if results.baseline:
        _unexpected(results, out)
    else:
        _failing(results, out)
    _counts(results, out)
    beside(results, out)
    _in_process(results, out)
    over_versions(results, out)
    if folder is not None:
        _heading(out, "")
        out.print(Text(f"The report: {line(str(folder / 'report.html'))}"), soft_wrap=True, highlight=False)


def _heading(out: Console, text: str) -> None:
    out.print(Text(f"\n{line(text)}" if text else "", style="bold"))


def _sentences(results: Results) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in answer(results):
        table.add_row(Text(each.lead, style="bold"), Text(line(each.text)))
    return table


def _verdicts(results: Results) -> Table:
    shown = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("server", overflow="fold")
    for each in shown:
        table.add_column(Text(f"{words.VERDICTS[each].sign} {each}"), justify="right", no_wrap=True)
    table.add_column("other", overflow="fold")
    if results.baseline:
        table.add_column("unexpected", justify="right", no_wrap=True)
    for name in tally.checked(results):
        counts = tally.of_server(results, name)
        numbers = [Text(str(counts[each]), style=_STYLES[each] if counts[each] else "dim") for each in shown]
        row = [*numbers, Text(counts.others, style="dim")]
        if results.baseline:
            row.append(Text(str(counts.unexpected), style="bold red" if counts.unexpected else "dim"))
        table.add_row(Text(line(name, 40)), *row)
    return table


def _under_load(results: Results, out: Console) -> None:
    scenarios = tally.scenarios(results)
    if len(scenarios) > FEW:
        _heading(out, "Under load")
        overview(results, out)
        doubts = [each for _, cells in scenarios.values() for each in _doubts(cells, named=True)]
        for doubt in doubts[:LISTED]:
            out.print(doubt, highlight=False)
        if len(doubts) > LISTED:
            out.print(Text(f"… and {words.counted(len(doubts) - LISTED, 'more cell')} in the report", style="dim"))
        return
    for name, (info, cells) in scenarios.items():
        _heading(out, f"{info.title} ({name})" if info.title != name else name)
        out.print(_loads(cells))
        for doubt in _doubts(cells):
            out.print(doubt, highlight=False)


def _loads(cells: list[Load]) -> Table:
    fields = [_fields(each) for each in cells]
    heads = ["goodput", "p99", "slowdown", "recovery", "capacity", "best rate"]
    shown = [place for place in range(len(heads)) if any(row[place] != words.MISSING for row in fields)]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("server", overflow="fold")
    table.add_column("grade", no_wrap=True)
    for place in shown:
        table.add_column(heads[place], justify="right", no_wrap=True)
    for each, row in zip(cells, fields, strict=True):
        told = Text(f"{words.GRADES[each.grade].sign} {words.grade(each)}", style=GRADE_STYLES.get(each.grade, ""))
        table.add_row(Text(line(each.server, 40)), told, *(Text(row[place]) for place in shown))
    return table


def _counts(results: Results, out: Console) -> None:
    for each in counts(results):
        _heading(out, f"{line(each.server, 60)} by its number of {each.what}")
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for head in each.heads:
            table.add_column(line(head, 40), justify="right", overflow="fold")
        for row in each.cells:
            table.add_row(*(Text(line(field, 40)) for field in row))
        out.print(table)


def _doubts(cells: list[Load], *, named: bool = False) -> list[Text]:
    found = []
    for each in cells:
        doubt = each.note or (each.generator.why if each.generator else "")
        if doubt and each.grade in words.UNJUDGED:
            where = f" in {line(each.scenario, 40)}" if named else ""
            told = f"{line(each.server, 40)}{where} is {each.grade}: {line(doubt, 300)}"
            found.append(Text(told, style="dim"))
    return found


def _fields(load: Load) -> list[str]:
    phase = words.during(load)
    return [
        words.percent(load.goodput),
        words.duration(phase.p99, at_least=phase.censored) if phase else words.MISSING,
        words.ratio(load.slowdown, at_least=load.slowdown_censored),
        words.duration(load.recovery),
        words.measure(words.capacity(load)),
        words.rate(words.best_rate(load)),
    ]


def _failing(results: Results, out: Console) -> None:
    failing: dict[str, list[Check]] = defaultdict(list)
    for each in results.checks:
        if each.verdict is Verdict.FAIL:
            failing[each.case].append(each)
    if not failing:
        return
    _heading(out, "Requirements broken")
    ordered = sorted(failing.items(), key=lambda each: -len(each[1]))
    for case, cells in ordered[:LISTED]:
        tags = "".join(f" [{line(tag, 20)}]" for tag in cells[0].tags)
        servers = ", ".join(line(each.server, 40) for each in cells)
        out.print(Text.assemble((line(case), "bold"), (tags, "yellow"), f"\n    {servers}"), highlight=False)
    if len(ordered) > LISTED:
        out.print(Text(f"… and {words.counted(len(ordered) - LISTED, 'more case')} in the report"))


def _in_process(results: Results, out: Console) -> None:
    for pair in pairs(results):
        _heading(out, f"{pair.wire} and {pair.within}: {pair.told}")
        for wire, within in pair.differing[:LISTED]:
            text = f"{line(wire.case)}: {wire.verdict} on the wire, {within.verdict} in-process"
            out.print(Text(text), highlight=False)


def _unexpected(results: Results, out: Console) -> None:
    breaking = tally.standing(results, Standing.UNEXPECTED_FAIL, Standing.UNEXPECTED_PASS)
    stale = tally.standing(results, Standing.OTHER, Standing.EXPIRED)
    for heading, cells in (("Not as the baseline expects", breaking), ("Entries of the baseline to look at", stale)):
        if cells:
            _heading(out, heading)
        for each in cells[:LISTED]:
            tags = "".join(f" [{line(tag, 20)}]" for tag in each.tags)
            text = Text.assemble((line(each.case), "bold"), (tags, "yellow"), f"\n    {line(each.server, 40)} ")
            out.print(text.append(line(told(each), 400)), highlight=False)
        if len(cells) > LISTED:
            out.print(Text(f"… and {words.counted(len(cells) - LISTED, 'more cell')} in the report"))
