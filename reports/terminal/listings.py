"""The output of `servers` and `cases`, as text or JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wsgi_gauntlet.harness.model import CaseInfo, ScenarioInfo
from wsgi_gauntlet.harness.model.naming import group_variants
from wsgi_gauntlet.harness.store.json_encoding import to_json
from wsgi_gauntlet.reports.terminal.layout import fold, print_lines
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.text.labels import pluralize

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.registry import ServerListing


class TerminalConsole(Console):
    """A console that raises BrokenPipeError if its reader has gone."""

    def on_broken_pipe(self) -> None:
        """Stop the output. The default ends the process with 1, which means here that a case failed."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())
        raise BrokenPipeError


def servers(listed: Sequence[ServerListing], as_json: bool, console: Console | None = None) -> None:
    """Print each server with its version and variants, then the missing ones with their install commands."""
    if as_json:
        print_json([{**msgspec.to_builtins(each), "available": not each.why} for each in listed])
        return
    out = console or TerminalConsole()
    here = [each for each in listed if not each.why]
    if here:
        out.print(_installed_table(here))
    missing = [each for each in listed if each.why and each.get]
    if missing:
        table = _table("not installed", "install it with")
        for each in missing:
            table.add_row(Text(_display_name(each)), Text(each.get))
        out.print("", table)
    if unavailable := [each for each in listed if each.why and not each.get]:
        table = _table("not available", "reason")
        for each in unavailable:
            table.add_row(Text(_display_name(each)), Text(each.why))
        out.print("", table)
    out.print(
        "\nSettings go in brackets, as gunicorn[workers=4,threads=2]: workers, threads, keep-alive, timeout, backlog, "
        "max-requests. gunicorn[tls] uses HTTPS. gunicorn[unix] listens on a Unix socket. gunicorn[tuned] has the "
        "settings of its documentation. gunicorn@20.1.0 is that version, in its own environment.\n"
        "Any other server: --command '{python} -m mine --port {port} {app}', a path to "
        "an adapter file, or [tool.wsgi-gauntlet.servers] in pyproject.toml.",
        markup=False,
        highlight=False,
    )


def _installed_table(listed: Sequence[ServerListing]) -> Table:
    table = _table("server", "version", "description")
    for each in listed:
        table.add_row(Text(_display_name(each), style="bold"), Text(each.version), Text(each.title))
        for number, (variant, about) in enumerate(each.variants.items()):
            chosen = "default" if number == 0 and not each.front else ""
            table.add_row(Text(f"  {_display_name(each, f':{variant}')}"), Text(chosen, style="dim"), Text(about))
        for word, about in each.features.items():
            table.add_row(Text(f"  {_display_name(each, f'[{word}]')}"), Text(""), Text(about))
    return table


def _display_name(each: ServerListing, more: str = "") -> str:
    return f"{each.name}{more}{'+SERVER' if each.front else ''}"


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def cases(
    chosen: Sequence[CaseInfo],
    scenarios: Sequence[ScenarioInfo],
    as_json: bool,
    console: Console | None = None,
    *,
    all_ids: bool = False,
) -> None:
    """Print the cases by area, with level and requirement, then the scenarios.

    The variants of a case share one line, unless only one of them is chosen. With `all_ids`, print nothing but every
    id, one per line.
    """
    if as_json:
        print_json({"cases": chosen, "scenarios": scenarios})
        return
    out = console or TerminalConsole()
    if all_ids:
        for id_ in (*(case.id for case in chosen), *(scenario.id for scenario in scenarios)):
            out.print(id_, soft_wrap=True, highlight=False, markup=False)
        return
    area = ""
    groups = group_variants(chosen)
    for requirement, variants in groups.items():
        first = variants[0]
        name = requirement if len(variants) > 1 else first.id
        head = "/".join(name.split("/")[:2])
        if head != area:
            area = head
            out.print(Text(f"\n{area}", style="bold"))
        count = f" ({pluralize(len(variants), 'variant')})" if len(variants) > 1 else ""
        _print_entry(
            out,
            Text(f"  {name.removeprefix(area + '/') + count:42} "),
            Text(f"{first.level:7}", style={"must": "bold", "should": ""}.get(first.level, "dim")),
            first.summary,
        )
    if scenarios:
        out.print(Text("\nscenarios (wsgi-gauntlet load --scenario ID)", style="bold"))
    for scenario in scenarios:
        _print_entry(out, Text(f"  {scenario.id:42} "), Text(""), scenario.title)
    kinds = [pluralize(len(each), what) for each, what in ((chosen, "case"), (scenarios, "scenario")) if each]
    out.print(Text(f"\n{', '.join(kinds) or 'none'}"))
    if len(groups) < len(chosen):
        out.print(Text("--all prints the id of every variant."))


def _print_entry(out: Console, name: Text, mark: Text, summary: str) -> None:
    """Print one entry of a list: on one line if it fits or if there is no terminal, else the summary below the name."""
    text = Text.assemble(name, mark, summary)
    if text.cell_len <= out.width or not out.is_terminal:
        out.print(text, soft_wrap=True, highlight=False)
        return
    head = Text.assemble(name, mark)
    head.rstrip()
    lines = fold(out, Text(line(summary)), room=6)
    print_lines(out, [*fold(out, head, indent=4), *(Text("      ").append_text(each) for each in lines)])


def print_json(value: object, console: Console | None = None) -> None:
    """Print `value` as a JSON document and nothing else."""
    out = console or TerminalConsole(color_system=None)
    text = msgspec.json.format(to_json(value), indent=2).decode()
    if not out.encoding.startswith("utf"):
        text = json.dumps(json.loads(text), indent=2)  # in ASCII
    out.print(text, soft_wrap=True, highlight=False, markup=False, emoji=False)
