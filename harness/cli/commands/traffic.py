"""`wsgi-gauntlet traffic`: try a traffic file on an app, and turn a HAR file into a traffic file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from wsgi_gauntlet.harness.cli.execute import print_message
from wsgi_gauntlet.harness.cli.group import HELP_OPTIONS, Group
from wsgi_gauntlet.harness.cli.options import (
    SERVER_NAMES_HELP,
    AppOption,
    AppSetupBlock,
    ConfigOption,
    PythonOption,
    command,
    path_argument,
)
from wsgi_gauntlet.harness.cli.traffic_options import HarBlock
from wsgi_gauntlet.harness.errors import EXIT_FAILED, ConfigurationError, NotInstalled

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.config import Configuration
    from wsgi_gauntlet.harness.server.plan import Plan

CHECK_EXIT_CODES = """
\b
Exit codes:
  0    all responses are correct
  1    a response is wrong
  2    wrong usage or configuration, or a mistake in FILE
  4    error: the server did not start, or the harness failed
  130  interrupted
"""

PREFERRED_SERVERS = ("gunicorn:gthread", "waitress")
"""The servers that `traffic check` starts by default, if they are installed: those that most people use."""


@dataclass(frozen=True, kw_only=True)
class TrafficCheckArguments:
    """The options of `traffic check`."""

    file: Annotated[Path, click.Argument(["file"], type=path_argument)]
    server: Annotated[str | None, click.Argument(["server"], required=False)]
    app: AppOption
    app_setup: AppSetupBlock
    python: PythonOption
    config: ConfigOption
    har: HarBlock


@dataclass(frozen=True, kw_only=True)
class TrafficConvertArguments:
    """The options of `traffic convert`."""

    file: Annotated[Path, click.Argument(["file"], type=path_argument)]
    har: HarBlock


@click.group("traffic", cls=Group, context_settings={"help_option_names": HELP_OPTIONS})
def traffic() -> None:
    """Check or convert traffic files: the visits of users.

    FILE is a traffic file in TOML, or a HAR file that a browser exported. docs/traffic.md describes both.
    """


@command(TrafficCheckArguments, epilog=SERVER_NAMES_HELP + CHECK_EXIT_CODES)
def check(arguments: TrafficCheckArguments) -> None:
    """Play each sequence of FILE on your app, and show what came.

    The command starts SERVER, by default gunicorn:gthread or another installed server for production. It plays each
    sequence twice. So it sees the parts of a page that are the same each time, and whether a visit can be repeated.
    """
    from wsgi_gauntlet.harness import config
    from wsgi_gauntlet.harness.traffic.check import check as check_traffic
    from wsgi_gauntlet.harness.traffic.read_file import read_traffic
    from wsgi_gauntlet.reports.terminal.traffic import print_check

    file = read_traffic(arguments.file, keep_secrets=arguments.har.keep_secrets, site=arguments.har.site or "")
    plan = _plan(arguments, config.load_nearest())
    result = check_traffic(plan, file.traffic, _show_progress)
    print_check(result, file.notes)
    sys.exit(EXIT_FAILED if result.wrong_steps else 0)


@command(TrafficConvertArguments)
def convert(arguments: TrafficConvertArguments) -> None:
    """Print the HAR file FILE as a traffic file.

    You can edit it then. The command says on stderr what it left out. Cookies, passwords and tokens are dropped, unless
    you keep them.
    """
    from wsgi_gauntlet.harness.traffic import toml_writer
    from wsgi_gauntlet.harness.traffic.read_file import read_recording
    from wsgi_gauntlet.reports.text.escaping import line

    file = read_recording(arguments.file, keep_secrets=arguments.har.keep_secrets, site=arguments.har.site or "")
    for each in file.notes:
        click.echo(f"note: {line(each)}", err=True)
    # A traffic file is UTF-8, whatever the encoding of the terminal.
    click.echo(toml_writer.render(file.traffic, (f"Traffic of {arguments.file.name}", *file.notes)).encode(), nl=False)


traffic.add_command(check)
traffic.add_command(convert)


def _show_progress(doing: str) -> None:
    from wsgi_gauntlet.reports.text.escaping import line

    if sys.stderr.isatty():
        click.echo(line(doing), err=True)


def _plan(arguments: TrafficCheckArguments, settings: Configuration) -> Plan:
    """Return the plan of the server. Raises the errors of `session.plan_servers`, NotInstalled if none is installed."""
    from wsgi_gauntlet.harness import session

    if arguments.app is None:
        raise ConfigurationError(
            "traffic check needs --app: name the app that has the pages, as --app shop:application"
        )
    options = session.RunOptions(
        servers=(arguments.server or _first_installed(arguments.python),),
        python=arguments.python,
        app=arguments.app,
        app_setup=arguments.app_setup.options(),
        config=arguments.config,
    )
    (plan,) = session.plan_servers(options, settings, print_message)
    return plan


def _first_installed(python: str) -> str:
    """Return the name of the first installed server that is no proxy and not for development, preferred ones first.

    Raises NotInstalled if there is none.
    """
    from wsgi_gauntlet.harness import registry, session
    from wsgi_gauntlet.harness.server import planning

    interpreter = session.interpreter(python)
    names = registry.default_variants()
    for name in (*(each for each in PREFERRED_SERVERS if each in names), *names):
        plan = planning.plan(name, python=interpreter)
        if plan.upstream is None and not plan.adapter.for_development and planning.missing(plan).available:
            return name
    raise NotInstalled(
        f"no server for production is installed for {python}; `wsgi-gauntlet servers` lists the commands that install "
        "them, for example pip install gunicorn"
    )
