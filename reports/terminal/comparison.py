"""The result of a comparison on a terminal: a line for each figure, then the conclusion and the next commands."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console
from rich.text import Text

from wsgi_gauntlet.harness.model import BASELINE_LETTER, ComparisonResult, ComparisonWord, FigureComparison
from wsgi_gauntlet.reports.text import comparison_summary
from wsgi_gauntlet.reports.text.escaping import line

STYLES = {
    ComparisonWord.BETTER: "bold green",
    ComparisonWord.WORSE: "bold red",
    ComparisonWord.MORE: "bold",
    ComparisonWord.LESS: "bold",
    ComparisonWord.EQUAL: "",
    ComparisonWord.INCONCLUSIVE: "yellow",
    ComparisonWord.NOT_COMPARED: "dim",
}

WIDTHS = (17, 26, 20, 3, 10)
"""Columns of a figure: label, word, ratio, rounds, A against A. With the spaces between them at most 80."""

HEADS = ("figure", "word", "ratio [95 %]", "n", "A/A")


def print_comparison(comparison: ComparisonResult, folder: Path | None = None, console: Console | None = None) -> None:
    """Print the comparison on `console` (stderr by default). `folder` is the run folder."""
    out = console or Console(stderr=True)

    def show(text: str, style: str = "") -> None:
        out.print(Text(text, style=style), soft_wrap=not out.is_terminal, highlight=False)

    show("")
    for candidate in comparison.candidates:
        show(comparison_summary.describe_candidate(comparison, candidate.letter), "bold")
    show(comparison_summary.describe_rounds(comparison))
    for candidate in comparison.candidates:
        if candidate.letter == BASELINE_LETTER:
            continue
        show("")
        show(f"{candidate.letter} / {BASELINE_LETTER}", "bold")
        show(_row(HEADS), "dim")
        scenario = ""
        for each in comparison.judged:
            if each.letter != candidate.letter:
                continue
            if _scenario(each) != scenario:
                scenario = _scenario(each)
                show(f"{line(scenario, 78)}:")
            out.print(_figure(each), soft_wrap=True, highlight=False)
    show("")
    for text in comparison_summary.warnings(comparison):
        show(text, "yellow")
    if open_questions := comparison_summary.open_questions(comparison):
        show(open_questions)
    for text in comparison_summary.conclusions(comparison):
        show(text, "bold")
    if folder is not None:
        show(f"The report: {line(str(folder / 'report.html'))}")
    for text in next_commands(comparison, folder):
        out.print(Text(f"  {text}"), soft_wrap=True, highlight=False)


def next_commands(comparison: ComparisonResult, folder: Path | None) -> list[str]:
    """Return the commands that continue the comparison, or repeat it with the same order."""
    if not comparison.command:
        return []
    command = line(comparison.command)
    out = f" --out {line(shlex.quote(str(folder)))}" if folder is not None and "--out" not in command else ""
    found = []
    further = comparison_summary.more_rounds(comparison)
    if further:
        rounds = len(comparison.valid_rounds) + further
        how = f"{out} --resume" if not comparison.finished else ""
        found.append(f"{command}{how} --rounds {rounds + rounds % 2}")
    found.append(f"{command} --seed {comparison.seed} --rounds {max(2, len(comparison.valid_rounds))}")
    return found


def _figure(each: FigureComparison) -> Text:
    cells = (
        line(each.label.removeprefix(f"{_scenario(each)} "), WIDTHS[0]),
        line(comparison_summary.short_text(each), WIDTHS[1]),
        comparison_summary.describe_ratio(each),
        str(each.rounds),
        comparison_summary.describe_noise(each),
    )
    text = Text(_row(cells))
    start = WIDTHS[0] + 1
    text.stylize(STYLES[each.word], start, start + WIDTHS[1])
    if each.note:
        text.append(f"\n  {line(each.note, 76)}", style="dim")
    return text


def _scenario(each: FigureComparison) -> str:
    """Return the scenario of a figure, '' for a default figure."""
    scenario, colon, _ = each.figure.partition(":")
    return scenario if colon else ""


def _row(cells: tuple[str, ...]) -> str:
    padded = [each.ljust(width) for each, width in zip(cells, WIDTHS, strict=True)]
    padded[3] = cells[3].rjust(WIDTHS[3])
    return " ".join(padded).rstrip()
