"""The output of `environments`: the cached environments, as text or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wsgi_gauntlet.reports.terminal.listings import TerminalConsole, print_json
from wsgi_gauntlet.reports.text.labels import pluralize, size

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.environments.versioned import CachedEnvironment


def show(environments: Sequence[CachedEnvironment], as_json: bool, console: Console | None = None) -> None:
    """Print each cached environment with its contents, size and date."""
    if as_json:
        print_json(environments)
        return
    out = console or TerminalConsole()
    if not environments:
        out.print("no environments: wsgi-gauntlet makes one for a version such as gunicorn@20.1.0", markup=False)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="bold")
    for column in ("environment", "Python", "size", "made", "with"):
        table.add_column(column, overflow="fold", justify="right" if column == "size" else "left")
    for each in environments:
        found = each.stamp
        if found is None:
            table.add_row(Text(each.name), "", size(each.size), Text("incomplete", style="yellow"), "")
            continue
        name = f"{found.distribution} {found.version}"
        beside = Text(", ".join([found.by, *found.beside]))
        table.add_row(Text(name, style="bold"), Text(found.python), size(each.size), found.made[:16], beside)
    out.print(table)
    where = Path(environments[0].path).parent
    out.print(
        Text(
            f"\n{pluralize(len(environments), 'environment')}, {size(sum(each.size for each in environments))}, in "
            f"{where}"
        )
    )
    out.print("`wsgi-gauntlet environments --clear` removes them.", markup=False, highlight=False)
