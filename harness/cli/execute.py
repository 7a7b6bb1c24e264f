"""From the words of a command to a call of session.py, and what is shown of it at its end.

What the commands of cli.py and commands/history.py share; like them it imports nothing heavy before it is needed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model.listener import NullListener

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.conformance.selection import Selection
    from wsgi_gauntlet.harness.model import Results
    from wsgi_gauntlet.harness.session import RunOptions


def case_selection(
    prefixes: tuple[str, ...] = (),
    levels: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
    shard_text: str | None = None,
    excluded: tuple[str, ...] = (),
) -> Selection:
    """Return the cells that the options of a command choose."""
    from wsgi_gauntlet.harness.conformance.selection import Selection, shard
    from wsgi_gauntlet.harness.model import Level

    shard_parts = shard(shard_text) if shard_text is not None else None
    return Selection(prefixes, tuple(map(Level, levels)), tags, shard=shard_parts, excluded=excluded)


def run_and_exit(given: dict[str, Any], *, cases: Selection | None, scenarios: tuple[str, ...] | None) -> None:
    """Carry out the command with the options `given`, show what came of it, and end with its exit code."""
    from wsgi_gauntlet.harness import config, registry, session
    from wsgi_gauntlet.harness.load.runner import LoadOptions

    settings = config.load_nearest()
    options: RunOptions = session.RunOptions(
        servers=given["servers"],
        cases=cases,
        failed_in=given.get("failed_in"),
        scenarios=scenarios,
        load_options=LoadOptions(
            given.get("full", False), given.get("clients"), given.get("duration"), given.get("rate"), page_option(given)
        ),
        python=given["python"],
        app=given["app"] or registry.REFERENCE_APP,
        command=given["command"],
        out=given["out"],
        resume=given["resume"],
        output_files=output_files(given["junit"], given["markdown"]),
        baseline=given.get("baseline"),
        update_baseline=given.get("update_baseline", False),
        tuned=given.get("tuned", False),
        target=given.get("target"),
        token=_remote_token(given),
        exitfirst=given.get("exitfirst", False),
    )
    with terminal().ProgressDisplay() as shown:
        results, folder, code = session.run(options, settings, shown)
    show(results, folder, given["as_json"])
    for cell in results.load:
        for each in cell.broken:
            click.echo(f"threshold broken: {cell.server} {cell.scenario}: {each.message} ({each.table})", err=True)
    sys.exit(code)


def page_option(given: dict[str, Any]) -> str:
    """Return the page of --path. Raises ConfigurationError for what is none, and where no app of the user's is
    named."""
    path: str | None = given.get("path")
    if path is None:
        return "/"
    from wsgi_gauntlet.harness.load.workload import validated_path

    if not given["app"]:
        raise ConfigurationError("--path names a page of an app of your own: name that as well, with --app")
    return validated_path(path)


def _remote_token(given: dict[str, Any]) -> str:
    """Return the token of --target. Raises ConfigurationError for options that say how to start what has been
    started."""
    token: str | None = given.get("token")
    if given.get("target") is None:
        if token is not None:
            raise ConfigurationError("--token is what --target must prove to know: name that as well")
        return ""
    if given["servers"]:
        raise ConfigurationError("--target is one server that someone else started: name it or SERVER, not both")
    for option in ("app", "command", "tuned"):
        if given[option]:
            raise ConfigurationError(f"--{option} is for servers that are started here, and --target has been started")
    return os.environ.get("GAUNTLET_TOKEN", "") if token is None else token


def output_files(junit: Path | None, markdown: Path | None) -> dict[str, Path]:
    """Return the outputs that are wanted elsewhere, by name."""
    asked = {"junit": junit, "markdown": markdown}
    return {name: path for name, path in asked.items() if path is not None}


def show(results: Results, folder: Path, as_json: bool) -> None:
    """Print the summary on stderr and, where it is wanted, results.json on stdout."""
    from wsgi_gauntlet.harness.model import Verdict
    from wsgi_gauntlet.harness.store import rerun_command

    terminal().summary(results, folder)
    failed = next((each for each in results.conformance if each.verdict is Verdict.FAIL), None)
    if failed is not None:  # whole, however narrow the terminal is: it is there to be pasted
        command = rerun_command.replay(failed.server, failed.case, rerun_command.given(results.environment))
        click.echo(
            f"See a failure happen: {''.join(each if each.isprintable() else '?' for each in command)}", err=True
        )
    if as_json:
        from wsgi_gauntlet.harness import registry

        click.echo(registry.outputs()["json"].render(results))


def terminal() -> Any:
    """Return the module that shows a run on a terminal."""
    from wsgi_gauntlet.harness import registry

    return registry.terminal()


class _StderrListener(NullListener):
    def message(self, text: str) -> None:
        click.echo(text, err=True)


def stderr_listener() -> NullListener:
    """Return a listener for what goes on before a command shows anything itself: its remarks go to stderr."""
    return _StderrListener()
