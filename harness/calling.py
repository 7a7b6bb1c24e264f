"""From the words of a command to a call of session.py, and what is shown of it at its end.

What the commands of cli.py and versions/commands.py share; like them it imports nothing heavy before it is needed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .errors import BadConfiguration
from .progress import Silence

if TYPE_CHECKING:
    from .model import Results
    from .selection import Selection
    from .session import Call


def selection(
    prefixes: tuple[str, ...] = (),
    levels: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
    part: str | None = None,
    excluded: tuple[str, ...] = (),
) -> Selection:
    """Return the cells that the options of a command choose."""
    from .model import Level
    from .selection import Selection, shard

    which = shard(part) if part is not None else None
    return Selection(prefixes, tuple(map(Level, levels)), tags, shard=which, excluded=excluded)


def execute(given: dict[str, Any], *, cases: Selection | None, scenarios: tuple[str, ...] | None) -> None:
    """Carry out the command with the options `given`, show what came of it, and end with its exit code."""
    from . import configuration, discover, session
    from .rounds import Narrowing

    settings = configuration.nearest()
    call: Call = session.Call(
        servers=given["servers"],
        cases=cases,
        failed_in=given.get("failed_in"),
        scenarios=scenarios,
        narrowing=Narrowing(
            given.get("full", False), given.get("clients"), given.get("duration"), given.get("rate"), page_of(given)
        ),
        python=given["python"],
        app=given["app"] or discover.REFERENCE_APP,
        command=given["command"],
        out=given["out"],
        resume=given["resume"],
        files=files(given["junit"], given["markdown"]),
        baseline=given.get("baseline"),
        update_baseline=given.get("update_baseline", False),
        tuned=given.get("tuned", False),
        target=given.get("target"),
        token=_token(given),
        exitfirst=given.get("exitfirst", False),
    )
    with terminal().Terminal() as shown:
        results, folder, code = session.run(call, settings, shown)
    show(results, folder, given["as_json"])
    for cell in results.loads:
        for each in cell.broken:
            click.echo(f"threshold broken: {cell.server} {cell.scenario}: {each.told} ({each.table})", err=True)
    sys.exit(code)


def page_of(given: dict[str, Any]) -> str:
    """Return the page of --path. Raises BadConfiguration for what is none, and where no app of the user's is named."""
    path: str | None = given.get("path")
    if path is None:
        return "/"
    from .load.question import checked_path

    if not given["app"]:
        raise BadConfiguration("--path names a page of an app of your own: name that as well, with --app")
    return checked_path(path)


def _token(given: dict[str, Any]) -> str:
    """Return the token of --target. Raises BadConfiguration for options that say how to start what has been started."""
    token: str | None = given.get("token")
    if given.get("target") is None:
        if token is not None:
            raise BadConfiguration("--token is what --target must prove to know: name that as well")
        return ""
    if given["servers"]:
        raise BadConfiguration("--target is one server that someone else started: name it or SERVER, not both")
    for option in ("app", "command", "tuned"):
        if given[option]:
            raise BadConfiguration(f"--{option} is for servers that are started here, and --target has been started")
    return os.environ.get("GAUNTLET_TOKEN", "") if token is None else token


def files(junit: Path | None, markdown: Path | None) -> dict[str, Path]:
    """Return the outputs that are wanted elsewhere, by name."""
    asked = {"junit": junit, "markdown": markdown}
    return {name: path for name, path in asked.items() if path is not None}


def show(results: Results, folder: Path, as_json: bool) -> None:
    """Print the summary on stderr and, where it is wanted, results.json on stdout."""
    from . import again
    from .model import Verdict

    terminal().summary(results, folder)
    failed = next((each for each in results.checks if each.verdict is Verdict.FAIL), None)
    if failed is not None:  # whole, however narrow the terminal is: it is there to be pasted
        command = again.replay(failed.server, failed.case, again.given(results.environment))
        click.echo(
            f"See a failure happen: {''.join(each if each.isprintable() else '?' for each in command)}", err=True
        )
    if as_json:
        from . import discover

        click.echo(discover.outputs()["json"].render(results))


def terminal() -> Any:
    """Return the module that shows a run on a terminal."""
    from . import discover

    return discover.terminal()


class _Remarks(Silence):
    def remark(self, text: str) -> None:
        click.echo(text, err=True)


def remarks() -> Silence:
    """Return a listener for what goes on before a command shows anything itself: its remarks go to stderr."""
    return _Remarks()
