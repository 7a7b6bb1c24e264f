"""The output of `traffic check`: one line for each request, what is wrong below it, and the result last."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from wsgi_gauntlet.harness.traffic.check import CheckedSequence, CheckedStep, TrafficCheck
from wsgi_gauntlet.harness.traffic.player import PlayedRequest
from wsgi_gauntlet.reports.terminal.layout import clip, fold, print_lines
from wsgi_gauntlet.reports.terminal.listings import TerminalConsole
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

MAX_CAPTURED_CHARACTERS = 40


def print_check(check: TrafficCheck, notes: Sequence[str], *, console: Console | None = None) -> None:
    """Print `check`. `notes` say what of the file was left out or changed."""
    out = console or TerminalConsole(highlight=False)
    for each in notes:
        _print(out, f"note: {each}", "dim")
    _print(out, f"server: {' '.join(filter(None, (check.server, check.version)))}", "")
    for sequence in check.sequences:
        print_lines(out, [""])
        _print(out, _heading(sequence), "bold")
        for step in sequence.steps:
            for request in step.requests:
                out.print(_request_line(request, out.width), soft_wrap=True)
            _print_details(out, step)
    print_lines(out, [""])
    total = sum(len(each.steps) for each in check.sequences)
    wrong = check.wrong_steps
    if wrong:
        _print(out, f"{wrong} of {labels.pluralize(total, 'request')} got a wrong response.", "bold red")
    else:
        correct = f"All {total} requests got" if total != 1 else "The request got"
        _print(out, f"{correct} a correct response, in two visits{' each' if total != 1 else ''}.", "green")


def _heading(sequence: CheckedSequence) -> str:
    weight = "" if sequence.weight == 1 else f", weight {sequence.weight:g}"
    return f"{sequence.name} ({labels.pluralize(len(sequence.steps), 'request')}{weight})"


def _request_line(request: PlayedRequest, columns: int) -> Text:
    status = "-" if request.status is None else str(request.status)
    bytes_ = labels.pluralize(request.length, "byte")
    figures = f"{status:>5}  {bytes_:>14}  {request.seconds * 1000:5.0f} ms"
    place = clip(f"{request.method} {request.target or request.step.step.target}", columns - len(figures) - 3)
    mark, style = (
        ("✗", "red") if not request.outcome.ok else ("→", "dim") if not request.is_last_of_step else ("✓", "green")
    )
    made = Text(f"{mark} ", style=style)
    made.append(place)
    made.append(" " * max(columns - made.cell_len - len(figures), 1))
    return made.append(figures)


def _print_details(out: Console, step: CheckedStep) -> None:
    outcome = step.requests[-1].outcome
    for name, value in outcome.captured:
        _print(out, f"  {name} = {line(value, MAX_CAPTURED_CHARACTERS) or 'empty text'} (captured)", "dim")
    if not outcome.ok:
        _print(out, f"  wrong: {outcome.reason}{step.log}", "red")
    elif step.second_fault:
        _print(out, f"  wrong in a second visit: {step.second_fault}", "red")
        _print(out, "  Each visit must be possible many times: use a value list for names that may exist once.", "")
    else:
        compared = "not the body" if step.expected is None else step.expected.describe()
        _print(out, f"  compared: {compared}", "dim")


def _print(out: Console, text: str, style: str) -> None:
    indent = "    " if text.startswith("  ") else ""
    lead = text[: len(text) - len(text.lstrip())]
    for each in fold(out, Text(lead + line(text), style=style), indent=len(indent) or 2):
        out.print(each, soft_wrap=True)
