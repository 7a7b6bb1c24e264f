"""The command `wsgi-gauntlet`: words in, exit code out. Nothing heavy is imported before a command needs it.

Errors of ours are one line on stderr; results are on stdout only with --json, everything else is on stderr.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from .calling import execute, files, page_of, remarks, selection, show
from .epilogs import EXIT_CODES, SERVERS, TARGETS
from .errors import BadConfiguration, GauntletError, UnknownName
from .options import Group, fit_files, place
from .streams import take_every_character
from .versions.commands import environments, history

F = TypeVar("F", bound=Callable[..., Any])

_PATH = click.option("--path", metavar="/PAGE", help="The page of --app that is asked for [/].")


@click.group(
    cls=Group, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="wsgi-gauntlet", prog_name="wsgi-gauntlet")
def cli() -> None:
    """Run WSGI servers through the gauntlet.

    Do they keep PEP 3333 and HTTP/1.1, and what do ordinary users get from them while other clients are slow?
    """


def _common(function: F) -> F:
    options = [
        click.argument("servers", nargs=-1, metavar="[SERVER]..."),
        click.option("--python", default=sys.executable, metavar="EXE", help="Interpreter that runs the servers."),
        click.option("--tuned", is_flag=True, help="Each server a second time, as its documentation advises."),
        click.option("--app", metavar="MODULE:NAME", help="An app of your own, served beside the reference app."),
        click.option(
            "--command", default="", metavar="TEMPLATE", help="A server of your own: '{python} -m mine {port}'."
        ),
        click.option("--out", type=place, metavar="DIR", help="Run folder [gauntlet-out]."),
        click.option("--resume", is_flag=True, help="Go on with the run in the folder instead of starting anew."),
        click.option("--json", "as_json", is_flag=True, help="Print results.json on stdout."),
        click.option("--junit", type=place, metavar="FILE", help="Write a JUnit file for CI."),
        click.option("--markdown", type=place, metavar="FILE", help="Write the summary in Markdown."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _accepting(function: F) -> F:
    options = [
        click.option("--baseline", type=place, metavar="FILE", help="What is accepted of servers for now."),
        click.option("--update-baseline", is_flag=True, help="Write what the run finds into the baseline."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _choosing(function: F) -> F:
    levels = click.Choice(["must", "should", "may", "info"])
    options = [
        click.option("--level", multiple=True, type=levels, help="Only cases of this level; may be repeated."),
        click.option("--tag", multiple=True, metavar="TAG", help="Only cases with this tag; may be repeated."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _narrowing(function: F) -> F:
    options = [
        click.option("--full", is_flag=True, help="The long parameters of every scenario, and every scenario."),
        click.option("--clients", type=click.IntRange(1, 100_000), metavar="N", help="Most adverse clients."),
        click.option(
            "--duration", type=click.FloatRange(0.5, 3600), metavar="S", help="Seconds under adverse clients."
        ),
        click.option("--rate", type=click.FloatRange(0.1, 10_000), metavar="R", help="Healthy requests a second."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@cli.command(epilog=SERVERS + EXIT_CODES)
@_common
@_accepting
@click.option("--full", is_flag=True, help="Every scenario with its long parameters: takes hours.")
@_PATH
def run(**given: Any) -> None:
    """Check and load servers, then draw the report. Without names: all that are installed.

    Each case is sent whole and in one other way; `check`, and `run --full`, send it in four.
    """
    execute(given, cases=selection(), scenarios=())


@cli.command(epilog=SERVERS + EXIT_CODES)
@_common
@_accepting
@_PATH
@click.option("--select", multiple=True, metavar="PREFIX", help="Only cases whose id begins so; may be repeated.")
@click.option(
    "--exclude",
    multiple=True,
    metavar="PREFIX",
    help="No case whose id begins so, unless others need it; may be repeated.",
)
@_choosing
@click.option(
    "--failed-in",
    type=place,
    metavar="RUN",
    help="Only cells that came to fail, warn, flaky or error in RUN, a run folder or results.json; without names, "
    "of that run's servers.",
)
@click.option("-x", "--exitfirst", is_flag=True, help="Stop at the first failure; --resume goes on.")
@click.option("--shard", metavar="K/N", help="Only the K-th of N parts; all N together are the whole.")
def check(
    select: tuple[str, ...], exclude: tuple[str, ...], level: tuple[str, ...], tag: tuple[str, ...], **given: Any
) -> None:
    """Prove case by case whether servers keep PEP 3333 and HTTP/1.1.

    Options of different kinds narrow each other; the same one repeated widens.
    """
    execute(given, cases=selection(select, level, tag, given["shard"], exclude), scenarios=None)


@cli.command(epilog=TARGETS + SERVERS + EXIT_CODES)
@_common
@_narrowing
@_PATH
@click.option("--scenario", multiple=True, metavar="ID", help="Only this scenario, or family (slow-headers).")
@click.option("--target", metavar="URL", help="A server that someone else started, in place of SERVER.")
@click.option("--token", metavar="T", help="What --target must prove to know [GAUNTLET_TOKEN].")
def load(scenario: tuple[str, ...], **given: Any) -> None:
    """Measure what ordinary users get while other clients are slow.

    Servers are started afresh for every scenario. With --app the users ask your own app for --path.
    """
    execute(given, cases=None, scenarios=scenario)


@cli.command("target-app")
def target_app() -> None:
    """Print the app that a server must serve to be loaded with `load --target`: one file, standard library alone.

    Serve its `application` with GAUNTLET_TOKEN in the environment. Where wsgi-gauntlet is installed,
    wsgi_gauntlet.suites.apps.deployed:application is the same.
    """
    from .launching.places import app_sources
    from .replaying.appfile import standing_alone

    click.echo(standing_alone(app_sources(), "deployed"), nl=False)


@cli.command()
@click.option("--python", default=sys.executable, metavar="EXE", help="Interpreter to look in.")
@click.option("--requirements", is_flag=True, help="Print what pip must install to have them all, for pip install -r.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def servers(python: str, requirements: bool, as_json: bool) -> None:
    """List the servers: versions, variants, and how to get what is missing."""
    from . import discover, session

    if requirements:
        click.echo("\n".join(discover.requirements()))
    else:
        discover.listings().servers(discover.listing(session.interpreter(python)), as_json)


@cli.command()
@click.argument("prefix", default="")
@_choosing
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def cases(prefix: str, level: tuple[str, ...], tag: tuple[str, ...], as_json: bool) -> None:
    """List the cases and the scenarios, or those whose id begins with PREFIX."""
    from . import discover
    from .selection import chosen as choose

    scenarios = [] if level or tag else [each for each in discover.scenarios() if each.id.startswith(prefix)]
    try:
        chosen = choose(discover.cases(), selection((prefix,) if prefix else (), level, tag))
    except UnknownName:
        if not scenarios:
            raise
        chosen = []
    discover.listings().cases([each.info() for each in chosen], [each.info() for each in scenarios], as_json)


@cli.command()
@click.argument("case")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def explain(case: str, as_json: bool) -> None:
    """Say what CASE asks of a server, which sentence demands it, what is sent, and why a user cares.

    CASE may be what several variants have in common.
    """
    from . import discover

    discover.explaining().explain(*discover.family(case), as_json=as_json)


@cli.command(epilog=SERVERS + EXIT_CODES)
@click.argument("server")
@click.argument("case")
@click.option(
    "--pattern",
    default="whole",
    type=click.Choice(["whole", "bytes", "lines", "paused"]),
    help="How it is sent: in one piece, byte by byte, split at every CRLF, with pauses.",
)
@click.option("--python", default=sys.executable, metavar="EXE", help="Interpreter that runs the server.")
@click.option("--app", metavar="MODULE:NAME", help="An app of your own, served beside the reference app.")
@_PATH
@click.option("--command", default="", metavar="TEMPLATE", help="What SERVER is: '{python} -m mine {port}'.")
@click.option("--write", type=place, metavar="DIR", help="Write the reproducer's files there.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document; the time line goes to stderr.")
def replay(server: str, case: str, pattern: str, write: Path | None, as_json: bool, **given: Any) -> None:
    """Run CASE once on SERVER, shown as it happens, and print how to see the same with a shell alone."""
    from . import configuration, discover, session
    from .attempts.patterns import Pattern
    from .launching.ownapp import is_own
    from .naming import parse
    from .replaying import replay as engine
    from .rounds import Narrowing
    from .selection import fitting

    chosen = discover.case(case)
    settings = configuration.nearest()
    if given["command"]:
        settings = replace(settings, servers={**settings.servers, parse(server).server.adapter: given["command"]})
    asked = session.Call(
        servers=(server,),
        narrowing=Narrowing(page=page_of(given)),
        python=given["python"],
        app=given["app"] or discover.REFERENCE_APP,
    )
    fitting(discover.cases(), selection((chosen.id,)), own_app=is_own(asked.app))
    if write is not None:
        engine.fit(write)
    (plan,) = session.planned(asked, settings, remarks())
    module = discover.replaying()
    shown = module.show(stderr=as_json)
    told = engine.replay(plan, chosen, Pattern[pattern.upper()], shown)
    shown.closing(told, chosen.info())
    if write is not None:
        shown.written(engine.write(told.reproducer, write))
    if as_json:
        click.echo(module.as_json(told))
    sys.exit(told.exit_code)


@cli.command(epilog=EXIT_CODES)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=place)
@click.option("--out", type=place, metavar="DIR", help="Folder for the report [that of the run].")
@click.option("--json", "as_json", is_flag=True, help="Print results.json on stdout.")
@click.option("--junit", type=place, metavar="FILE", help="Write a JUnit file for CI.")
@click.option("--markdown", type=place, metavar="FILE", help="Write the summary in Markdown.")
def report(runs: Sequence[Path], out: Path | None, as_json: bool, junit: Path | None, markdown: Path | None) -> None:
    """Draw the report of RUN: a run folder, also one cut short, or a results.json.

    Of several runs the cells are put together; where two have the same cell, the later one counts.
    """
    from . import discover, journal, outputs
    from .results import together

    results = together([discover.stored(each) for each in runs])
    if out is None and (len(runs) > 1 or not runs[0].is_dir()):
        raise BadConfiguration("name a folder for the report with --out: it is made of several runs or of a file")
    folder = out or runs[0]
    asked = files(junit, markdown)
    fit_files(asked, folder)
    with journal.ready_folder(
        folder, kept=any(folder.resolve() in (each, each.parent) for each in map(Path.resolve, runs))
    ) as earlier:
        if earlier is not None:
            remarks().remark(f"what was in {folder} was moved to {earlier}")
        outputs.write(results, folder, asked)
    show(results, folder, as_json)


cli.add_command(environments)
cli.add_command(history)


def main() -> None:
    """Run the command; every error of ours is one line and its exit code, never a traceback."""
    take_every_character()
    try:
        Path.cwd()
    except OSError as problem:
        _end(f"the folder that you are in cannot be read ({problem.strerror}); change to another", 2)
    try:
        code = cli.main(standalone_mode=False)
    except GauntletError as problem:
        _end(str(problem), problem.exit_code)
    except click.exceptions.Abort:
        _end("interrupted", 130)
    except click.ClickException as problem:
        context = getattr(problem, "ctx", None)
        command = context.command_path if context is not None else "wsgi-gauntlet"
        _end(f"{problem.format_message().rstrip('.')}; see `{command} --help`", 2)
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except BrokenPipeError:
        sys.exit(141)
    except MemoryError:
        _end(_RESOURCES[errno.ENOMEM], 4)
    except OSError as problem:
        if problem.errno not in _RESOURCES:
            raise
        _end(f"{problem.strerror}{f': {problem.filename}' if problem.filename else ''}; {_RESOURCES[problem.errno]}", 4)
    sys.exit(code or 0)


_RESOURCES = {
    errno.ENOSPC: "free some room there, or set TMPDIR to another disk",
    errno.EDQUOT: "free some room there, or set TMPDIR to another disk",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "the system has no file descriptors left",
    errno.ENOMEM: "the system has no memory left",
}


def _end(line: str, code: int) -> None:
    click.echo(f"wsgi-gauntlet: {line}", err=True)
    sys.exit(code)
