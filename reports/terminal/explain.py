"""What one case asks of a server, for people and as JSON: the answer of `explain`, on stdout."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import Level, Setup
from wsgi_gauntlet.reports.terminal.listings import print_json
from wsgi_gauntlet.reports.text import labels

MAX_COLUMNS = 100
"""Columns of running text; longer lines are hard to read on any terminal."""

LEVEL_MEANINGS = {
    Level.MUST: "a server that does otherwise fails",
    Level.SHOULD: "a server that does otherwise is warned of",
    Level.MAY: "a server may do so; it is told, and never held against it",
    Level.INFO: "it is told, and never held against a server",
}


def explain(name: str, cases: Sequence[Case], *, as_json: bool, console: Console | None = None) -> None:
    """Print what `cases` ask: one, or the variants of one function, which share all but what is sent; `name` is theirs.

    Everything that a case knows of itself is there: the sentence that demands it, what is sent, what is expected, why
    a user cares, what it needs, and the commands to try it.
    """
    if as_json:
        print_json(_document(name, cases), console)
        return
    out = console or Console(highlight=False)
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
    _print(out, Text("\nWhat the level rests on", style="bold"))
    _print(out, Text(_indented(labels.basis(case.basis), width)))
    _print(out)
    for label, text in _facts(case):
        _print(out, Text(textwrap.fill(text, width, initial_indent=f"{label:10}", subsequent_indent=" " * 10)))
    if len(cases) > 1:
        names = ", ".join(each.id.removeprefix(f"{name}/") for each in cases)
        _print(out, Text(textwrap.fill(names, width, initial_indent=f"{'Variants':10}", subsequent_indent=" " * 10)))
    _print(out, Text("\nTry it", style="bold"))
    for command in _commands(name, cases):
        _print(out, Text(f"  {command}"))


def _facts(case: Case) -> Iterator[tuple[str, str]]:
    yield "Level", f"{case.level}: {LEVEL_MEANINGS[case.level]}."
    yield "Sent", _describe_segmentations(case)
    if breach := labels.BREACHES[case.breach]:
        yield "Breach", f"on purpose {breach}."
    for need in case.needs:
        yield "Needs", f"{need} to hold; else this one is skipped."
    if setup := _describe_setup(case.setup):
        yield "Setup", f"{', '.join(setup)}."


def _segmentations(case: Case) -> list[Segmentation]:
    return [Segmentation.WHOLE] if case.setup.alone or not case.segmentable else list(Segmentation)


def _describe_segmentations(case: Case) -> str:
    whole, *others = _segmentations(case)
    if not others:
        about = "it measures time" if case.setup.alone else "in pieces it would be another case"
        return f"{whole} only: {about}."
    return f"{whole}; where all that it sends is well-formed, as well {', '.join(others[:-1])} and {others[-1]}."


def _describe_setup(setup: Setup) -> list[str]:
    """Return in words what the server is set up with beyond its defaults."""
    found = []
    for count, what in ((setup.workers, "worker"), (setup.threads, "thread")):
        if count is not None:
            found.append(f"{count} {what}{'s' if count != 1 else ''}")
    if setup.app:
        found.append(f"{setup.app} in place of the reference app")
    if setup.distribution:
        found.append(f"{setup.distribution} in the server's interpreter")
    if setup.unix:
        found.append("on a Unix socket")
    if setup.tls:
        found.append("over TLS")
    if setup.mount:
        found.append(f"the app mounted at {setup.mount}")
    found += [f"{name}={value} in the environment of its process" for name, value in setup.environment]
    found += [f"{name}={value} put into each environ by its deployer" for name, value in setup.deployed]
    if setup.alone:
        found.append("nothing else running beside it")
    return found


def _commands(name: str, cases: Sequence[Case]) -> list[str]:
    return [f"wsgi-gauntlet check SERVER --select {name}", f"wsgi-gauntlet replay SERVER {cases[0].id}"]


def _document(name: str, cases: Sequence[Case]) -> dict[str, Any]:
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
    out.print(text if text is not None else "", soft_wrap=True, highlight=False)
