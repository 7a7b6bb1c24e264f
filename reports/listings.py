"""What there is to run, for people and as JSON: the answers of `servers` and `cases`, on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..harness.model import CaseInfo, ScenarioInfo

if TYPE_CHECKING:
    from ..harness.discover import Listed


def servers(listed: Sequence[Listed], as_json: bool, console: Console | None = None) -> None:
    """Print each server with its version and variants, or what is missing and the command that gets it."""
    if as_json:
        _json([{**msgspec.to_builtins(each), "available": not each.why} for each in listed])
        return
    out = console or Console()
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="bold")
    for column in ("server", "version", "what it is, or how to get it"):
        table.add_column(column, overflow="fold")
    for each in listed:
        name = f"{each.name}+SERVER" if each.front else each.name
        if each.why:
            table.add_row(
                Text(name),
                Text("missing", style="yellow"),
                Text(f"{each.why}{f'; get it with: {each.get}' if each.get else ''}"),
            )
        else:
            table.add_row(Text(name, style="bold"), Text(each.version), Text(each.title))
        for number, (variant, line) in enumerate(each.variants.items()):
            named = f"  {each.name}:{variant}{'+SERVER' if each.front else ''}"
            table.add_row(Text(named), Text("default" if number == 0 else "", style="dim"), Text(line))
    out.print(table)
    out.print(
        "\nSettings go in brackets, as gunicorn[workers=4,threads=2]: workers, threads,\n"
        "keep-alive, timeout, backlog, and tls, which has it speak https: gunicorn[tls].\n"
        "Any other server: --command '{python} -m mine --port {port} {app}', a path to an adapter file,\n"
        "or [tool.wsgi-gauntlet.servers] in pyproject.toml.",
        markup=False,
        highlight=False,
    )


def cases(
    chosen: Sequence[CaseInfo], scenarios: Sequence[ScenarioInfo], as_json: bool, console: Console | None = None
) -> None:
    """Print the cases by area with level and what holds, then the scenarios."""
    if as_json:
        _json({"cases": chosen, "scenarios": scenarios})
        return
    out = console or Console()
    area = ""
    for each in chosen:
        head = "/".join(each.id.split("/")[:2])
        if head != area:
            area = head
            out.print(Text(f"\n{area}", style="bold"))
        line = Text(f"  {each.id.removeprefix(area + '/'):32} ")
        line.append(f"{each.level:7}", style={"must": "bold", "should": ""}.get(each.level, "dim"))
        line.append(each.summary)
        out.print(line, soft_wrap=True)
    if scenarios:
        out.print(Text("\nscenarios (wsgi-gauntlet load --scenario ID)", style="bold"))
    for scenario in scenarios:
        out.print(Text(f"  {scenario.id:32} {scenario.title}"), soft_wrap=True)
    out.print(Text(f"\n{len(chosen)} cases, {len(scenarios)} scenarios" if scenarios else f"\n{len(chosen)} cases"))


def _json(value: object) -> None:
    Console(soft_wrap=True, highlight=False, markup=False, color_system=None).print(
        msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    )
