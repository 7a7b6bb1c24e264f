"""The common part of several commands: the options of a run, the run itself, and its summary.

Heavy modules are imported only when they are needed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from wsgi_gauntlet.harness.cli.options import OutputRequests, RunArguments
from wsgi_gauntlet.harness.events import Event, Message
from wsgi_gauntlet.harness.server.user_app import REFERENCE_APP
from wsgi_gauntlet.harness.store.garbage_collector import garbage_collector_paused
from wsgi_gauntlet.harness.workflow_commands import stdout_for_commands

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.conformance.selection import Selection
    from wsgi_gauntlet.harness.model import Results
    from wsgi_gauntlet.harness.session import RunOptions
    from wsgi_gauntlet.harness.store.output_format import Output


def case_selection(
    prefixes: tuple[str, ...] = (),
    levels: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
    *,
    shard_text: str | None = None,
) -> Selection:
    """Return the selection of cases that the options of a command describe."""
    from wsgi_gauntlet.harness.conformance.selection import Selection, shard
    from wsgi_gauntlet.harness.model import Level

    shard_parts = shard(shard_text) if shard_text is not None else None
    return Selection(prefixes, tuple(map(Level, levels)), tags, shard=shard_parts)


def run_options(arguments: RunArguments, *, full: bool = False) -> RunOptions:
    """Return the options of a run that `run`, `check` and `load` have in common."""
    from wsgi_gauntlet.harness import session
    from wsgi_gauntlet.harness.load.options import LoadOptions, user_app_page

    return session.RunOptions(
        servers=arguments.servers,
        load_options=LoadOptions(full=full, page=user_app_page(arguments.app, arguments.app_path)),
        python=arguments.python,
        app=arguments.app or REFERENCE_APP,
        app_setup=arguments.app_setup.options(),
        command=arguments.command,
        config=arguments.config,
        out=arguments.out,
        resume=arguments.resume,
        output_files=arguments.outputs.files,
        public=arguments.outputs.public,
        tuned=arguments.tuned,
        exclude=arguments.exclude,
        exitfirst=arguments.exitfirst,
    )


def run_and_exit(options: RunOptions, arguments: RunArguments, *, every_change: bool = False) -> NoReturn:
    """Run with `options`, show the results as `arguments` say, and end with the exit code."""
    from wsgi_gauntlet.harness import config, session
    from wsgi_gauntlet.reports.terminal.progress import ProgressDisplay

    settings = config.load_nearest()
    with ProgressDisplay(verbose=arguments.verbose) as display:
        if text := config.describe_file(settings, always=arguments.verbose):
            display.handle(Message(text))
        results, folder, code = session.run(options, settings, display.handle)
    show(results, folder, arguments.outputs, every_change=every_change, verbose=arguments.verbose)
    sys.exit(code)


@garbage_collector_paused()
def show(
    results: Results,
    folder: Path,
    outputs: OutputRequests,
    *,
    every_change: bool = False,
    verbose: bool = False,
    published: Results | None = None,
) -> None:
    """Print the summary on stderr, with this machine's paths for its commands, and `outputs.printed` on stdout.

    `published` are the results without private names, if the caller has them and the user wants them.
    """
    from wsgi_gauntlet.harness import registry
    from wsgi_gauntlet.harness.public_results import private_names, publish
    from wsgi_gauntlet.reports.terminal.comparison import print_comparison
    from wsgi_gauntlet.reports.terminal.recommendation import print_recommendation
    from wsgi_gauntlet.reports.terminal.summary import summary

    if results.conformance or results.load or not (results.comparisons or results.recommendation):
        summary(results, folder, every_change=every_change, verbose=verbose)
    for each in results.comparisons:
        print_comparison(each, folder)
    if results.recommendation is not None:
        print_recommendation(results.recommendation, folder)
    if outputs.public and outputs.printed and published is None:
        published = publish(results, private_names(results, [folder]))
    for name in outputs.printed:
        print_output(registry.outputs()[name], published or results)


def print_output(output: Output, results: Results) -> None:
    """Print an output on stdout, with a line break at its end."""
    text = output.render(results)
    click.echo(text, stdout_for_commands() if output.has_workflow_commands else None, nl=not text.endswith("\n"))


def print_message(event: Event) -> None:
    """Print a message on stderr, for commands without a progress display. Ignore other events."""
    if isinstance(event, Message):
        click.echo(event.text, err=True)
