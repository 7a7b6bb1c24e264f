"""The output of `explain`: one case, as text or JSON."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Sequence

import msgspec
from rich.console import Console
from rich.text import Text

from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.model import Level, Setup
from wsgi_gauntlet.reports.terminal.layout import clip, fold, print_lines, shell_lines
from wsgi_gauntlet.reports.terminal.listings import TerminalConsole, print_json
from wsgi_gauntlet.reports.text import labels

MAX_COLUMNS = 100
"""Columns of running text. Longer lines are hard to read."""

MIN_MEANING_COLUMNS = 20
"""Columns that the meaning of a parameter needs beside its other columns."""

LEVEL_MEANINGS = {
    Level.MUST: "a server that breaks it fails",
    Level.SHOULD: "a server that breaks it gets a warning",
    Level.MAY: "optional; the behaviour is recorded and never blames the server",
    Level.INFO: "the behaviour is recorded and never blames the server",
}


def explain(name: str, cases: Sequence[Case], *, as_json: bool, console: Console | None = None) -> None:
    """Print a case, or the variants of one case, which differ only in their input. `name` is their common id.

    The output has the source, the input, the expected behaviour, the reason, the needs, and commands to try.
    """
    if as_json:
        print_json(_document(name, cases), console)
        return
    out = console or TerminalConsole(highlight=False)
    case = cases[0]
    width = min(out.width, MAX_COLUMNS)
    about = ", ".join([case.level, *case.tags, *([f"{len(cases)} variants"] if len(cases) > 1 else [])])
    _print(out, Text(name, style="bold").append(f"  ({about})", style="dim"))
    _print(out, Text(f"\n{textwrap.fill(case.summary, width)}"))
    for label, text in (("Sends", case.sent), ("Expects", case.expected), ("Why it matters", case.why)):
        if text:
            _print(out, Text(f"\n{label}", style="bold"))
            _print(out, Text(_indented(text[0].upper() + text[1:], width)))
    _print(out, Text(f"\n{case.reference.document}, {case.reference.section}", style="bold"))
    _print(out, Text(_indented(f"“{' '.join(case.reference.quote.split())}”", width), style="italic"))
    _print(out, Text(f"  {case.reference.url}", style="dim"))
    _print(out, Text("\nBasis of the level", style="bold"))
    _print(out, Text(_indented(labels.basis(case.basis), width)))
    _print(out)
    for label, text in facts(case):
        _print(out, Text(textwrap.fill(text, width, initial_indent=f"{label:10}", subsequent_indent=" " * 10)))
    if len(cases) > 1:
        names = ", ".join(each.id.removeprefix(f"{name}/") for each in cases)
        _print(out, Text(textwrap.fill(names, width, initial_indent=f"{'Variants':10}", subsequent_indent=" " * 10)))
    _print(out, Text("\nTry it", style="bold"))
    for command in _commands(name, cases):
        print_lines(out, shell_lines(shlex.split(command), out.width))


def explain_scenario(scenario: Scenario, *, as_json: bool, console: Console | None = None) -> None:
    """Print what `scenario` does, and each parameter with its unit and its values in quick and full runs."""
    smoke, full = scenario.smoke.values(), scenario.full.values()
    command = f"wsgi-gauntlet load SERVER --scenario {scenario.id}"
    if as_json:
        parameters = [
            {
                "name": each.name,
                "unit": each.unit,
                "meaning": each.meaning,
                "quick": smoke.get(each.name),
                "full": full.get(each.name),
            }
            for each in scenario.declared.values()
        ]
        document = {**msgspec.to_builtins(scenario.info()), "parameters": parameters, "commands": [command]}
        print_json(document, console)
        return
    out = console or TerminalConsole(highlight=False)
    width = min(out.width, MAX_COLUMNS)
    _print(out, Text(scenario.id, style="bold").append(f"  {scenario.title}", style="dim"))
    _print(out, Text(f"\n{textwrap.fill(scenario.summary, width)}"))
    heads = ("parameter", "quick run", "full run", "unit", "meaning")
    rows = [
        (
            each.name,
            *(f"{found[each.name]:,.10g}" if each.name in found else "-" for found in (smoke, full)),
            each.unit or "-",
            each.meaning,
        )
        for each in scenario.declared.values()
    ]
    *sizes, _ = (max(len(row[place]) for row in (heads, *rows)) for place in range(len(heads)))
    indent = " " * sum(size + 2 for size in sizes)
    _print(out)
    for *columns, meaning in (heads, *rows):
        start = "".join(
            f"{text.rjust(size) if place in (1, 2) else text.ljust(size)}  "
            for place, (text, size) in enumerate(zip(columns, sizes, strict=True))
        )
        style = "bold" if meaning == heads[-1] else ""
        if len(indent) + MIN_MEANING_COLUMNS <= width:
            _print(out, Text(textwrap.fill(meaning, width, initial_indent=start, subsequent_indent=indent), style))
        else:  # the meaning has lines of its own
            _print(out, Text(clip(start, width), style))
            _print(out, Text(textwrap.fill(meaning, width, initial_indent="    ", subsequent_indent="    "), style))
    hint = "`--set NAME=VALUE` sets a parameter; clients, duration and rate have options of their own."
    _print(out, Text(f"\n{textwrap.fill(hint, width)}"))
    _print(out, Text("\nTry it", style="bold"))
    print_lines(out, shell_lines(shlex.split(command), out.width))


def facts(case: Case) -> Iterator[tuple[str, str]]:
    """Yield how `case` is run, as labels with sentences: its level, its segmentations, its needs and its setup."""
    yield "Level", f"{case.level}: {LEVEL_MEANINGS[case.level]}."
    yield "Sent", _describe_segmentations(case)
    if breach := labels.BREACHES[case.breach]:
        yield "Breach", f"on purpose, {breach}."
    for need in case.needs:
        yield "Needs", f"{need} must pass; otherwise this case is skipped."
    if setup := _describe_setup(case.setup):
        yield "Setup", f"{', '.join(setup)}."


def _segmentations(case: Case) -> list[Segmentation]:
    return [Segmentation.WHOLE] if case.setup.alone or not case.segmentable else list(Segmentation)


def _describe_segmentations(case: Case) -> str:
    whole, *others = _segmentations(case)
    if not others:
        about = "it measures time" if case.setup.alone else "segments would make another case of it"
        return f"{whole.label} only: {about}."
    *names, last = (each.label for each in others)
    return f"{whole.label}; if the request is well-formed, also {', '.join(names)} and {last}."


def _describe_setup(setup: Setup) -> list[str]:
    """Return the settings beyond the defaults in words."""
    found = []
    for count, what in ((setup.workers, "worker"), (setup.threads, "thread")):
        if count is not None:
            found.append(f"{count} {what}{'s' if count != 1 else ''}")
    if setup.app:
        found.append(f"{setup.app} instead of the test app")
    if setup.distribution:
        found.append(f"{setup.distribution} in the server's interpreter")
    if setup.unix:
        found.append("on a Unix socket")
    if setup.tls:
        found.append("over TLS")
    if setup.mount:
        found.append(f"the app mounted at {setup.mount}")
    found += [f"{name}={value} in the environment of the server process" for name, value in setup.environment]
    found += [f"{name}={value} in the environ of each request" for name, value in setup.deployed]
    if setup.alone:
        found.append("no other case at the same time")
    return found


def _commands(name: str, cases: Sequence[Case]) -> list[str]:
    return [f"wsgi-gauntlet check SERVER --select {name}", f"wsgi-gauntlet replay SERVER {cases[0].id}"]


def _document(name: str, cases: Sequence[Case]) -> dict[str, object]:
    return {
        "id": name,
        "cases": [
            {
                **msgspec.to_builtins(each.info()),
                "needs": each.needs,
                "setup": each.setup,
                "deadline": each.deadline,
                "segmentations": _segmentations(each),
            }
            for each in cases
        ],
        "commands": _commands(name, cases),
    }


def _indented(text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  ")


def _print(out: Console, text: Text | None = None) -> None:
    lines = text.split("\n") if text else [Text("")]
    print_lines(out, [line for each in lines for line in fold(out, each, indent=4)])
