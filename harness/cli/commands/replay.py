"""`wsgi-gauntlet replay`: one case on one server, shown step by step."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import click

from wsgi_gauntlet.harness.cli.execute import case_selection, print_message
from wsgi_gauntlet.harness.cli.options import (
    SERVER_NAMES_HELP,
    AppOption,
    AppPathOption,
    AppSetupBlock,
    ConfigOption,
    Option,
    PythonOption,
    command,
    path_argument,
)
from wsgi_gauntlet.harness.cli.target_options import TARGET_HELP, TargetBlock
from wsgi_gauntlet.harness.server.user_app import REFERENCE_APP, is_user_app

REMOTE_SERVER_HELP = f"""{TARGET_HELP}  wsgi-gauntlet replay --target http://127.0.0.1:8000 http/host/missing
"""

REPLAY_EXIT_CODES = """
\b
Exit codes:
  0    the case passed, or the server was not blamed
  1    the case failed
  2    wrong usage or configuration
  4    error: the server did not start, or the harness failed
  130  interrupted
"""


@dataclass(frozen=True, kw_only=True)
class ReplayArguments:
    """The options of `replay`."""

    server: Annotated[str, click.Argument(["server"], metavar="[SERVER]")]
    case: Annotated[str | None, click.Argument(["case"], required=False, metavar="CASE")]
    pattern: Annotated[
        str,
        Option(
            ["--pattern"],
            default="whole",
            type=click.Choice(["whole", "bytes", "lines", "paused"]),
            help="Segmentation: in one piece, byte by byte, cut at every CRLF, or with pauses.",
        ),
    ]
    python: PythonOption
    app: AppOption
    app_path: AppPathOption
    app_setup: AppSetupBlock
    command: Annotated[
        str,
        Option(
            ["--command"],
            default="",
            metavar="TEMPLATE",
            help="Command that starts SERVER: '{python} -m mine {port}'.",
        ),
    ]
    config: ConfigOption
    cases: Annotated[
        Path | None,
        Option(["--cases"], type=path_argument, metavar="FILE", help="CASE is a case of FILE, which `fuzz` wrote."),
    ]
    remote: TargetBlock
    write: Annotated[
        Path | None,
        Option(["--write"], type=path_argument, metavar="DIR", help="Write the files of the reproducer to DIR."),
    ]
    json: Annotated[
        bool, Option(["--json"], is_flag=True, help="Print a JSON document on stdout and the steps on stderr.")
    ]


@command(ReplayArguments, epilog=REMOTE_SERVER_HELP + SERVER_NAMES_HELP + REPLAY_EXIT_CODES)
def replay(arguments: ReplayArguments) -> None:
    """Run one case on one server and show each step.

    At the end it prints shell commands that show the same without this program.
    """
    from wsgi_gauntlet.harness import config, registry, session
    from wsgi_gauntlet.harness.conformance.selection import runnable_cases
    from wsgi_gauntlet.harness.fuzz import case_file
    from wsgi_gauntlet.harness.http.segmentation import Segmentation
    from wsgi_gauntlet.harness.load.options import LoadOptions, user_app_page
    from wsgi_gauntlet.harness.replay import runner
    from wsgi_gauntlet.harness.server.name import parse
    from wsgi_gauntlet.reports.terminal import replay as terminal

    server, case_id = _server_and_case(arguments)
    token = _token(arguments, server)
    known = registry.cases() if arguments.cases is None else case_file.load(arguments.cases)
    case = registry.case(case_id, known)
    settings = config.load_nearest()
    if arguments.command:
        adapter = parse(server).server.adapter
        settings = replace(settings, servers={**settings.servers, adapter: arguments.command})
    options = session.RunOptions(
        servers=(server,) if server else (),
        target=arguments.remote.target,
        token=token,
        load_options=LoadOptions(page=user_app_page(arguments.app, arguments.app_path)),
        python=arguments.python,
        app=arguments.app or REFERENCE_APP,
        app_setup=arguments.app_setup.options(),
        config=arguments.config,
    )
    runnable_cases(known, case_selection((case.id,)), own_app=is_user_app(options.app))
    if arguments.write is not None:
        runner.require_output_folder(arguments.write)
    (plan,) = session.plan_servers(options, settings, print_message)
    display = terminal.show(stderr=arguments.json)
    result = runner.replay(plan, case, Segmentation[arguments.pattern.upper()], display)
    display.print_result(result, case.info())
    if arguments.write is not None:
        display.print_files(runner.write(result.reproducer, arguments.write))
    if arguments.json:
        click.echo(terminal.as_json(result))
    sys.exit(result.exit_code)


def _server_and_case(arguments: ReplayArguments) -> tuple[str, str]:
    """Return the server and the case that the words name. With --target there is one word, the case."""
    if arguments.case is not None:
        return arguments.server, arguments.case
    if arguments.remote.target is None:
        raise click.UsageError("Missing argument 'CASE'.")
    return "", arguments.server


def _token(arguments: ReplayArguments, server: str) -> str:
    setup = arguments.app_setup.options().given
    return arguments.remote.required_token(
        {
            "SERVER": server,
            "--app": arguments.app,
            setup: setup,
            "--command": arguments.command,
            "--config": arguments.config,
        }
    )
