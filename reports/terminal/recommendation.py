"""A recommendation on a terminal: the candidates with their figures, who left the race, and the answer at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from wsgi_gauntlet.harness.model.recommendation import CandidateFigures, FigureId, Recommendation
from wsgi_gauntlet.reports.terminal.layout import clip, fold, print_lines
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text import recommendation_text as words
from wsgi_gauntlet.reports.text.escaping import line

COLUMNS = (
    (FigureId.CAPACITY, "capacity", 11),
    (FigureId.P99_AT_PEAK, "p99", 10),
    (FigureId.GOODPUT_ALONE, "users", 7),
    (FigureId.GOODPUT_AMONG_SLOW, "slow", 7),
    (FigureId.MEMORY, "memory", 10),
)
"""The figures of a line, each with its head and its width. `slow`: users served among slow clients."""

NAME_COLUMNS = 29
"""The width of a name. A longer name has its own line. With the figures and the spaces between them at most 80."""

MAX_ROWS = 16
"""Candidates with figures that are listed. The report has all."""

MAX_OUT = 8
"""Candidates that left the race and are listed. The report has all."""

SENTENCE_LINES = 3
"""Lines of one sentence of the answer. The report has it in full."""

EVIDENCE_LINES = 2


def print_recommendation(found: Recommendation, folder: Path | None = None, console: Console | None = None) -> None:
    """Print the recommendation on `console` (stderr by default). `folder` is the run folder."""
    out = console or Console(stderr=True)
    found_lines = [*_question(found, out), *_table(found, out), *_out(found, out), Text("")]
    print_lines(out, [Text(""), *found_lines, *_answer(found, out), *_next(found, folder, out)])


def _question(found: Recommendation, out: Console) -> list[Text]:
    asked = fold(out, Text(f"Asked: {words.describe_question(found)}."), indent=2)
    return [*asked, *fold(out, Text(f"{words.describe_search(found)}.", style="dim"), indent=2)]


def _table(found: Recommendation, out: Console) -> Iterator[Text]:
    names = [
        each
        for each in words.ordered_names(found)
        if any(found.figures_of(each).figure(which) is not None for which, _, _ in COLUMNS)
    ]
    if not names:
        return
    yield Text("")
    heads = " ".join(head.rjust(width) for _, head, width in COLUMNS)
    yield Text(f"{'candidate'.ljust(NAME_COLUMNS)} {heads}", style="dim")
    for each in names[:MAX_ROWS]:
        figures = found.figures_of(each)
        cells = " ".join(_right(_figure(which, figures), width) for which, _, width in COLUMNS)
        style = "bold green" if each == found.winner else "dim" if found.elimination(each) else ""
        shown = clip(words.name(each), out.width)
        if cell_len(shown) > NAME_COLUMNS:
            yield Text(shown, style=style)
            shown = ""
        yield Text(f"{shown}{' ' * (NAME_COLUMNS - cell_len(shown))} {cells}", style=style)
    if len(names) > MAX_ROWS:
        yield Text(f"… and {len(names) - MAX_ROWS} more in the report", style="dim")


def _figure(which: FigureId, figures: CandidateFigures) -> str:
    text = words.describe_figure(which, figures.figure(which))
    return labels.MISSING if text == words.NOT_MEASURED else text  # the words have no room in the column


def _right(text: str, columns: int) -> str:
    shown = clip(text, columns)
    return " " * (columns - cell_len(shown)) + shown


def _out(found: Recommendation, out: Console) -> Iterator[Text]:
    if not found.eliminated:
        return
    yield Text("")
    yield Text("Out of the race", style="bold")
    for each in words.ordered_eliminations(found)[:MAX_OUT]:
        text = Text.assemble((f"{words.name(each.candidate)}: ", "bold"), words.describe_elimination(each))
        yield from fold(out, text, indent=2, limit=SENTENCE_LINES)
        for evidence in each.evidence[:EVIDENCE_LINES]:
            folded = fold(out, Text(line(evidence), style="dim"), room=4, limit=SENTENCE_LINES)
            yield from (Text("    ").append_text(each) for each in folded)
    if len(found.eliminated) > MAX_OUT:
        yield Text(f"… and {len(found.eliminated) - MAX_OUT} more in the report", style="dim")


def _answer(found: Recommendation, out: Console) -> Iterator[Text]:
    for warning in words.warnings(found):
        yield from fold(out, Text(warning, style="yellow"), indent=2, limit=SENTENCE_LINES)
    yield from fold(
        out, Text(f"{words.title(found)}.", style="bold green" if found.winner else "bold yellow"), indent=2
    )
    for part in words.PARTS:
        for each in part.sentences(found):
            text = Text.assemble((f"{part.topic}: ", "bold"), each.text)
            yield from fold(out, text, indent=2, limit=SENTENCE_LINES)


def _next(found: Recommendation, folder: Path | None, out: Console) -> Iterator[Text]:
    """Yield the files to paste, where the report is, and the commands that start the winner."""
    if files := list(dict.fromkeys(line(each.name, 60) for each in words.files_of(found, found.winner))):
        yield from fold(out, Text.assemble(("Files to paste: ", "bold"), ", ".join(files)), indent=2)
    if folder is not None:
        yield Text.assemble(("The report: ", "bold"), line(str(folder / "report.html")))
    if commands := words.start_commands(found):
        yield Text("Start it:", style="bold")
        yield from (Text(f"  {each}") for each in commands)
