"""The conclusion of a run: at most 20 lines, the last of the output, ending with the next commands.

It names what broke by requirement, security first. The report and `--verbose` have the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from wsgi_gauntlet.harness.baseline.comparison import describe_status
from wsgi_gauntlet.harness.exclusions import describe_excluded
from wsgi_gauntlet.harness.model import Grade, Results, ScenarioResult, Verdict
from wsgi_gauntlet.harness.store import rerun_command
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.broken_requirements import (
    BrokenRequirement,
    broken_requirements,
    unexpected_requirements,
)
from wsgi_gauntlet.reports.analysis.headline import headline
from wsgi_gauntlet.reports.analysis.key_findings import key_findings
from wsgi_gauntlet.reports.analysis.run_diff import run_diff
from wsgi_gauntlet.reports.analysis.scoreboard import Row, Scoreboard, scoreboard
from wsgi_gauntlet.reports.analysis.thresholds import thresholds_text
from wsgi_gauntlet.reports.analysis.version_history import version_histories
from wsgi_gauntlet.reports.terminal.layout import clip, fold, print_lines, requirement_line, shell_lines
from wsgi_gauntlet.reports.terminal.scenario_line import describe_scenario
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

MAX_LINES = 20
"""Lines of the conclusion: they fit on the smallest terminal with its prompt."""

MAX_SERVER_LINES = 4
"""Servers up to which each has its own line. Of more, one line has the range."""

MAX_VERSION_LINES = 8
"""Versions of one server; the newest are listed."""

MAX_LOAD_LINES = 6
"""Cells of load up to which each has its own lines. Of more, sentences have the result."""

LOAD_RANKS = {"Users": 4, "Slow clients": 5, "Other load": 7, "Measured": 9, "Not judged": 8}
"""The findings about load with their ranks, see _Block."""

SENTENCE_RANKS = {"No result": 0, "No finding": 0, "Your app": 2, "Baseline": 2, "Claims": 6}
"""The other findings that no other line of the conclusion has, with their ranks."""

MAX_THRESHOLD_LINES = 2
"""Broken thresholds, and unchecked ones, that have a line. The report has all of them."""

SENTENCE_LINES = 2
"""Lines of one sentence. The report has it in full."""

MIN_BROKEN_LINES = 5
"""Lines that the broken requirements get, whatever else there is."""

STYLES = {Verdict.FAIL: "bold red", Verdict.WARN: "yellow"}


def print_conclusion(results: Results, folder: Path | None, out: Console) -> None:
    """Print an empty line and the conclusion. `folder` is the run folder, None if there is none."""
    commands = _next_commands(results, folder, out.width)
    broken = unexpected_requirements(results) if results.baseline else broken_requirements(results)
    room = MAX_LINES - 1 - len(commands)
    head = _fitting(_blocks(results, out), room - min(len(broken), MIN_BROKEN_LINES))
    print_lines(out, ["", *head, *_broken_lines(broken, results, out, room - len(head)), *commands])


@dataclass(frozen=True)
class _Block:
    """Lines that belong together. If there is no room for all blocks, those with the highest `rank` are left out."""

    rank: int
    lines: Sequence[Text]


def _blocks(results: Results, out: Console) -> list[_Block]:
    """Return what stands above the broken requirements, in the order of the output."""
    board = scoreboard(results)
    title = fold(out, Text(f"{line(headline(results, board).text)}.", style="bold"), limit=SENTENCE_LINES)
    return [
        _Block(0, _interrupted(results)),
        _Block(0, title if len(board.rows) > 1 or board.scenario else []),  # the line of one server says it all
        _Block(1, list(_changes(results, out))),
        _Block(2, _thresholds(results, out)),
        _Block(2, _excluded(results, out)),
        *_load(results, out),
        _Block(3, [*_versions(results, out), *_servers(results, board, out)]),
    ]


def _fitting(blocks: Sequence[_Block], room: int) -> list[Text]:
    chosen = set()
    for each in sorted(blocks, key=lambda block: block.rank):
        if len(each.lines) <= room:
            chosen.add(id(each))
            room -= len(each.lines)
    return [text for each in blocks if id(each) in chosen for text in each.lines]


def _interrupted(results: Results) -> list[Text]:
    if results.finished:
        return []
    how = "Stopped at the first failure" if results.stopped else "Interrupted"
    return [Text(f"{how}: these are the results so far.", style="bold yellow")]


def _excluded(results: Results, out: Console) -> list[Text]:
    text = line(describe_excluded(results.excluded))
    return fold(out, Text(f"{text[0].upper()}{text[1:]}.", style="dim"), limit=SENTENCE_LINES) if text else []


def _changes(results: Results, out: Console) -> Iterator[Text]:
    """Yield what changed since the base run: the numbers, and the first requirements that broke."""
    if results.base is None:
        return
    found = run_diff(results.base, results)
    numbers = found.not_compared or f"{len(found.broken)} broken, {len(found.fixed)} fixed"
    if found.loads and not found.not_compared:
        numbers += f", {labels.pluralize(len(found.regressions), 'grade')} worse"
    head = Text.assemble((f"Since {clip(results.base.name, out.width // 2)}: ", "bold"), numbers)
    yield from fold(out, head, indent=2, limit=SENTENCE_LINES)
    for each in found.broken[:3]:
        start = f"{labels.VERDICTS[Verdict.FAIL].sign} broke {'security ' if each.security else ''}"
        yield requirement_line(Text(start, "bold red"), each.requirement, list(each.servers), out.width)


def _thresholds(results: Results, out: Console) -> list[Text]:
    """Return the first broken thresholds and those that were not checked, and the number of all if there are more."""
    broken = [(cell, each.message) for cell in results.load for each in cell.broken]
    unchecked = [(cell, each.message) for cell in results.load for each in cell.unchecked if each.required]
    lines = []
    for word, found, style in (
        ("threshold broken", broken, "bold red"),
        ("threshold not checked", unchecked, "bold yellow"),
    ):
        lines += [
            Text(clip(f"{word}: {cell.server} {cell.scenario}: {message}", out.width), style=style)
            for cell, message in found[:MAX_THRESHOLD_LINES]
        ]
    number = sum(len(cell.broken) + len(cell.unchecked) + len(cell.met) for cell in results.load)
    if number > len(lines) and (counts := thresholds_text(results)):
        lines.append(Text(clip(counts, out.width)))
    return lines


def _load(results: Results, out: Console) -> Iterator[_Block]:
    """Yield the results of load: cell by cell if they are few, else in sentences. Then the other findings."""
    few = len(results.load) <= MAX_LOAD_LINES
    for cell in results.load if few else ():
        yield _Block(4, fold(out, Text(describe_scenario(cell)), indent=2, limit=SENTENCE_LINES))
    for each in key_findings(results):
        rank = SENTENCE_RANKS.get(each.topic, LOAD_RANKS.get(each.topic) if not few else None)
        if rank is not None:
            text = Text.assemble((f"{each.topic}: ", "bold"), line(each.text))
            yield _Block(rank, fold(out, text, indent=2, limit=SENTENCE_LINES))


def _versions(results: Results, out: Console) -> Iterator[Text]:
    """Yield the newest versions of each server with what they fixed and broke."""
    for history in version_histories(results):
        for point in history.points[-MAX_VERSION_LINES:]:
            changed = f"{point.counts[Verdict.FAIL]} fail; fixed {len(point.fixed)}, broke {len(point.broke)}"
            text = changed if point.counts.total else "not checked"
            yield _named_line(f"{history.server} {point.version}", text, out.width)


def _servers(results: Results, board: Scoreboard, out: Console) -> Iterator[Text]:
    rows = [each for each in board.rows if each.judged]
    if version_histories(results):
        return
    if len(rows) <= MAX_SERVER_LINES:
        for each in rows:
            yield _named_line(each.server, _server_text(each), out.width)
    elif board.scenario:  # without load the headline says it
        ordered = sorted(rows, key=lambda each: (each.must_broken, each.should_broken, each.server))
        best, worst = ordered[0], ordered[-1]
        text = (
            f"{len(rows)} servers break {best.must_broken} ({line(best.server, 24)}) to {worst.must_broken} "
            f"({line(worst.server, 24)}) requirements (must)."
        )
        yield from fold(out, Text(text), indent=2, limit=SENTENCE_LINES)


def _server_text(row: Row) -> str:
    broken = (
        f"{row.must_broken} must ({row.security_broken} security)" if row.security_broken else f"{row.must_broken} must"
    )
    return f"breaks {broken}, {row.should_broken} should of {labels.pluralize(row.judged, 'requirement')}"


def _named_line(name: str, text: str, columns: int) -> Text:
    shown = clip(name, max(columns - cell_len(text) - 2, 12))
    return Text.assemble((shown, "bold"), clip(f": {text}", columns - cell_len(shown)))


def _broken_lines(broken: Sequence[BrokenRequirement], results: Results, out: Console, room: int) -> list[Text]:
    """Return the lines of the most important requirements, and a line with the number of the others."""
    items = [_broken_item(each, out) for each in broken]
    shown, used = 0, 0
    for place, lines in enumerate(items):
        if used + len(lines) + (place < len(items) - 1) > room:
            break
        shown, used = place + 1, used + len(lines)
    found = [text for lines in items[:shown] for text in lines]
    if left := broken[shown:]:
        failing = sum(each.verdict is Verdict.FAIL for each in left)
        kinds = "unexpected" if results.baseline else f"{failing} must, {len(left) - failing} should"
        more = f"… and {len(left)} more ({kinds}): --verbose lists them"
        found.append(Text(clip(more, out.width), style="dim"))
    return found


def _broken_item(broken: BrokenRequirement, out: Console) -> list[Text]:
    """Return one line, and one or two more if the baseline has an entry: they say what to do."""
    servers = [
        f"{server} {count}/{broken.variants[server]}" if broken.variants[server] > 1 else server
        for server, count in broken.servers.items()
    ]
    sign = f"{labels.VERDICTS[broken.verdict].sign} {'security ' if broken.security else ''}"
    lines = [requirement_line(Text(sign, STYLES.get(broken.verdict, "")), broken.requirement, servers, out.width)]
    first = next((each for each in broken.cells if each.baseline is not None and each.baseline.verdict), None)
    if first is not None:
        status = fold(out, Text(line(describe_status(first))), room=2, limit=SENTENCE_LINES)
        lines += [Text("  ").append_text(each) for each in status]
    return lines


def _next_commands(results: Results, folder: Path | None, columns: int) -> list[Text]:
    """Return the two next commands as lines: the worst result, then the report."""
    commands = [_worst_command(results, folder)]
    if folder is not None:
        commands.append(["xdg-open", str(folder / "report.html")])
    lines = [each for words in commands if words for each in shell_lines(words, columns)]
    return [Text("Next:", style="bold"), *map(Text, lines)] if lines else []


def _worst_command(results: Results, folder: Path | None) -> list[str]:
    given = rerun_command.given(results.environment)
    found = unexpected_requirements(results) if results.baseline else []
    if broken := found or broken_requirements(results):
        cell = broken[0].cells[0]
        return rerun_command.replay_words(cell.server, cell.case, given)
    if (load := _worst_load(results)) is not None:
        return ["wsgi-gauntlet", "explain", load.scenario]
    return ["wsgi-gauntlet", "report", str(folder), "--verbose"] if folder is not None else []


def _worst_load(results: Results) -> ScenarioResult | None:
    order = (Grade.NOT_RECOVERED, Grade.COLLAPSED, Grade.DEGRADED)
    cells = [each for _, cells in aggregation.scenarios(results).values() for each in cells if each.grade in order]
    return min(cells, key=lambda each: order.index(each.grade), default=None)
