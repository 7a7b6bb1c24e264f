"""`summary.md`: a short summary of the run for an issue or a CI job.

Text from servers is escaped, so that it adds no markup, link, mention or table cell.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from html import escape

from wsgi_gauntlet.harness.baseline.comparison import describe_status
from wsgi_gauntlet.harness.model import BaselineStatus, CaseResult, Results, ScenarioInfo, ScenarioResult, Verdict
from wsgi_gauntlet.harness.store.output_format import Output
from wsgi_gauntlet.reports.analysis import aggregation, claims
from wsgi_gauntlet.reports.analysis.comparison import find_pairs as find_compared_pairs
from wsgi_gauntlet.reports.analysis.comparison import missing_servers
from wsgi_gauntlet.reports.analysis.framework_matrix import framework_matrix
from wsgi_gauntlet.reports.analysis.in_process import find_pairs
from wsgi_gauntlet.reports.analysis.key_figure import key_figure
from wsgi_gauntlet.reports.analysis.key_findings import key_findings, run_description, title
from wsgi_gauntlet.reports.analysis.scaling import scaling_tables
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.comparison_summary import comparison_section
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.text.run_environment import describe_machine

MAX_CHARACTERS = 60_000
"""Characters; a comment on an issue may have 65,536."""

MAX_SCENARIO_HEADINGS = 3
"""Scenarios up to which each has a heading. More are folded below one table."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~@&!])")


def render(results: Results) -> str:
    """Return `results` as Markdown, the findings first."""
    parts: list[str] = []
    used = 0
    for part in _parts(results):
        if used + len(part) > MAX_CHARACTERS:
            shut = "\n</details>\n" * ("".join(parts).count("<details>") - "".join(parts).count("</details>"))
            parts.append(f"{shut}\n… cut here; report.html has the rest.\n")
            break
        parts.append(part)
        used += len(part)
    return "".join(parts)


OUTPUT = Output("markdown", "summary.md", render)


def escape_markdown(text: str, limit: int = 300) -> str:
    """Return `text` on one line with all Markdown escaped."""
    return _SPECIAL.sub(r"\\\1", line(text, limit)).replace("://", "\\://")


def _parts(results: Results) -> Iterator[str]:
    yield f"# {title(results)}\n\n"
    if not results.finished:
        yield "> **This run was interrupted.** The results up to then are below.\n\n"
    where = describe_machine(results.environment)
    yield f"{run_description(results)}{f' · {escape_markdown(where)}' if where else ''}\n\n"
    yield (
        "".join(
            f"- **{escape_markdown(each.topic)}**: {escape_markdown(each.text, 2000)}\n"
            for each in key_findings(results)
        )
        + "\n"
    )
    yield comparison_section(results)
    if aggregation.server_cells(results.conformance):
        yield from _conformance(results)
    yield from _framework_matrix(results)
    yield from _comparisons(results)
    yield from _in_process(results)
    yield from _claims(results)
    yield from _thresholds(results)
    yield from _scaling(results)
    yield from _under_load(results)
    unavailable = [each for each in results.servers.values() if not each.available]
    if unavailable:
        yield "## Not available\n\n"
        for each in unavailable:
            get = f"; install it with `{_code(each.get)}`" if each.get else ""
            yield f"- {escape_markdown(each.name)}: {escape_markdown(each.why) or 'not found'}{get}\n"


def _conformance(results: Results) -> Iterator[str]:
    shown = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)
    heads = " | ".join(f"{labels.VERDICTS[each].sign} {each}" for each in shown)
    with_baseline = bool(results.baseline)
    table = f"## Conformance\n\n| server | {heads} | other |{' unexpected |' * with_baseline}\n"
    table += f"| :-- | {'--: | ' * len(shown)}:-- |{' --: |' * with_baseline}\n"
    for name in aggregation.checked(results):
        counts = aggregation.count_for_server(results, name)
        numbers = [str(counts[each]) for each in shown]
        table += (
            f"| {escape_markdown(name)} | {' | '.join(numbers)} | {counts.others or 0} "
            f"|{f' {counts.unexpected} |' * with_baseline}\n"
        )
    yield f"{table}\n"
    yield from _unexpected(results)
    for verdict, heading in (
        (Verdict.FAIL, "Broken requirements (must)"),
        (Verdict.WARN, "Broken recommendations (should)"),
    ):
        by_case: dict[str, list[CaseResult]] = defaultdict(list)
        for each in results.conformance:
            if each.verdict is verdict:
                by_case[each.case].append(each)
        if by_case:
            yield f"<details><summary>{heading}: {labels.pluralize(len(by_case), 'case')}</summary>\n\n"
            for case, cells in sorted(by_case.items(), key=lambda each: -len(each[1])):
                yield _case(case, cells)
            yield "\n</details>\n\n"


def _unexpected(results: Results) -> Iterator[str]:
    cells = aggregation.with_status(results, *(each for each in BaselineStatus if each is not BaselineStatus.EXPECTED))
    if cells:
        yield f"### Different from the baseline ({escape_markdown(results.baseline)})\n\n"
        for each in cells:
            yield f"- `{_code(each.case)}`: {escape_markdown(each.server)} {escape_markdown(describe_status(each))}\n"
        yield "\n"


def _framework_matrix(results: Results) -> Iterator[str]:
    found = framework_matrix(results)
    if found is None:
        return
    yield f"## Servers and frameworks\n\n{escape_markdown(found.summary, 600)}\n\n"
    if found.frameworks:
        table = f"| server | {' | '.join(each.title() for each in found.frameworks)} | failed cases |\n"
        table += f"| :-- |{' :-- |' * len(found.frameworks)} :-- |\n"
        for server in found.servers:
            boxes = [found.pairings.get((server, name)) for name in found.frameworks]
            counts_text = [
                f"{labels.VERDICTS[each.verdict].sign} {each.count}".rstrip() if each else "" for each in boxes
            ]
            table += (
                f"| {escape_markdown(server)} | {' | '.join(counts_text)} | "
                f"{escape_markdown(found.failed_cases(server))} |\n"
            )
        yield f"{table}\n"
    yield "".join(f"{name.title()} did not run: {escape_markdown(why)}\n\n" for name, why in found.unavailable.items())


def _comparisons(results: Results) -> Iterator[str]:
    """Yield a table of the servers that differ in one thing, and the cases that differ."""
    found = find_compared_pairs(results)
    if found:
        yield "## Servers that differ in one thing\n\n| with | without | masked, fixed | caused, broke | under load |\n"
        yield "| :-- | :-- | --: | --: | :-- |\n"
        for each in found:
            load = f"{each.better} better, {each.worse} worse" if each.loads else ""
            counts = [str(len(cells)) if each.summary else "" for cells in (each.improved, each.worsened)]
            yield f"| {escape_markdown(each.other)} | {escape_markdown(each.plain)} | {' | '.join(counts)} | {load} |\n"
        yield "\n"
    for each in found:
        for word, cells in (
            (each.difference.improved_label, each.improved),
            (each.difference.worsened_label, each.worsened),
        ):
            if cells:
                listed = ", ".join(f"`{_code(cell.case)}`" for cell, _ in cells)
                yield f"- {escape_markdown(each.other)} and {escape_markdown(each.plain)}, {word}: {listed}\n"
    for missing in missing_servers(results):
        yield (
            f"- Add {escape_markdown(missing.alone)} to see the effect of {escape_markdown(missing.front)} in "
            f"{escape_markdown(missing.chain)}.\n"
        )
    yield "\n"


def _in_process(results: Results) -> Iterator[str]:
    for pair in find_pairs(results):
        yield f"## On the wire and in-process: {escape_markdown(pair.wire)} and {escape_markdown(pair.in_process)}\n\n"
        yield f"{pair.summary.capitalize()}.\n\n"
        for wire, in_process in pair.differing:
            yield f"- `{_code(wire.case)}`: {wire.verdict} on the wire, {in_process.verdict} in-process\n"
            yield "".join(
                f"  - {each.verdict}: expected {escape_markdown(each.expected)}, got {escape_markdown(each.actual)}\n"
                for each in (wire, in_process)
                if each.actual
            )
        yield "\n"


def _case(case: str, cells: list[CaseResult]) -> str:
    tags = "".join(f" ({escape_markdown(tag)})" for tag in cells[0].tags)
    head = f"- `{_code(case)}`{tags}: {', '.join(map(_server, cells))}\n"
    first = cells[0]
    if not first.expected and not first.actual:
        return head
    return (
        f"{head}  - expected {escape_markdown(first.expected)}; {escape_markdown(first.server)} gave "
        f"{escape_markdown(first.actual)}\n"
    )


def _server(cell: CaseResult) -> str:
    expected = cell.baseline is not None and cell.baseline.status is BaselineStatus.EXPECTED
    return escape_markdown(cell.server) + (f" ({escape_markdown(describe_status(cell))})" if expected else "")


def _claims(results: Results) -> Iterator[str]:
    found, unmeasured = claims.statements(results), claims.unmeasured_claims(results)
    if found or unmeasured:
        yield "## Claims\n\n"
    for each in found:
        yield f"- **{escape_markdown(each.statement)}**: {each.summary}\n"
        yield "".join(
            f"  - {labels.CLAIM_VERDICTS[row.verdict].sign} {escape_markdown(row.server)}: {row.verdict.label}. "
            f"{escape_markdown(row.figures, 600)}\n"
            for row in each.rows
        )
    yield "".join(
        f"- {escape_markdown(each.title)}, {escape_markdown(each.server)}: not measured. {escape_markdown(each.why)}\n"
        for each in unmeasured
    )
    yield "\n" if found or unmeasured else ""


def _thresholds(results: Results) -> Iterator[str]:
    lines = [
        f"- {escape_markdown(cell.server)} in `{_code(cell.scenario)}`: {escape_markdown(each.message)} "
        f"(`{_code(each.table)}`)\n"
        for cell in results.load
        for each in cell.broken
    ]
    if lines:
        yield "## Broken thresholds\n\n"
        yield from lines
        yield "\n"


def _scaling(results: Results) -> Iterator[str]:
    for each in scaling_tables(results):
        yield f"## {escape_markdown(each.server)} by number of {each.what}\n\n"
        yield f"| {' | '.join(map(escape_markdown, each.heads))} |\n|{' --: |' * len(each.heads)}\n"
        yield "".join(f"| {' | '.join(map(escape_markdown, row))} |\n" for row in each.cells) + "\n"


def _under_load(results: Results) -> Iterator[str]:
    scenarios = aggregation.scenarios(results)
    many = len(scenarios) > MAX_SCENARIO_HEADINGS
    if many:
        yield _overview(scenarios)
    for name, (info, cells) in scenarios.items():
        if many:
            # GitHub reads HTML, not Markdown, inside of this element.
            yield f"<details><summary>{escape(line(f'{info.title} ({name})', 200))}</summary>\n\n"
        else:
            yield f"## {escape_markdown(info.title)} (`{_code(name)}`)\n\n"
        yield _loads(cells)
        yield _metrics(cells)
        if many:
            yield "</details>\n\n"


def _overview(scenarios: dict[str, tuple[ScenarioInfo, list[ScenarioResult]]]) -> str:
    servers = list(dict.fromkeys(each.server for _, cells in scenarios.values() for each in cells))
    table = (
        f"## Under load\n\n| scenario | {' | '.join(map(escape_markdown, servers))} |\n| :-- "
        f"|{' :-- |' * len(servers)}\n"
    )
    for name, (_, cells) in scenarios.items():
        by_server = {each.server: each for each in cells}
        signs = [_sign(by_server[each]) if each in by_server else "" for each in servers]
        table += f"| `{_code(name)}` | {' | '.join(signs)} |\n"
    used = {each.grade for _, cells in scenarios.values() for each in cells}
    legend = ", ".join(f"{mark.sign} {grade.label}" for grade, mark in labels.GRADES.items() if grade in used)
    return f"{table}\n{legend}; N\\* is the smallest number of slow clients that makes the server collapse.\n\n"


def _sign(load: ScenarioResult) -> str:
    return f"{labels.GRADES[load.grade].sign} {key_figure(load)}".replace("*", "\\*").rstrip()


def _metrics(cells: list[ScenarioResult]) -> str:
    """Return a line for each metric with the values of all servers."""
    values_by_name: dict[str, list[str]] = defaultdict(list)
    for load in cells:
        for each in load.metrics:
            values_by_name[each.label].append(f"{escape_markdown(load.server)} {labels.metric(each)}")
    lines = [f"- {escape_markdown(name, 100)}: {', '.join(values)}\n" for name, values in values_by_name.items()]
    return "".join(lines) + "\n" if lines else ""


def _loads(cells: list[ScenarioResult]) -> str:
    heads = "| server | grade | goodput | p99 | slowdown | recovery | disconnect | conditions |\n"
    table = f"{heads}| :-- | :-- | --: | --: | --: | --: | :-- | :-- |\n"
    for each in cells:
        phase = labels.during(each)
        fields = [
            escape_markdown(each.server),
            f"{labels.GRADES[each.grade].sign} {labels.grade(each)}{_best(each)}",
            labels.percent(each.goodput),
            labels.duration(phase.p99, at_least=phase.censored) if phase else labels.MISSING,
            labels.ratio(each.slowdown, at_least=each.slowdown_censored),
            labels.duration(each.recovery),
            escape_markdown(labels.disconnect(each)),
            escape_markdown(labels.conditions(each.conditions)),
        ]
        table += f"| {' | '.join(fields)} |\n"
    return f"{table}\n"


def _best(load: ScenarioResult) -> str:
    best = labels.format_best_rate(load)
    return f", {best}" if best != labels.MISSING else ""


def _code(text: str) -> str:
    return line(text, 300).replace("`", "'").replace("|", "¦")
