"""`summary.md`: the run for an issue or a CI job's summary. Short enough for both, whatever the servers said.

Everything that is not ours is escaped: no markup, link, mention or table cell comes from a server.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from html import escape

from ..harness.baselines.baseline import told
from ..harness.model import Check, Load, Results, ScenarioInfo, Standing, Verdict
from ..harness.output import Output
from . import tally, words
from .answer import answer, ran, title
from .beside import lacking
from .beside import pairs as pairs_beside
from .counts import counts
from .pairs import pairs
from .promise import promise
from .sections import folklore
from .sections.environment import measured
from .sections.names import Names
from .sections.overview import key_figure
from .visible import line

LONGEST = 60_000
"""Characters; a comment on an issue may have 65,536."""

FEW = 3
"""Scenarios up to which each has a heading; more are folded away below one table of all."""


_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~@&!])")


def render(results: Results) -> str:
    """Return `results` as Markdown, the answer first."""
    parts: list[str] = []
    used = 0
    for part in _parts(results):
        if used + len(part) > LONGEST:
            shut = "\n</details>\n" * ("".join(parts).count("<details>") - "".join(parts).count("</details>"))
            parts.append(f"{shut}\n… cut here; report.html has all of it.\n")
            break
        parts.append(part)
        used += len(part)
    return "".join(parts)


OUTPUT = Output("markdown", "summary.md", render)


def plain(text: str, limit: int = 300) -> str:
    """Return `text` on one line with nothing in it that Markdown would act on."""
    return _SPECIAL.sub(r"\\\1", line(text, limit)).replace("://", "\\://")


def _parts(results: Results) -> Iterator[str]:
    yield f"# {title(results)}\n\n"
    if not results.finished:
        yield "> **This run was interrupted.** What had been measured by then is below.\n\n"
    where = measured(results.environment)
    yield f"{ran(results)}{f' · {plain(where)}' if where else ''}\n\n"
    yield "".join(f"- **{plain(each.lead)}**: {plain(each.text, 2000)}\n" for each in answer(results)) + "\n"
    if tally.about_servers(results.checks):
        yield from _conformance(results)
    yield from _promise(results)
    yield from _beside(results)
    yield from _in_process(results)
    yield from _folklore(results)
    yield from _thresholds(results)
    yield from _counts(results)
    yield from _under_load(results)
    absent = [each for each in results.servers.values() if not each.available]
    if absent:
        yield "## Not here\n\n"
        for each in absent:
            get = f"; get it with `{_code(each.get)}`" if each.get else ""
            yield f"- {plain(each.name)}: {plain(each.why) or 'not found'}{get}\n"


def _conformance(results: Results) -> Iterator[str]:
    shown = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)
    heads = " | ".join(f"{words.VERDICTS[each].sign} {each}" for each in shown)
    held = bool(results.baseline)
    table = f"## Conformance\n\n| server | {heads} | other |{' unexpected |' * held}\n"
    table += f"| :-- | {'--: | ' * len(shown)}:-- |{' --: |' * held}\n"
    for name in tally.checked(results):
        counts = tally.of_server(results, name)
        numbers = [str(counts[each]) for each in shown]
        table += f"| {plain(name)} | {' | '.join(numbers)} | {counts.others or 0} |{f' {counts.unexpected} |' * held}\n"
    yield f"{table}\n"
    yield from _unexpected(results)
    for verdict, heading in ((Verdict.FAIL, "Requirements broken (must)"), (Verdict.WARN, "Recommendations (should)")):
        by_case: dict[str, list[Check]] = defaultdict(list)
        for each in results.checks:
            if each.verdict is verdict:
                by_case[each.case].append(each)
        if by_case:
            yield f"<details><summary>{heading}: {words.counted(len(by_case), 'case')}</summary>\n\n"
            for case, cells in sorted(by_case.items(), key=lambda each: -len(each[1])):
                yield _case(case, cells)
            yield "\n</details>\n\n"


def _unexpected(results: Results) -> Iterator[str]:
    cells = tally.standing(results, *(each for each in Standing if each is not Standing.EXPECTED))
    if cells:
        yield f"### Not as the baseline expects ({plain(results.baseline)})\n\n"
        for each in cells:
            yield f"- `{_code(each.case)}`: {plain(each.server)} {plain(told(each))}\n"
        yield "\n"


def _promise(results: Results) -> Iterator[str]:
    found = promise(results)
    if found is None:
        return
    yield f"## WSGI's promise: any app on any server\n\n{plain(found.told, 600)}\n\n"
    if found.frameworks:
        table = f"| server | {' | '.join(each.title() for each in found.frameworks)} | did not come through |\n"
        table += f"| :-- |{' :-- |' * len(found.frameworks)} :-- |\n"
        for server in found.servers:
            boxes = [found.pairings.get((server, name)) for name in found.frameworks]
            told = [f"{words.VERDICTS[each.verdict].sign} {each.count}".rstrip() if each else "" for each in boxes]
            table += f"| {plain(server)} | {' | '.join(told)} | {plain(found.lost(server))} |\n"
        yield f"{table}\n"
    yield "".join(f"{name.title()} was not tried: {plain(why)}\n\n" for name, why in found.absent.items())


def _beside(results: Results) -> Iterator[str]:
    """Yield a table of the servers that differ in one thing, and the cases in which that shows."""
    found = pairs_beside(results)
    if found:
        yield "## What one difference changes\n\n| with | without | masked, fixed | caused, broke | under load |\n"
        yield "| :-- | :-- | --: | --: | :-- |\n"
        for each in found:
            load = f"{each.better} better, {each.worse} worse" if each.loads else ""
            counts = [str(len(cells)) if each.told else "" for cells in (each.gains, each.losses)]
            yield f"| {plain(each.other)} | {plain(each.plain)} | {' | '.join(counts)} | {load} |\n"
        yield "\n"
    for each in found:
        for word, cells in ((each.difference.gain, each.gains), (each.difference.loss, each.losses)):
            if cells:
                listed = ", ".join(f"`{_code(cell.case)}`" for cell, _ in cells)
                yield f"- {plain(each.other)} beside {plain(each.plain)}, {word}: {listed}\n"
    for lack in lacking(results):
        yield f"- Add {plain(lack.alone)}: it shows what {plain(lack.front)} changes in {plain(lack.chain)}.\n"
    yield "\n"


def _in_process(results: Results) -> Iterator[str]:
    for pair in pairs(results):
        yield f"## On the wire and in-process: {plain(pair.wire)} and {plain(pair.within)}\n\n"
        yield f"They came to {pair.told}.\n\n"
        for wire, within in pair.differing:
            yield f"- `{_code(wire.case)}`: {wire.verdict} on the wire, {within.verdict} in-process\n"
            yield "".join(
                f"  - {each.verdict}: expected {plain(each.expected)}, got {plain(each.actual)}\n"
                for each in (wire, within)
                if each.actual
            )
        yield "\n"


def _case(case: str, cells: list[Check]) -> str:
    tags = "".join(f" ({plain(tag)})" for tag in cells[0].tags)
    head = f"- `{_code(case)}`{tags}: {', '.join(map(_server, cells))}\n"
    first = cells[0]
    if not first.expected and not first.actual:
        return head
    return f"{head}  - expected {plain(first.expected)}; {plain(first.server)} gave {plain(first.actual)}\n"


def _server(cell: Check) -> str:
    expected = cell.baseline is not None and cell.baseline.standing is Standing.EXPECTED
    return plain(cell.server) + (f" ({plain(told(cell))})" if expected else "")


def _folklore(results: Results) -> Iterator[str]:
    names = Names()
    found, aside = folklore.statements(results, names), folklore.not_here(results, names)
    if found or aside:
        yield "## Folklore, measured here\n\n"
    for each in found:
        yield f"- **{plain(each.statement)}**: {each.told}\n"
        yield "".join(
            f"  - {row.sign} {plain(row.server)}: {row.held}. {plain(row.figures, 600)}\n" for row in each.rows
        )
    yield "".join(f"- {plain(each.scenario)}, {plain(each.server)}: not here. {plain(each.why)}\n" for each in aside)
    yield "\n" if found or aside else ""


def _thresholds(results: Results) -> Iterator[str]:
    lines = [
        f"- {plain(cell.server)} in `{_code(cell.scenario)}`: {plain(each.told)} (`{_code(each.table)}`)\n"
        for cell in results.loads
        for each in cell.broken
    ]
    if lines:
        yield "## Thresholds broken\n\n"
        yield from lines
        yield "\n"


def _counts(results: Results) -> Iterator[str]:
    for each in counts(results):
        yield f"## {plain(each.server)} by its number of {each.what}\n\n"
        yield f"| {' | '.join(map(plain, each.heads))} |\n|{' --: |' * len(each.heads)}\n"
        yield "".join(f"| {' | '.join(map(plain, row))} |\n" for row in each.cells) + "\n"


def _under_load(results: Results) -> Iterator[str]:
    scenarios = tally.scenarios(results)
    many = len(scenarios) > FEW
    if many:
        yield _overview(scenarios)
    for name, (info, cells) in scenarios.items():
        if many:
            # Within this element Markdown is not read, HTML is.
            yield f"<details><summary>{escape(line(f'{info.title} ({name})', 200))}</summary>\n\n"
        else:
            yield f"## {plain(info.title)} (`{_code(name)}`)\n\n"
        yield _loads(cells)
        yield _measures(cells)
        if many:
            yield "</details>\n\n"


def _overview(scenarios: dict[str, tuple[ScenarioInfo, list[Load]]]) -> str:
    servers = list(dict.fromkeys(each.server for _, cells in scenarios.values() for each in cells))
    table = f"## Under load\n\n| scenario | {' | '.join(map(plain, servers))} |\n| :-- |{' :-- |' * len(servers)}\n"
    for name, (_, cells) in scenarios.items():
        by_server = {each.server: each for each in cells}
        signs = [_sign(by_server[each]) if each in by_server else "" for each in servers]
        table += f"| `{_code(name)}` | {' | '.join(signs)} |\n"
    used = {each.grade for _, cells in scenarios.values() for each in cells}
    legend = ", ".join(f"{mark.sign} {grade}" for grade, mark in words.GRADES.items() if grade in used)
    return f"{table}\n{legend}; N\\* is the fewest slow clients that do it.\n\n"


def _sign(load: Load) -> str:
    return f"{words.GRADES[load.grade].sign} {key_figure(load)}".replace("*", "\\*").rstrip()


def _measures(cells: list[Load]) -> str:
    """Return a line for each figure of a scenario's own, with every server's."""
    told: dict[str, list[str]] = defaultdict(list)
    for load in cells:
        for each in load.measures:
            told[each.name].append(f"{plain(load.server)} {words.measure(each)}")
    lines = [f"- {plain(name, 100)}: {', '.join(values)}\n" for name, values in told.items()]
    return "".join(lines) + "\n" if lines else ""


def _loads(cells: list[Load]) -> str:
    heads = "| server | grade | goodput | p99 | slowdown | recovery | slow ones dropped | with |\n"
    table = f"{heads}| :-- | :-- | --: | --: | --: | --: | :-- | :-- |\n"
    for each in cells:
        phase = words.during(each)
        fields = [
            plain(each.server),
            f"{words.GRADES[each.grade].sign} {words.grade(each)}{_best(each)}",
            words.percent(each.goodput),
            words.duration(phase.p99, at_least=phase.censored) if phase else words.MISSING,
            words.ratio(each.slowdown, at_least=each.slowdown_censored),
            words.duration(each.recovery),
            plain(words.reaped(each)),
            plain(words.conditions(each.conditions)),
        ]
        table += f"| {' | '.join(fields)} |\n"
    return f"{table}\n"


def _best(load: Load) -> str:
    best = words.rated(load)
    return f", {best}" if best != words.MISSING else ""


def _code(text: str) -> str:
    return line(text, 300).replace("`", "'").replace("|", "¦")
