"""The summary at the end of a run: on request findings, counts, figures and failures, then always the conclusion."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wsgi_gauntlet.harness.baseline.comparison import describe_status
from wsgi_gauntlet.harness.model import BaselineStatus, CaseResult, Results, ScenarioResult, Verdict
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.in_process import find_pairs
from wsgi_gauntlet.reports.analysis.key_findings import key_findings
from wsgi_gauntlet.reports.analysis.scaling import scaling_tables
from wsgi_gauntlet.reports.terminal.conclusion import print_conclusion
from wsgi_gauntlet.reports.terminal.summary_comparison import print_comparisons
from wsgi_gauntlet.reports.terminal.summary_history import print_version_history
from wsgi_gauntlet.reports.terminal.summary_overview import GRADE_STYLES, overview
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

MAX_SCENARIO_TABLES = 3
"""Up to this number, each scenario has its own table. Above it, one table has all, and the report has the details."""

MAX_CELLS_LISTED = 30
"""The largest number of failed cases listed. The report has all of them."""

_STYLES = {Verdict.FAIL: "bold red", Verdict.WARN: "yellow", Verdict.FLAKY: "magenta", Verdict.PASS: "green"}


def summary(
    results: Results,
    folder: Path | None = None,
    console: Console | None = None,
    *,
    every_change: bool = False,
    verbose: bool = False,
) -> None:
    """Print the summary on `console` (stderr by default). `folder` is the run folder.

    With `verbose` all tables come before the conclusion. With `every_change` it lists every case that a version fixed
    or broke.
    """
    out = console or Console(stderr=True)
    if verbose:
        _tables(results, out)
    if verbose or every_change:
        print_version_history(results, out, every_case=every_change)
    print_conclusion(results, folder, out)


def _tables(results: Results, out: Console) -> None:
    _heading(out, "")
    out.print(_key_findings_table(results))
    if aggregation.server_cells(results.conformance):
        _heading(out, "Conformance")
        out.print(_verdicts(results))
    _under_load(results, out)
    if results.baseline:
        _unexpected(results, out)
    else:
        _failing(results, out)
    _thresholds(results, out)
    _counts(results, out)
    print_comparisons(results, out)
    _in_process(results, out)


def _heading(out: Console, text: str) -> None:
    out.print(Text(f"\n{line(text)}" if text else "", style="bold"))


def _key_findings_table(results: Results) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in key_findings(results):
        table.add_row(Text(each.topic, style="bold"), Text(line(each.text)))
    return table


def _verdicts(results: Results) -> Table:
    shown = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("server", overflow="fold")
    for each in shown:
        table.add_column(Text(f"{labels.VERDICTS[each].sign} {each}"), justify="right", no_wrap=True)
    table.add_column("other", overflow="fold")
    if results.baseline:
        table.add_column("unexpected", justify="right", no_wrap=True)
    for name in aggregation.checked(results):
        counts = aggregation.count_for_server(results, name)
        numbers = [Text(str(counts[each]), style=_STYLES[each] if counts[each] else "dim") for each in shown]
        row = [*numbers, Text(counts.others, style="dim")]
        if results.baseline:
            row.append(Text(str(counts.unexpected), style="bold red" if counts.unexpected else "dim"))
        table.add_row(Text(line(name, 40)), *row)
    return table


def _under_load(results: Results, out: Console) -> None:
    scenarios = aggregation.scenarios(results)
    if len(scenarios) > MAX_SCENARIO_TABLES:
        _heading(out, "Under load")
        overview(results, out)
        reasons = [each for _, cells in scenarios.values() for each in _not_judged_reasons(cells, named=True)]
        for reason in reasons[:MAX_CELLS_LISTED]:
            out.print(reason, highlight=False)
        if len(reasons) > MAX_CELLS_LISTED:
            out.print(
                Text(
                    f"… and {labels.pluralize(len(reasons) - MAX_CELLS_LISTED, 'more cell')} in the report", style="dim"
                )
            )
        return
    for name, (info, cells) in scenarios.items():
        _heading(out, f"{info.title} ({name})" if info.title != name else name)
        out.print(_loads(cells))
        for reason in _not_judged_reasons(cells):
            out.print(reason, highlight=False)


def _loads(cells: list[ScenarioResult]) -> Table:
    fields = [_fields(each) for each in cells]
    heads = ["goodput", "p99", "slowdown", "recovery", "capacity", "best rate"]
    shown = [place for place in range(len(heads)) if any(row[place] != labels.MISSING for row in fields)]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("server", overflow="fold")
    table.add_column("grade", no_wrap=True)
    for place in shown:
        table.add_column(heads[place], justify="right", no_wrap=True)
    for each, row in zip(cells, fields, strict=True):
        grade_text = Text(
            f"{labels.GRADES[each.grade].sign} {labels.grade(each)}", style=GRADE_STYLES.get(each.grade, "")
        )
        table.add_row(Text(line(each.server, 40)), grade_text, *(Text(row[place]) for place in shown))
    return table


def _thresholds(results: Results, out: Console) -> None:
    broken = [(cell, each.message, each.table) for cell in results.load for each in cell.broken]
    unchecked = [(cell, each.message, each.table) for cell in results.load for each in cell.unchecked]
    for heading, found in (("Broken thresholds", broken), ("Thresholds that were not checked", unchecked)):
        if found:
            _heading(out, heading)
        for cell, message, table in found:
            text = f"{line(cell.server, 60)} in {line(cell.scenario, 60)}: {line(message)} ({line(table)})"
            out.print(Text(text), highlight=False)


def _counts(results: Results, out: Console) -> None:
    for each in scaling_tables(results):
        _heading(out, f"{line(each.server, 60)} by number of {each.what}")
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for head in each.heads:
            table.add_column(line(head, 40), justify="right", overflow="fold")
        for row in each.cells:
            table.add_row(*(Text(line(field, 40)) for field in row))
        out.print(table)


def _not_judged_reasons(cells: list[ScenarioResult], *, named: bool = False) -> list[Text]:
    found = []
    for each in cells:
        reason = each.note or (each.generator.why if each.generator else "")
        if reason and each.grade in labels.NOT_JUDGED_GRADES:
            where = f" in {line(each.scenario, 40)}" if named else ""
            text = f"{line(each.server, 40)}{where} is {each.grade.label}: {line(reason, 300)}"
            found.append(Text(text, style="dim"))
    return found


def _fields(load: ScenarioResult) -> list[str]:
    phase = labels.during(load)
    return [
        labels.percent(load.goodput),
        labels.duration(phase.p99, at_least=phase.censored) if phase else labels.MISSING,
        labels.ratio(load.slowdown, at_least=load.slowdown_censored),
        labels.duration(load.recovery),
        labels.metric(labels.capacity(load)),
        labels.rate(labels.best_rate(load)),
    ]


def _failing(results: Results, out: Console) -> None:
    failing: dict[str, list[CaseResult]] = defaultdict(list)
    for each in results.conformance:
        if each.verdict is Verdict.FAIL:
            failing[each.case].append(each)
    if not failing:
        return
    _heading(out, "Broken requirements")
    ordered = sorted(failing.items(), key=lambda each: -len(each[1]))
    for case, cells in ordered[:MAX_CELLS_LISTED]:
        tags = "".join(f" [{line(tag, 20)}]" for tag in cells[0].tags)
        servers = ", ".join(line(each.server, 40) for each in cells)
        out.print(Text.assemble((line(case), "bold"), (tags, "yellow"), f"\n    {servers}"), highlight=False)
    if len(ordered) > MAX_CELLS_LISTED:
        out.print(Text(f"… and {labels.pluralize(len(ordered) - MAX_CELLS_LISTED, 'more case')} in the report"))


def _in_process(results: Results, out: Console) -> None:
    for pair in find_pairs(results):
        _heading(out, f"{pair.wire} and {pair.in_process}: {pair.summary}")
        for wire, in_process in pair.differing[:MAX_CELLS_LISTED]:
            text = f"{line(wire.case)}: {wire.verdict} on the wire, {in_process.verdict} in-process"
            out.print(Text(text), highlight=False)


def _unexpected(results: Results, out: Console) -> None:
    breaking = aggregation.with_status(results, BaselineStatus.UNEXPECTED_FAIL, BaselineStatus.UNEXPECTED_PASS)
    stale = aggregation.with_status(results, BaselineStatus.OTHER, BaselineStatus.EXPIRED)
    for heading, cells in (("Different from the baseline", breaking), ("Baseline entries to check", stale)):
        if cells:
            _heading(out, heading)
        for each in cells[:MAX_CELLS_LISTED]:
            tags = "".join(f" [{line(tag, 20)}]" for tag in each.tags)
            text = Text.assemble((line(each.case), "bold"), (tags, "yellow"), f"\n    {line(each.server, 40)} ")
            out.print(text.append(line(describe_status(each), 400)), highlight=False)
        if len(cells) > MAX_CELLS_LISTED:
            out.print(Text(f"… and {labels.pluralize(len(cells) - MAX_CELLS_LISTED, 'more cell')} in the report"))
