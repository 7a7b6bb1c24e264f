"""`wsgi-gauntlet load` and `target-app`: servers under load, and the app for remote ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Annotated

import click

from wsgi_gauntlet.harness.cli.cluster_options import ClusterOption, cluster_of
from wsgi_gauntlet.harness.cli.execute import run_and_exit, run_options
from wsgi_gauntlet.harness.cli.group import EXIT_CODES_HELP
from wsgi_gauntlet.harness.cli.options import (
    CONFIGURATION_HELP,
    SERVER_NAMES_HELP,
    Command,
    Option,
    RunArguments,
    ShardOption,
    ThresholdOption,
    TrafficOption,
    command,
)
from wsgi_gauntlet.harness.cli.target_options import TARGET_HELP, TargetBlock, starting_options
from wsgi_gauntlet.harness.cli.traffic_options import HarBlock, read_traffic_option
from wsgi_gauntlet.harness.errors import ConfigurationError

REMOTE_SERVER_HELP = f"""{TARGET_HELP}  wsgi-gauntlet load --target http://127.0.0.1:8000
"""


@dataclass(frozen=True, kw_only=True)
class LoadArguments(RunArguments):
    """The options of `load`."""

    full: Annotated[
        bool, Option(["--full"], is_flag=True, help="Run every scenario with its long parameters: takes hours.")
    ]
    slow_clients: Annotated[
        int | None,
        Option(
            ["--slow-clients"], type=click.IntRange(1, 100_000), metavar="N", help="Largest number of slow clients."
        ),
    ]
    duration: Annotated[
        float | None,
        Option(["--duration"], type=click.FloatRange(0.5, 3600), metavar="S", help="Seconds with slow clients."),
    ]
    background_rate: Annotated[
        float | None,
        Option(
            ["--background-rate"],
            type=click.FloatRange(0.1, 10_000),
            metavar="R",
            help="Requests per second of the healthy users.",
        ),
    ]
    set: Annotated[
        tuple[str, ...],
        Option(
            ["--set"],
            multiple=True,
            metavar="NAME=VALUE",
            help="Any parameter of the scenarios; `explain SCENARIO` lists them; repeatable.",
        ),
    ]
    scenario: Annotated[
        tuple[str, ...],
        Option(
            ["--scenario"],
            multiple=True,
            metavar="ID",
            help="Only this scenario, or this family, for example slow-headers; repeatable.",
        ),
    ]
    threshold: ThresholdOption
    traffic: TrafficOption
    har: HarBlock
    shard: ShardOption
    remote: TargetBlock
    cluster: ClusterOption
    server_worker: Annotated[
        str | None,
        Option(["--server-worker"], metavar="NAME", help="The worker of the cluster that starts the servers."),
    ]


@command(LoadArguments, epilog=REMOTE_SERVER_HELP + SERVER_NAMES_HELP + CONFIGURATION_HELP + EXIT_CODES_HELP)
def load(arguments: LoadArguments) -> None:
    """Measure how slow clients affect healthy users.

    The harness starts a new server instance for every scenario. With --app, the healthy users request the page
    --app-path of the user app, or send --traffic.
    """
    from wsgi_gauntlet.harness.conformance.selection import shard

    options = run_options(arguments, full=arguments.full)
    load_options = replace(
        options.load_options,
        clients=arguments.slow_clients,
        duration=arguments.duration,
        rate=arguments.background_rate,
        traffic=read_traffic_option(arguments, arguments.app),
    )
    load_options = replace(load_options, other_parameters=other_parameters(arguments.set, load_options.overrides))
    run_and_exit(
        replace(
            options,
            scenarios=arguments.scenario,
            thresholds=arguments.threshold,
            load_options=load_options,
            target=arguments.remote.target,
            token=arguments.remote.required_token(starting_options(arguments)),
            shard=shard(arguments.shard) if arguments.shard is not None else None,
            cluster=_cluster(arguments),
            server_worker=arguments.server_worker or "",
        ),
        arguments,
    )


def other_parameters(settings: tuple[str, ...], given: Collection[str] = ()) -> dict[str, str]:
    """Return the parameters of `--set NAME=VALUE` as text. `given` are the parameters that other options set.

    Raises ConfigurationError for other text, and for a parameter with two values.
    """
    found: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not (name and equals and value):
            raise ConfigurationError(f"--set {setting}: write it as NAME=VALUE, for example --set baseline=5")
        name = name.replace("-", "_")
        if name in found or name in given:
            raise ConfigurationError(f"--set {setting}: the parameter {name!r} is given twice; give it one value")
        found[name] = value
    return found


def _cluster(arguments: LoadArguments) -> str:
    """Return the name of the cluster, '' without --cluster. Raises ConfigurationError for options that clash."""
    if arguments.server_worker is not None:
        if arguments.cluster is None:
            raise ConfigurationError("--server-worker requires --cluster: name the cluster of the worker")
        if arguments.remote.target is not None:
            raise ConfigurationError("--server-worker and --target cannot be combined: the remote server already runs")
    return cluster_of(arguments, arguments.cluster)


@click.command("target-app", cls=Command)
def target_app() -> None:
    """Print the app that a remote server must serve.

    It is one file that needs only the standard library. Serve its `application` with WSGI_GAUNTLET_TOKEN in the
    environment, then use `check --target` or `load --target`. If wsgi-gauntlet is installed there, serve
    wsgi_gauntlet.target:application instead.

    \b
      wsgi-gauntlet target-app > gauntlet_target.py
      export WSGI_GAUNTLET_TOKEN=$(cat /proc/sys/kernel/random/uuid)
      gunicorn --workers 2 --bind 127.0.0.1:8000 gauntlet_target:application
    """
    from wsgi_gauntlet.harness.replay.app_extractor import standalone_source
    from wsgi_gauntlet.harness.server.temp_dirs import reference_app_sources

    click.echo(standalone_source(reference_app_sources(), "standalone"), nl=False)
