"""`wsgi-gauntlet compare`: servers, versions, settings and apps, in interleaved rounds."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from wsgi_gauntlet.harness.cli.commands.fuzz import budget_seconds
from wsgi_gauntlet.harness.cli.commands.load import other_parameters
from wsgi_gauntlet.harness.cli.options import (
    SERVER_NAMES_HELP,
    AppSetupBlock,
    Option,
    OutputsOption,
    TrafficOption,
    command,
    path_argument,
)
from wsgi_gauntlet.harness.cli.traffic_options import HarBlock, read_traffic_option
from wsgi_gauntlet.harness.errors import ConfigurationError

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.comparison.run import CompareOptions

COMPARE_EXIT_CODES = """
\b
Exit codes:
  0    the rounds decide at least one figure
  1    --fail-on slower: a figure of a server is worse than that of A;
       --fail-on different: a figure differs
  2    wrong usage or configuration
  3    every figure is inconclusive, or the machine could not keep up
  4    error: a server did not start, the disk is full, or the harness failed
  130  interrupted; the finished rounds are saved and reported
"""

COMPARE_HELP = """
\b
Without --scenario these figures are compared: capacity, p50 and p99 at a rate
that all servers can serve, the users served beside eight slow clients and
their p99, CPU time per request, and peak memory.
"""

DEFAULT_BUDGET = "10m"
DEFAULT_THRESHOLD = 5.0
MAX_ROUNDS = 1000
METRIC_IDS = ("capacity", "p50", "p99", "served", "served_p99", "cpu", "memory")
"""The ids of comparison/default_scenario.py, which is too slow to import for a help text."""


@dataclass(frozen=True, kw_only=True)
class CompareArguments:
    """The options of `compare`."""

    servers: Annotated[tuple[str, ...], click.Argument(["servers"], nargs=-1, metavar="SERVER SERVER...")]
    rounds: Annotated[
        int | None,
        Option(
            ["--rounds"],
            type=click.IntRange(2, MAX_ROUNDS),
            metavar="N",
            help="Number of rounds; an odd number is rounded up. A word needs at least 6.",
        ),
    ]
    budget: Annotated[
        str | None,
        Option(
            ["--budget"],
            metavar="TIME",
            help=f"The rounds that fill 90s, 10m or 1h best [{DEFAULT_BUDGET}].",
        ),
    ]
    until_decided: Annotated[
        bool,
        Option(
            ["--until-decided"],
            is_flag=True,
            help="Stop as soon as every figure is decided. The error rate stays the same.",
        ),
    ]
    scenario: Annotated[
        tuple[str, ...],
        Option(
            ["--scenario"],
            multiple=True,
            metavar="ID",
            help="Compare the figures of this scenario, in place of the default figures; repeatable.",
        ),
    ]
    metric: Annotated[
        tuple[str, ...],
        Option(
            ["--metric"],
            multiple=True,
            type=click.Choice(METRIC_IDS),
            help="Only this default figure; repeatable.",
        ),
    ]
    set: Annotated[
        tuple[str, ...],
        Option(["--set"], multiple=True, metavar="NAME=VALUE", help="A parameter of the scenarios; repeatable."),
    ]
    threshold: Annotated[
        float,
        Option(
            ["--threshold"],
            type=click.FloatRange(0.1, 100),
            default=DEFAULT_THRESHOLD,
            show_default=True,
            metavar="PERCENT",
            help="A smaller difference does not matter to you.",
        ),
    ]
    seed: Annotated[
        int | None,
        Option(["--seed"], type=click.IntRange(1, 2**31), metavar="N", help="Seed of the order of the slots [random]."),
    ]
    fail_on: Annotated[
        str | None,
        Option(
            ["--fail-on"],
            type=click.Choice(["slower", "different"]),
            help="Exit with 1 if a figure is worse than that of A, or if it differs.",
        ),
    ]
    python: Annotated[
        tuple[str, ...],
        Option(
            ["--python"],
            multiple=True,
            metavar="[SERVER=]EXE",
            help="Interpreter that runs the servers, or one of them: B=/usr/bin/python3.13; repeatable.",
        ),
    ]
    app: Annotated[
        tuple[str, ...],
        Option(
            ["--app"],
            multiple=True,
            metavar="[SERVER=]MODULE:NAME",
            help="User app to serve, or that of one server: B=shop.new:app; repeatable.",
        ),
    ]
    app_path: Annotated[
        str | None, Option(["--app-path"], metavar="/PAGE", help="Page of the user app to request [/].")
    ]
    traffic: TrafficOption
    har: HarBlock
    app_setup: AppSetupBlock
    command: Annotated[
        str,
        Option(
            ["--command"],
            default="",
            metavar="TEMPLATE",
            help="Command that starts the server custom: '{python} -m mine {port}'.",
        ),
    ]
    config: Annotated[
        tuple[str, ...],
        Option(
            ["--config"],
            multiple=True,
            metavar="[SERVER=]FILE",
            help="Your configuration file of a server, for example nginx=site.conf or B=new.conf; repeatable.",
        ),
    ]
    out: Annotated[Path | None, Option(["--out"], type=path_argument, metavar="DIR", help="Run folder [gauntlet-out].")]
    resume: Annotated[
        bool,
        Option(
            ["--resume"],
            is_flag=True,
            help="Continue the comparison in the folder, with its seed and its rounds.",
        ),
    ]
    outputs: OutputsOption


@command(CompareArguments, epilog=COMPARE_HELP + SERVER_NAMES_HELP + COMPARE_EXIT_CODES)
def compare(arguments: CompareArguments) -> None:
    """Compare servers in rounds, and say which differences are real.

    Every round measures each server on a fresh instance, in a random order that the next round reverses. A is measured
    twice, so that you see how much a server differs from itself. In options, SERVER is A, B, C or a name.
    """
    from wsgi_gauntlet.harness import config, registry
    from wsgi_gauntlet.harness.cli.execute import print_output
    from wsgi_gauntlet.harness.comparison import run
    from wsgi_gauntlet.reports.terminal.comparison import print_comparison
    from wsgi_gauntlet.reports.terminal.comparison_progress import ComparisonDisplay

    options = compare_options(arguments)
    settings = config.load_nearest()
    with ComparisonDisplay() as display:
        outcome = run.compare(options, settings, display.handle)
    print_comparison(outcome.comparison, outcome.folder)
    for name in arguments.outputs.printed:
        print_output(registry.outputs()[name], outcome.results)
    if outcome.error is not None:
        raise outcome.error
    sys.exit(run.exit_code(outcome.comparison, run.FailOn(arguments.fail_on) if arguments.fail_on else None))


def compare_options(arguments: CompareArguments) -> CompareOptions:
    """Return the options of the comparison. Raises ConfigurationError."""
    from wsgi_gauntlet.harness import session
    from wsgi_gauntlet.harness.comparison.candidates import candidate_options
    from wsgi_gauntlet.harness.comparison.limits import RoundLimits
    from wsgi_gauntlet.harness.comparison.run import CompareOptions
    from wsgi_gauntlet.harness.load.options import LoadOptions, user_app_page
    from wsgi_gauntlet.harness.server.user_app import is_user_app

    if arguments.rounds is not None and arguments.budget is not None:
        raise ConfigurationError("--rounds and --budget cannot be combined: give the number of rounds, or their time")
    if arguments.scenario and arguments.metric:
        raise ConfigurationError("--scenario and --metric cannot be combined: --metric chooses default figures")
    if arguments.set and not arguments.scenario:
        raise ConfigurationError("--set requires --scenario: name the scenario that has the parameter")
    app_setup = arguments.app_setup.options()
    if app_setup.given and not arguments.app:
        raise ConfigurationError(f"{app_setup.given} requires --app: name your app, as --app shop.wsgi:application")
    servers = arguments.servers or ()
    candidates = candidate_options(
        servers,
        python=arguments.python,
        default_python=sys.executable,
        app=arguments.app,
        command=arguments.command,
        config=arguments.config,
    )
    page = user_app_page(arguments.app[0] if arguments.app else None, arguments.app_path)
    traffic = read_traffic_option(arguments, arguments.app[0] if arguments.app else None)
    if traffic is not None and (without := [each.letter for each in candidates if not is_user_app(each.app)]):
        raise ConfigurationError(
            f"--traffic needs an app of yours on every server: name that of {', '.join(without)} with --app"
        )
    common = session.RunOptions(
        servers=tuple(servers),
        scenarios=arguments.scenario,
        load_options=LoadOptions(
            page=page,
            traffic=traffic,
            other_parameters=other_parameters(arguments.set),
        ),
        python=candidates[0].python,
        app=candidates[0].app,
        app_setup=app_setup,
        out=arguments.out,
        resume=arguments.resume,
        output_files=arguments.outputs.files,
        public=arguments.outputs.public,
    )
    limits = (
        RoundLimits(rounds=arguments.rounds + arguments.rounds % 2)
        if arguments.rounds is not None
        else RoundLimits(budget=budget_seconds(arguments.budget or DEFAULT_BUDGET))
    )
    return CompareOptions(
        candidates,
        common,
        limits,
        arguments.threshold / 100,
        arguments.seed,
        arguments.until_decided,
        arguments.metric,
        command=repeat_command(arguments),
    )


def repeat_command(arguments: CompareArguments) -> str:
    """Return the command of the same comparison, without its limits and its outputs."""
    words = ["wsgi-gauntlet", "compare", *arguments.servers]
    for name, values in (
        ("--scenario", arguments.scenario),
        ("--metric", arguments.metric),
        ("--set", arguments.set),
        ("--python", arguments.python),
        ("--app", arguments.app),
        ("--app-path", [arguments.app_path] if arguments.app_path else []),
        ("--traffic", [str(arguments.traffic)] if arguments.traffic else []),
        ("--command", [arguments.command] if arguments.command else []),
        ("--config", arguments.config),
        ("--threshold", [f"{arguments.threshold:g}"] if arguments.threshold != DEFAULT_THRESHOLD else []),
        ("--out", [str(arguments.out)] if arguments.out else []),
    ):
        for value in values:
            words += [name, value]
    words += [*arguments.app_setup.options().words(), *arguments.har.words()]
    return shlex.join([*words, *(["--until-decided"] if arguments.until_decided else [])])
