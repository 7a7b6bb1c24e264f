"""`summary.md`: the run in Markdown, for the summary of a CI job or an issue. The most important things come first.

All text from servers is in code spans, so that it adds no markup, link, mention or issue reference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.baseline.comparison import describe_status
from wsgi_gauntlet.harness.model import BaselineStatus, CaseResult, Claim, Level, Results, ScenarioResult, Verdict
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.harness.model.requirement import RequirementResult
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.cards import cards
from wsgi_gauntlet.reports.analysis.changes import Change, what_changed
from wsgi_gauntlet.reports.analysis.comparison import find_pairs as find_compared_pairs
from wsgi_gauntlet.reports.analysis.comparison import missing_servers
from wsgi_gauntlet.reports.analysis.framework_matrix import framework_matrix
from wsgi_gauntlet.reports.analysis.headline import NOT_JUDGED_LOAD, describe_slow_clients, headline, run_line
from wsgi_gauntlet.reports.analysis.in_process import find_pairs
from wsgi_gauntlet.reports.analysis.key_figure import key_figure
from wsgi_gauntlet.reports.analysis.requirements import by_requirement, user_app_findings
from wsgi_gauntlet.reports.analysis.scaling import scaling_tables
from wsgi_gauntlet.reports.analysis.scoreboard import Row, Scoreboard, scoreboard
from wsgi_gauntlet.reports.analysis.thresholds import thresholds_text
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.comparison_summary import comparison_section
from wsgi_gauntlet.reports.text.labels import MISSING, duration, percent, pluralize
from wsgi_gauntlet.reports.text.markdown_text import code, prose, table_code, table_prose
from wsgi_gauntlet.reports.text.recommendation_text import recommendation_lines

GITHUB_LIMIT_BYTES = 1_048_576
"""The largest summary of a step that GitHub accepts, in UTF-8."""

MAX_BYTES = 1_000_000
"""The largest summary.md: other commands of the same step may add to the summary too."""

NOTE_BYTES = 4_000
"""Kept free for the note about what was left out."""

MAX_SCENARIO_HEADINGS = 3
"""Scenarios up to which each has a heading. More are folded."""

MAX_SERVERS_PER_REQUIREMENT = 20
"""Servers that broke one requirement and are named. Of more, the number follows."""


@dataclass(frozen=True)
class Section:
    """A part of the summary. If it does not fit, lines of its end are left out; `end` closes it."""

    title: str
    head: str
    lines: Sequence[str]
    end: str = "\n"


def render(results: Results) -> str:
    """Return `results` as Markdown, with at most MAX_BYTES bytes in UTF-8."""
    parts: list[str] = []
    left_out: list[str] = []
    room = MAX_BYTES - NOTE_BYTES
    for section in _sections(results):
        frame = _bytes(section.head) + _bytes(section.end)
        kept: list[str] = []
        for each in section.lines:
            if frame + _bytes(each) > room:
                break
            room -= _bytes(each)
            kept.append(each)
        missing = len(section.lines) - len(kept)
        if missing:
            left_out.append(f"{pluralize(missing, 'line')} of “{section.title}”")
        if (kept or not section.lines) and frame <= room:
            parts += [section.head, *kept, section.end]
            room -= frame
    if left_out:
        note = f"Left out, because a summary on GitHub may have 1 MiB: {labels.join_names(left_out)}."
        parts.append(f"{prose(note, 3_000)} report.html has everything.\n")
    return "".join(parts)


def _bytes(text: str) -> int:
    return len(text.encode())


def _sections(results: Results) -> Iterator[Section]:
    board = scoreboard(results)
    requirements = _broken_requirements(results)
    yield _first_lines(results, board)
    if answer := recommendation_lines(results):
        yield Section("Recommendation", "", answer)
    yield from _changes(results)
    if rounds := comparison_section(results):
        yield Section("Comparison in rounds", "", rounds.splitlines(keepends=True))
    yield from _scoreboard(board)
    yield from _slow_clients(results)
    yield from _thresholds(results)
    yield from _comparisons(results)
    yield from _broken(
        "Security requirements (must) broken",
        [found for found in requirements.values() if found[0].is_security and _worst(found) is Verdict.FAIL],
        opened=True,
    )
    yield from _framework_matrix(results)
    yield from _in_process(results)
    yield from _claims(results)
    yield from _scaling(results)
    yield from _not_judged(results)
    yield from _unavailable(results)
    yield from _broken(
        "Other requirements (must) broken",
        [found for found in requirements.values() if not found[0].is_security and found[0].level is Level.MUST],
    )
    yield from _broken(
        "Recommendations (should) broken",
        [found for found in requirements.values() if found[0].level is not Level.MUST],
    )
    yield from _words(board)
    yield from _scenarios(results)


def _first_lines(results: Results, board: Scoreboard) -> Section:
    lines = [f"# {prose(headline(results, board).text, 400)}\n\n"]
    if results.stopped:
        lines.append("> **This run stopped at its first failure.** The results up to then are below.\n\n")
    elif not results.finished:
        lines.append("> **This run was interrupted.** The results up to then are below.\n\n")
    lines.append(f"{prose(run_line(results).text)}\n\n")
    lines += [f"- **{prose(each.title)}**: {prose(f'{each.answer}: {each.text}')}\n" for each in cards(results, board)]
    lines += [f"- **{prose(topic)}**: {prose(text, 2_000)}\n" for topic, text in user_app_findings(results)]
    return Section("first lines", "", lines)


def _changes(results: Results) -> Iterator[Section]:
    changed = what_changed(results)
    if changed is None:
        return
    lines = [
        _change(heading, variants)
        for heading, changes in (
            ("New failure", changed.new_failures),
            ("Fixed", changed.fixed),
            ("Changed", changed.others),
        )
        for variants in _by_requirement_and_reason(changes)
    ]
    yield Section(
        "What changed", f"## What changed\n\nAgainst {code(changed.base)}: {prose(changed.summary)}.\n\n", lines
    )


def _by_requirement_and_reason(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Yield the variants of one requirement that changed on one server in the same way."""
    found: dict[tuple[str, str, str], list[Change]] = defaultdict(list)
    for each in changes:
        found[requirement_id(each.case), each.server, each.why].append(each)
    yield from found.values()


def _change(heading: str, variants: Sequence[Change]) -> str:
    change = variants[0]
    more = f" and {pluralize(len(variants) - 1, 'other variant')}" if len(variants) > 1 else ""
    text = f"- {heading}: {code(change.case)}{more} on {code(change.server)}: {prose(change.why)}\n"
    if change.got:
        text += f"  - expected {code(change.expected)}, got {code(change.got)}\n"
    return f"{text}  - replay: {code(change.replay, 600)}\n"


def _scoreboard(board: Scoreboard) -> Iterator[Section]:
    if not board.rows:
        return
    served = f"users served while {describe_slow_clients(board)} are slow" if board.scenario else "users served"
    heads = ["server, as it was run", "in short", served, "p99 (requests)", "security (must) broken", "must broken"]
    heads += ["should broken", "requirements judged", *([board.rate_label] if board.rate_label else [])]
    head = f"## Scoreboard\n\n| {' | '.join(map(table_prose, heads))} |\n| :-- | :-- |{' --: |' * (len(heads) - 2)}\n"
    yield Section("Scoreboard", head, [_row(each, board) for each in board.rows])
    notes = ["A requirement counts once, however many variants of its cases fail."]
    if board.rate_note:
        notes.append(f"{board.rate_label}: {board.rate_note}.")
    yield Section("notes on the scoreboard", "", [f"{prose(' '.join(notes), 1_000)}\n"])


def _row(row: Row, board: Scoreboard) -> str:
    judged = row.judged > 0
    if row.strip is None:
        users, times = MISSING, MISSING
    elif not row.valid:
        users, times = table_code(row.invalid_reason, 120), MISSING
    else:
        users = percent(row.served)
        times = f"{duration(row.p99, at_least=row.p99_at_least)} ({row.n})" if row.p99 is not None else MISSING
    security = f"{row.security_broken} of {row.security_judged}" if row.security_judged else MISSING
    fields = [
        f"{table_code(row.server)} {table_code(row.as_run)}".rstrip(),
        str(row.word),
        users,
        times,
        security,
        *([str(row.must_broken), str(row.should_broken), str(row.judged)] if judged else [MISSING] * 3),
    ]
    if board.rate_label:
        fields.append(f"{'≥ ' if row.rate_at_least else ''}{labels.rate(row.rate)}")
    return f"| {' | '.join(fields)} |\n"


def _slow_clients(results: Results) -> Iterator[Section]:
    """Yield the grade of each server in each scenario: the scenarios are rows, because there are more of them."""
    scenarios = aggregation.scenarios(results)
    if not scenarios:
        return
    servers = list(dict.fromkeys(each.server for _, cells in scenarios.values() for each in cells))
    head = f"## Under load\n\n| scenario | {' | '.join(map(table_code, servers))} |\n| :-- |{' :-- |' * len(servers)}\n"
    lines = []
    for name, (_, cells) in scenarios.items():
        by_server = {each.server: each for each in cells}
        signs = [_sign(by_server[each]) if each in by_server else "" for each in servers]
        lines.append(f"| {table_code(name)} | {' | '.join(signs)} |\n")
    used = {each.grade for _, cells in scenarios.values() for each in cells}
    legend = ", ".join(f"{mark.sign} {grade.label}" for grade, mark in labels.GRADES.items() if grade in used)
    yield Section("Under load", head, lines)
    yield Section(
        "legend",
        "",
        [f"{legend}; N\\* is the smallest number of slow clients that makes the server collapse.\n"],
    )


def _sign(load: ScenarioResult) -> str:
    return f"{labels.GRADES[load.grade].sign} {table_prose(key_figure(load))}".rstrip()


def _thresholds(results: Results) -> Iterator[Section]:
    broken = [(cell, each.message, each.table) for cell in results.load for each in cell.broken]
    unchecked = [(cell, each.message, each.table) for cell in results.load for each in cell.unchecked]
    for title, found in (("Broken thresholds", broken), ("Thresholds that were not checked", unchecked)):
        lines = [
            f"- {code(cell.server)} in {code(cell.scenario)}: {code(message)} ({code(table)})\n"
            for cell, message, table in found
        ]
        if lines:
            yield Section(title, f"## {title}\n\n", lines)
    if (text := thresholds_text(results)) and not broken:
        yield Section("Thresholds", f"{prose(text)}\n", [])


def _comparisons(results: Results) -> Iterator[Section]:
    found = find_compared_pairs(results)
    if found:
        heads = "| with | without | cases masked, fixed | cases caused, broke | scenarios under load |\n"
        lines = []
        for each in found:
            load = f"{each.better} better, {each.worse} worse" if each.loads else ""
            counts = [str(len(cells)) if each.summary else "" for cells in (each.improved, each.worsened)]
            lines.append(f"| {table_code(each.other)} | {table_code(each.plain)} | {' | '.join(counts)} | {load} |\n")
        yield Section(
            "Servers that differ in one thing",
            f"## Servers that differ in one thing\n\n{heads}| :-- | :-- | --: | --: | :-- |\n",
            lines,
        )
    details = []
    for each in found:
        for word, cells in (
            (each.difference.improved_label, each.improved),
            (each.difference.worsened_label, each.worsened),
        ):
            if cells:
                listed = ", ".join(code(cell.case) for cell, _ in cells)
                details.append(f"- {code(each.other)} and {code(each.plain)}, {word}: {listed}\n")
    details += [
        f"- Add {code(each.alone)} to see the effect of {code(each.front)} in {code(each.chain)}.\n"
        for each in missing_servers(results)
    ]
    if details:
        yield Section("Cases that differ", "", details)


def _broken_requirements(results: Results) -> dict[str, list[RequirementResult]]:
    """Return the broken requirements by id, each with its result on every server that broke it."""
    by_server: dict[str, list[CaseResult]] = defaultdict(list)
    for each in results.conformance:
        by_server[each.server].append(each)
    found: dict[str, list[RequirementResult]] = defaultdict(list)
    for cells in by_server.values():
        for requirement in by_requirement(cells):
            if requirement.verdict.blames_server:
                found[requirement.id].append(requirement)
    return found


def _worst(found: Sequence[RequirementResult]) -> Verdict:
    return Verdict.FAIL if any(each.verdict is Verdict.FAIL for each in found) else Verdict.WARN


def _broken(title: str, requirements: list[list[RequirementResult]], *, opened: bool = False) -> Iterator[Section]:
    """Yield the requirements that most servers broke first. They are folded unless `opened`."""
    if not requirements:
        return
    lines = [_requirement(each) for each in sorted(requirements, key=len, reverse=True)]
    heading = f"{title}: {len(lines)}"
    if opened:
        yield Section(title, f"## {heading}\n\n", lines)
    else:
        yield Section(title, f"<details><summary>{heading}</summary>\n\n", lines, "\n</details>\n\n")


def _requirement(found: Sequence[RequirementResult]) -> str:
    named = [_who_broke(each) for each in found[:MAX_SERVERS_PER_REQUIREMENT]]
    if len(found) > MAX_SERVERS_PER_REQUIREMENT:
        named.append(f"{len(found) - MAX_SERVERS_PER_REQUIREMENT} others")
    text = f"- {code(found[0].id)}: {', '.join(named)}\n"
    cell = next(each for each in found[0].cells if each.verdict.blames_server)
    if cell.expected or cell.actual:
        text += f"  - expected {code(cell.expected)}; {code(cell.server)} gave {code(cell.actual)}\n"
    return text


def _who_broke(requirement: RequirementResult) -> str:
    text = code(requirement.cells[0].server)
    if len(requirement.cells) > 1:
        text += f" ({len(requirement.broken_cases)} of {len(requirement.cells)} variants)"
    broken = [each for each in requirement.cells if each.verdict.blames_server]
    if all(each.baseline is not None and each.baseline.status is BaselineStatus.EXPECTED for each in broken):
        text += f" ({code(describe_status(broken[0]))})"
    return text


def _framework_matrix(results: Results) -> Iterator[Section]:
    found = framework_matrix(results)
    if found is None:
        return
    head = f"## Servers and frameworks\n\n{prose(found.summary, 600)}\n\n"
    lines = []
    if found.frameworks:
        head += f"| server | {' | '.join(each.title() for each in found.frameworks)} | failed cases |\n"
        head += f"| :-- |{' :-- |' * len(found.frameworks)} :-- |\n"
        for server in found.servers:
            boxes = [found.pairings.get((server, name)) for name in found.frameworks]
            counts = [f"{labels.VERDICTS[each.verdict].sign} {each.count}".rstrip() if each else "" for each in boxes]
            lines.append(
                f"| {table_code(server)} | {' | '.join(counts)} | {table_code(found.failed_cases(server))} |\n"
            )
    yield Section("Servers and frameworks", head, lines)
    reasons = [f"- {name.title()} did not run: {code(why)}\n" for name, why in found.unavailable.items()]
    if reasons:
        yield Section("Frameworks that did not run", "", reasons)


def _in_process(results: Results) -> Iterator[Section]:
    for pair in find_pairs(results):
        lines = []
        for wire, in_process in pair.differing:
            text = f"- {code(wire.case)}: {wire.verdict} on the wire, {in_process.verdict} in-process\n"
            text += "".join(
                f"  - {each.verdict}: expected {code(each.expected)}, got {code(each.actual)}\n"
                for each in (wire, in_process)
                if each.actual
            )
            lines.append(text)
        yield Section(
            f"On the wire and in-process: {pair.in_process}",
            f"## On the wire and in-process: {code(pair.wire)} and {code(pair.in_process)}\n\n"
            f"{prose(pair.summary.capitalize())}.\n\n",
            lines,
        )


def _claims(results: Results) -> Iterator[Section]:
    found: dict[str, list[tuple[ScenarioResult, Claim]]] = defaultdict(list)
    for load in results.load:
        for claim in load.claims:
            found[claim.statement].append((load, claim))
    lines = []
    for statement, rows in found.items():
        text = f"- **{prose(statement)}**: {prose(labels.describe_claims(claim.verdict for _, claim in rows))}\n"
        text += "".join(
            f"  - {labels.CLAIM_VERDICTS[claim.verdict].sign} {code(load.server)}: {claim.verdict.label}. "
            f"{prose(claim.figures)}\n"
            for load, claim in rows
        )
        lines.append(text)
    lines += [
        f"- {code(each.scenario)}, {code(each.server)}: not measured. {code(each.note)}\n"
        for each in results.load
        if each.scenario.startswith("claims/") and not each.claims
    ]
    if lines:
        yield Section("Claims", "## Claims\n\n", lines)


def _scaling(results: Results) -> Iterator[Section]:
    for each in scaling_tables(results):
        yield Section(
            f"{each.server} by number of {each.what}",
            f"## {code(each.server)} by number of {each.what}\n\n| {' | '.join(map(table_code, each.heads))} |\n"
            f"|{' --: |' * len(each.heads)}\n",
            [f"| {' | '.join(map(table_prose, row))} |\n" for row in each.cells],
        )


def _not_judged(results: Results) -> Iterator[Section]:
    lines = [
        f"- {code(each.server)} in {code(each.scenario)}: {each.grade.label}. "
        f"{code((each.generator.why if each.generator else '') or each.note)}\n"
        for each in results.load
        if each.grade in NOT_JUDGED_LOAD
    ]
    lines += [
        f"- {code(each.server)} in {code(each.case)}: {each.verdict}. {code(each.actual)}\n"
        for each in results.conformance
        if each.verdict is Verdict.ERROR
    ]
    if lines:
        head = f"<details><summary>Not judged, blames no server: {pluralize(len(lines), 'cell')}</summary>\n\n"
        yield Section("Not judged", head, lines, "\n</details>\n\n")


def _unavailable(results: Results) -> Iterator[Section]:
    lines = []
    for each in results.servers.values():
        if not each.available:
            get = f"; install it with {code(each.get)}" if each.get else ""
            lines.append(f"- {code(each.name)}: {code(each.why) or 'not found'}{get}\n")
    if lines:
        yield Section("Not available", "## Not available\n\n", lines)


def _words(board: Scoreboard) -> Iterator[Section]:
    """Yield the rules of the words, and the reasons for each server."""
    if not board.rows:
        return
    lines = [f"- **{rule.word}**: {prose(rule.text)}\n" for rule in board.rules]
    lines.append("\nThe first rule that applies decides. The reasons:\n\n")
    lines += [
        f"- {code(row.server)}: {row.word}. {' '.join(prose(each.text) for each in row.word_reasons)}\n"
        for row in board.rows
    ]
    head = "<details><summary>What “in short” means, and why</summary>\n\n"
    yield Section("What “in short” means", head, lines, "\n</details>\n\n")


def _scenarios(results: Results) -> Iterator[Section]:
    """Yield the figures of each scenario. Many scenarios are folded."""
    scenarios = aggregation.scenarios(results)
    folded = len(scenarios) > MAX_SCENARIO_HEADINGS
    for name, (_, cells) in scenarios.items():
        heads = "| server | grade | goodput | p99 | slowdown | recovery | disconnect | conditions |\n"
        heads += "| :-- | :-- | --: | --: | --: | --: | :-- | :-- |\n"
        if folded:
            # GitHub renders no Markdown in a summary, but it looks for mentions there. The id has none: see Case.id.
            head = f"<details><summary>{_summary_text(name)}</summary>\n\n{heads}"
            yield Section(name, head, [*map(_load, cells), "\n", *_metrics(cells)], "\n</details>\n\n")
        else:
            yield Section(name, f"## {code(name)}\n\n{heads}", [*map(_load, cells), "\n", *_metrics(cells)])


def _summary_text(text: str) -> str:
    """Return text for the summary of a fold: HTML, with nothing but letters, digits and the signs of an id."""
    kept = "".join(each if each.isascii() and (each.isalnum() or each in "-_/.:") else "·" for each in text)
    return f"<code>{kept[:120]}</code>"


def _load(load: ScenarioResult) -> str:
    phase = labels.during(load)
    best = labels.format_best_rate(load)
    fields = [
        table_code(load.server),
        f"{labels.GRADES[load.grade].sign} {labels.grade(load)}{f', {best}' if best != MISSING else ''}",
        percent(load.goodput),
        duration(phase.p99, at_least=phase.censored) if phase else MISSING,
        labels.ratio(load.slowdown, at_least=load.slowdown_censored),
        duration(load.recovery),
        table_code(labels.disconnect(load)),
        table_code(labels.conditions(load.conditions)),
    ]
    return f"| {' | '.join(fields)} |\n"


def _metrics(cells: Sequence[ScenarioResult]) -> list[str]:
    """Return a line for each metric with the values of all servers."""
    values_by_name: dict[str, list[str]] = defaultdict(list)
    for load in cells:
        for each in load.metrics:
            values_by_name[each.label].append(f"{code(load.server)} {prose(labels.metric(each))}")
    return [f"- {prose(name, 100)}: {', '.join(values)}\n" for name, values in values_by_name.items()]
