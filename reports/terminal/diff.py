"""The output of `diff`: the least important first, the requirements that broke and the result last."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from wsgi_gauntlet.reports.analysis.run_diff import ChangeKind, RequirementChange, RunDiff
from wsgi_gauntlet.reports.terminal.layout import clip, fold, print_lines, requirement_line
from wsgi_gauntlet.reports.terminal.listings import TerminalConsole
from wsgi_gauntlet.reports.text import diff_text, labels
from wsgi_gauntlet.reports.text.escaping import line

MAX_LISTED = 8
"""Lines of one section without --all."""

STYLES = {ChangeKind.BROKEN: "bold red", ChangeKind.FIXED: "green"}


def print_diff(
    diff: RunDiff, failures: Sequence[str], *, everything: bool = False, console: Console | None = None
) -> None:
    """Print `diff`. `failures` say why the command ends with 1. With `everything` each cell is listed."""
    out = console or TerminalConsole(highlight=False)
    limit = None if everything else MAX_LISTED
    _paragraph(out, f"{diff.base} → {diff.new}", "bold")
    _lines(out, "", [diff_text.server_match(each) for each in diff.servers], limit)
    _lines(out, "", diff_text.only_lines(diff), None)
    _lines(out, "The runs differ in", [diff_text.differences([each]) for each in diff.differences], limit)
    _lines(out, "Figures that cannot be compared", diff_text.not_comparable(diff), limit)
    figures = [
        f"{each.server} in {each.scenario}: {text}"
        for each in diff.comparable_loads
        if (text := diff_text.figures(each, every=everything))
    ]
    _lines(out, "Figures", [*figures[:limit], *_rest(figures, limit)], None)
    if figures:
        _paragraph(out, diff_text.ONE_RUN_NOTE, "dim")
    for kind in reversed(diff_text.HEADINGS):
        if kind is ChangeKind.BROKEN:
            _lines(out, "Grades", list(map(diff_text.grade_change, diff.grade_changes)), limit)
        if found := diff.of_kind(kind):
            _requirements(out, kind, found, everything=everything)
    print_lines(out, [""])
    _paragraph(out, f"{diff_text.title(diff)}; {labels.pluralize(diff.same, 'cell')} as before.", "bold")
    result = f"Exit code 1: {'; '.join(failures)}." if failures else "Exit code 0."
    _paragraph(out, result, "bold red" if failures else "green")


def _requirements(out: Console, kind: ChangeKind, found: Sequence[RequirementChange], *, everything: bool) -> None:
    cells = sum(len(each.cells) for each in found)
    head = f"{diff_text.HEADINGS[kind]} ({labels.pluralize(len(found), 'requirement')}"
    head += f", {labels.pluralize(cells, 'cell')})" if cells > len(found) else ")"
    print_lines(out, [""])
    _paragraph(out, head, "bold")
    # A case that only one run has is no result: without --all only those that blame a server are listed.
    listed = [each for each in found if everything or each.blames_server or kind is not ChangeKind.APPEARED]
    shown = listed if everything else listed[:MAX_LISTED]
    for each in shown:
        mark = Text(f"{diff_text.sign(each)} {'security ' if each.security else ''}", STYLES.get(kind, ""))
        print_lines(out, [requirement_line(mark, each.requirement, diff_text.server_counts(each), out.width)])
        _details(out, each, everything=everything)
    if len(found) > len(shown):
        print_lines(out, [Text(f"… and {len(found) - len(shown)} more; --all lists them", "dim")])


def _details(out: Console, change: RequirementChange, *, everything: bool) -> None:
    changes = [f"{each.server} {each.case}: {diff_text.transition(each.before, each.after)}" for each in change.cells]
    if not everything:
        changes = list(filter(None, [diff_text.transitions(change)]))
    print_lines(out, [f"    {clip(each, out.width - 4)}" for each in changes])
    first = next((each for each in change.cells if each.after and each.after.blames_server), None)
    if first is not None and change.kind is ChangeKind.BROKEN and first.actual:
        text = Text(f"expected {line(first.expected, 300)}; got {line(first.actual, 300)}", "dim")
        print_lines(out, [Text("    ").append_text(each) for each in fold(out, text, room=4, limit=3)])


def _lines(out: Console, heading: str, texts: Sequence[str], limit: int | None) -> None:
    if not texts:
        return
    if heading:
        print_lines(out, ["", Text(heading, style="bold")])
    for each in [*texts[:limit], *_rest(texts, limit)]:
        _paragraph(out, each)


def _rest(texts: Sequence[str], limit: int | None) -> list[str]:
    left = len(texts) - limit if limit is not None else 0
    return [f"… and {left} more; --all lists them"] if left > 0 else []


def _paragraph(out: Console, text: str, style: str = "") -> None:
    print_lines(out, fold(out, Text(line(text), style=style), indent=2))
