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

from wsgi_gauntlet.harness.cli.commands.history import environments, history
from wsgi_gauntlet.harness.cli.execute import (
    case_selection,
    output_files,
    page_option,
    run_and_exit,
    show,
    stderr_listener,
)
from wsgi_gauntlet.harness.cli.help_text import EXIT_CODES_HELP, REMOTE_SERVER_HELP, SERVER_NAMES_HELP
from wsgi_gauntlet.harness.cli.options import Group, check_output_files, path_argument
from wsgi_gauntlet.harness.cli.output_encoding import configure_output_encoding
from wsgi_gauntlet.harness.errors import ConfigurationError, GauntletError, UnknownName

F = TypeVar("F", bound=Callable[..., Any])

_PATH_OPTION = click.option("--path", metavar="/PAGE", help="The page of --app that is asked for [/].")


@click.group(
    cls=Group,
    epilog=EXIT_CODES_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="wsgi-gauntlet", prog_name="wsgi-gauntlet")
def cli() -> None:
    """Run WSGI servers through the gauntlet.

    Do they keep PEP 3333 and HTTP/1.1, and what do ordinary users get from them while other clients are slow?
    """


def _run_options(function: F) -> F:
    options = [
        click.argument("servers", nargs=-1, metavar="[SERVER]..."),
        click.option("--python", default=sys.executable, metavar="EXE", help="Interpreter that runs the servers."),
        click.option("--tuned", is_flag=True, help="Each server a second time, as its documentation advises."),
        click.option("--app", metavar="MODULE:NAME", help="An app of your own, served beside the reference app."),
        click.option(
            "--command", default="", metavar="TEMPLATE", help="A server of your own: '{python} -m mine {port}'."
        ),
        click.option("--out", type=path_argument, metavar="DIR", help="Run folder [gauntlet-out]."),
        click.option("--resume", is_flag=True, help="Go on with the run in the folder instead of starting anew."),
        click.option("--json", "as_json", is_flag=True, help="Print results.json on stdout."),
        click.option("--junit", type=path_argument, metavar="FILE", help="Write a JUnit file for CI."),
        click.option("--markdown", type=path_argument, metavar="FILE", help="Write the summary in Markdown."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _baseline_options(function: F) -> F:
    options = [
        click.option("--baseline", type=path_argument, metavar="FILE", help="What is accepted of servers for now."),
        click.option("--update-baseline", is_flag=True, help="Write what the run finds into the baseline."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _case_filter_options(function: F) -> F:
    levels = click.Choice(["must", "should", "may", "info"])
    options = [
        click.option("--level", multiple=True, type=levels, help="Only cases of this level; may be repeated."),
        click.option("--tag", multiple=True, metavar="TAG", help="Only cases with this tag; may be repeated."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def _load_options(function: F) -> F:
    options = [
        click.option("--full", is_flag=True, help="The long parameters of every scenario, and every scenario."),
        click.option("--clients", type=click.IntRange(1, 100_000), metavar="N", help="Most adverse clients."),
        click.option(
            "--duration", type=click.FloatRange(0.5, 3600), metavar="S", help="Seconds under adverse clients."
        ),
        click.option("--rate", type=click.FloatRange(0.1, 10_000), metavar="R", help="Healthy requests a second."),
        click.option(
            "--set",
            "parameters",
            multiple=True,
            metavar="NAME=VALUE",
            help="Any parameter of a scenario; `explain SCENARIO` lists them. May be repeated.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@cli.command(epilog=SERVER_NAMES_HELP + EXIT_CODES_HELP)
@_run_options
@_baseline_options
@click.option("--full", is_flag=True, help="Every scenario with its long parameters: takes hours.")
@_PATH_OPTION
def run(**given: Any) -> None:
    """Check and load servers, then draw the report. Without names: all that are installed.

    Each case is sent whole and in one other way; `check`, and `run --full`, send it in four.
    """
    run_and_exit(given, cases=case_selection(), scenarios=())


@cli.command(epilog=SERVER_NAMES_HELP + EXIT_CODES_HELP)
@_run_options
@_baseline_options
@_PATH_OPTION
@click.option("--select", multiple=True, metavar="PREFIX", help="Only cases whose id begins so; may be repeated.")
@click.option(
    "--exclude",
    multiple=True,
    metavar="PREFIX",
    help="No case whose id begins so, unless others need it; may be repeated.",
)
@_case_filter_options
@click.option(
    "--failed-in",
    type=path_argument,
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
    run_and_exit(given, cases=case_selection(select, level, tag, given["shard"], exclude), scenarios=None)


@cli.command(epilog=REMOTE_SERVER_HELP + SERVER_NAMES_HELP + EXIT_CODES_HELP)
@_run_options
@_load_options
@_PATH_OPTION
@click.option("--scenario", multiple=True, metavar="ID", help="Only this scenario, or family (slow-headers).")
@click.option("--target", metavar="URL", help="A server that someone else started, in place of SERVER.")
@click.option("--token", metavar="T", help="What --target must prove to know [GAUNTLET_TOKEN].")
def load(scenario: tuple[str, ...], **given: Any) -> None:
    """Measure what ordinary users get while other clients are slow.

    Servers are started afresh for every scenario. With --app the users ask your own app for --path.
    """
    run_and_exit(given, cases=None, scenarios=scenario)


@cli.command("target-app")
def target_app() -> None:
    """Print the app that a server must serve to be loaded with `load --target`: one file, standard library alone.

    Serve its `application` with GAUNTLET_TOKEN in the environment. Where wsgi-gauntlet is installed,
    wsgi_gauntlet.suites.testapp.standalone:application is the same.
    """
    from wsgi_gauntlet.harness.replay.app_extractor import standalone_source
    from wsgi_gauntlet.harness.server.temp_dirs import reference_app_sources

    click.echo(standalone_source(reference_app_sources(), "standalone"), nl=False)


@cli.command()
@click.option("--python", default=sys.executable, metavar="EXE", help="Interpreter to look in.")
@click.option("--requirements", is_flag=True, help="Print what pip must install to have them all, for pip install -r.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def servers(python: str, requirements: bool, as_json: bool) -> None:
    """List the servers: versions, variants, and how to get what is missing."""
    from wsgi_gauntlet.harness import registry, session

    if requirements:
        click.echo("\n".join(registry.requirements()))
    else:
        registry.listings().servers(registry.listing(session.interpreter(python)), as_json)


@cli.command()
@click.argument("prefix", default="")
@_case_filter_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def cases(prefix: str, level: tuple[str, ...], tag: tuple[str, ...], as_json: bool) -> None:
    """List the cases and the scenarios, or those whose id begins with PREFIX."""
    from wsgi_gauntlet.harness import registry
    from wsgi_gauntlet.harness.conformance.selection import chosen as choose

    scenarios = [] if level or tag else [each for each in registry.scenarios() if each.id.startswith(prefix)]
    try:
        chosen = choose(registry.cases(), case_selection((prefix,) if prefix else (), level, tag))
    except UnknownName:
        if not scenarios:
            raise
        chosen = []
    registry.listings().cases([each.info() for each in chosen], [each.info() for each in scenarios], as_json)


@cli.command()
@click.argument("case", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def explain(case: str, as_json: bool) -> None:
    """Explain a case or a scenario.

    For a case: what it sends and expects, its source, and why a user cares. For a scenario: what it does, and each
    parameter with its unit and its values in quick and full runs. ID may be a case with several variants.
    """
    from wsgi_gauntlet.harness import registry

    if found := next((each for each in registry.scenarios() if each.id == case.strip("/")), None):
        registry.explaining().explain_scenario(found, as_json=as_json)
        return
    registry.explaining().explain(*registry.case_or_variants(case), as_json=as_json)


@cli.command(epilog=SERVER_NAMES_HELP + EXIT_CODES_HELP)
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
@_PATH_OPTION
@click.option("--command", default="", metavar="TEMPLATE", help="What SERVER is: '{python} -m mine {port}'.")
@click.option("--write", type=path_argument, metavar="DIR", help="Write the reproducer's files there.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document; the time line goes to stderr.")
def replay(server: str, case: str, pattern: str, write: Path | None, as_json: bool, **given: Any) -> None:
    """Run CASE once on SERVER, shown as it happens, and print how to see the same with a shell alone."""
    from wsgi_gauntlet.harness import config, registry, session
    from wsgi_gauntlet.harness.conformance.selection import runnable_cases
    from wsgi_gauntlet.harness.http.segmentation import Segmentation
    from wsgi_gauntlet.harness.load.runner import LoadOptions
    from wsgi_gauntlet.harness.replay import runner as engine
    from wsgi_gauntlet.harness.server.name import parse
    from wsgi_gauntlet.harness.server.user_app import is_user_app

    chosen = registry.case(case)
    settings = config.load_nearest()
    if given["command"]:
        settings = replace(settings, servers={**settings.servers, parse(server).server.adapter: given["command"]})
    asked = session.RunOptions(
        servers=(server,),
        load_options=LoadOptions(page=page_option(given)),
        python=given["python"],
        app=given["app"] or registry.REFERENCE_APP,
    )
    runnable_cases(registry.cases(), case_selection((chosen.id,)), own_app=is_user_app(asked.app))
    if write is not None:
        engine.require_output_folder(write)
    (plan,) = session.plan_servers(asked, settings, stderr_listener())
    module = registry.replaying()
    display = module.show(stderr=as_json)
    result = engine.replay(plan, chosen, Segmentation[pattern.upper()], display)
    display.print_result(result, chosen.info())
    if write is not None:
        display.print_files(engine.write(result.reproducer, write))
    if as_json:
        click.echo(module.as_json(result))
    sys.exit(result.exit_code)


@cli.command(epilog=EXIT_CODES_HELP)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=path_argument)
@click.option("--out", type=path_argument, metavar="DIR", help="Folder for the report [that of the run].")
@click.option("--json", "as_json", is_flag=True, help="Print results.json on stdout.")
@click.option("--junit", type=path_argument, metavar="FILE", help="Write a JUnit file for CI.")
@click.option("--markdown", type=path_argument, metavar="FILE", help="Write the summary in Markdown.")
def report(runs: Sequence[Path], out: Path | None, as_json: bool, junit: Path | None, markdown: Path | None) -> None:
    """Draw the report of RUN: a run folder, also one cut short, or a results.json.

    Of several runs the cells are put together; where two have the same cell, the later one counts.
    """
    from wsgi_gauntlet.harness import registry
    from wsgi_gauntlet.harness.store import journal, outputs
    from wsgi_gauntlet.harness.store.merge import merge

    results = merge([registry.load_results(each) for each in runs])
    if out is None and (len(runs) > 1 or not runs[0].is_dir()):
        raise ConfigurationError("name a folder for the report with --out: it is made of several runs or of a file")
    folder = out or runs[0]
    asked = output_files(junit, markdown)
    check_output_files(asked, folder)
    with journal.open_report_folder(
        folder, keep_files=any(folder.resolve() in (each, each.parent) for each in map(Path.resolve, runs))
    ) as previous_folder:
        if previous_folder is not None:
            stderr_listener().message(f"what was in {folder} was moved to {previous_folder}")
        outputs.write(results, folder, asked)
    show(results, folder, as_json)


cli.add_command(environments)
cli.add_command(history)


def main() -> None:
    """Run the command; every error of ours is one line and its exit code, never a traceback."""
    configure_output_encoding()
    try:
        Path.cwd()
    except OSError as problem:
        _exit_with_message(f"the folder that you are in cannot be read ({problem.strerror}); change to another", 2)
    try:
        code = cli.main(standalone_mode=False)
    except GauntletError as problem:
        _exit_with_message(str(problem), problem.exit_code)
    except click.exceptions.Abort:
        _exit_with_message("interrupted", 130)
    except click.ClickException as problem:
        context = getattr(problem, "ctx", None)
        command = context.command_path if context is not None else "wsgi-gauntlet"
        _exit_with_message(f"{problem.format_message().rstrip('.')}; see `{command} --help`", 2)
    except KeyboardInterrupt:
        _exit_with_message("interrupted", 130)
    except BrokenPipeError:
        sys.exit(141)
    except MemoryError:
        _exit_with_message(_RESOURCE_ADVICE[errno.ENOMEM], 4)
    except OSError as problem:
        if problem.errno not in _RESOURCE_ADVICE:
            raise
        _exit_with_message(
            f"{problem.strerror}{f': {problem.filename}' if problem.filename else ''}; "
            f"{_RESOURCE_ADVICE[problem.errno]}",
            4,
        )
    sys.exit(code or 0)


_RESOURCE_ADVICE = {
    errno.ENOSPC: "free some room there, or set TMPDIR to another disk",
    errno.EDQUOT: "free some room there, or set TMPDIR to another disk",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "the system has no file descriptors left",
    errno.ENOMEM: "the system has no memory left",
}


def _exit_with_message(line: str, code: int) -> None:
    click.echo(f"wsgi-gauntlet: {line}", err=True)
    sys.exit(code)
