"""`wsgi-gauntlet fuzz`: the same requests to several servers, and the differences between their reactions."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import click

from wsgi_gauntlet.harness.cli.execute import print_message
from wsgi_gauntlet.harness.cli.options import (
    SERVER_NAMES_HELP,
    ConfigOption,
    Option,
    PythonOption,
    command,
    path_argument,
)
from wsgi_gauntlet.harness.errors import EXIT_FAILED, EXIT_INTERRUPTED, ConfigurationError

FUZZ_EXIT_CODES = """
\b
Exit codes:
  0    no server differs from the reference server
  1    some servers differ: the files in the folder say how
  2    wrong usage or configuration
  4    error: a server did not start, or the harness failed
  130  interrupted; the results so far are written
"""

REFERENCE = "reference"
"""The server that is always among those that are compared."""

CUSTOM = "custom"
"""The name of the server that --command describes."""

SECONDS_BY_UNIT = {"": 1, "s": 1, "m": 60, "h": 3600}
MAX_BUDGET_SECONDS = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class FuzzArguments:
    """The options of `fuzz`."""

    servers: Annotated[tuple[str, ...], click.Argument(["servers"], nargs=-1, metavar="[SERVER]...")]
    budget: Annotated[
        str,
        Option(
            ["--budget"],
            default="5m",
            show_default=True,
            metavar="TIME",
            help="Longest time of the run, as 90s, 5m or 1h. Each second gives five inputs.",
        ),
    ]
    inputs: Annotated[
        int | None,
        Option(
            ["--inputs"],
            type=click.IntRange(1, 1_000_000),
            metavar="N",
            help="Number of inputs, in place of the number that the budget gives.",
        ),
    ]
    seed: Annotated[
        int,
        Option(
            ["--seed"],
            type=click.IntRange(min=0),
            default=1,
            show_default=True,
            metavar="N",
            help="The same seed gives the same inputs in the same order.",
        ),
    ]
    python: PythonOption
    command: Annotated[
        str,
        Option(
            ["--command"],
            default="",
            metavar="TEMPLATE",
            help="Command that starts a server: '{python} -m mine {port}'.",
        ),
    ]
    config: ConfigOption
    out: Annotated[
        Path,
        Option(
            ["--out"],
            type=path_argument,
            default="gauntlet-fuzz",
            show_default=True,
            metavar="DIR",
            help="Folder for the case file, the result and the summary.",
        ),
    ]
    json: Annotated[bool, Option(["--json"], is_flag=True, help="Print fuzz.json on stdout.")]


@command(FuzzArguments, epilog=SERVER_NAMES_HELP + FUZZ_EXIT_CODES)
def fuzz(arguments: FuzzArguments) -> None:
    """Send mutated requests to servers and show how they differ.

    Each server is compared with the reference server of this program. The command does not say who is right: it names
    the difference and the sections of the RFCs. It shrinks each request and writes a case file for `check --cases`.
    """
    from wsgi_gauntlet.harness import config, session
    from wsgi_gauntlet.harness.fuzz import run
    from wsgi_gauntlet.harness.fuzz.campaign import INPUTS_PER_SECOND, FuzzOptions
    from wsgi_gauntlet.reports.terminal.fuzz import FuzzProgress
    from wsgi_gauntlet.reports.text import fuzz_summary

    seconds = budget_seconds(arguments.budget)
    others = tuple(each for each in arguments.servers if each != REFERENCE)
    if arguments.command and not others:
        others = (CUSTOM,)
    if not others:
        raise ConfigurationError(
            "name at least one server to compare with the reference server, for example `wsgi-gauntlet fuzz gunicorn`"
        )
    options = FuzzOptions(arguments.seed, arguments.inputs or max(1, int(seconds * INPUTS_PER_SECOND)), seconds)
    run.require_folder(arguments.out)
    settings = config.load_nearest()
    plans = session.plan_servers(
        session.RunOptions(
            servers=(REFERENCE, *others),
            python=arguments.python,
            command=arguments.command,
            config=arguments.config,
        ),
        settings,
        print_message,
    )
    with run.open_folder(arguments.out) as previous:
        if previous is not None:
            click.echo(f"the earlier run in {arguments.out} was moved to {previous}", err=True)
        with FuzzProgress() as progress:
            campaign, error = run.fuzz(plans, options, arguments.out, progress.show)
        run.write(campaign, arguments.out, fuzz_summary.markdown(campaign))
    click.echo(fuzz_summary.terminal(campaign, arguments.out), err=True)
    if arguments.json:
        click.echo(run.as_json(campaign), nl=False)
    if error is not None:
        raise error
    if campaign.stopped == run.INTERRUPTED:
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(EXIT_FAILED if campaign.causes else 0)


def budget_seconds(text: str) -> float:
    """Return the seconds of `90s`, `5m` or `1h`. Raises ConfigurationError for any other text."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smh]?)", text.strip())
    seconds = float(match[1]) * SECONDS_BY_UNIT[match[2]] if match else 0.0
    if not 1 <= seconds <= MAX_BUDGET_SECONDS:
        raise ConfigurationError(f"--budget {text}: use a time from 1s to 24h, such as 90s, 5m or 1h")
    return seconds
