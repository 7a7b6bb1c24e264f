"""`wsgi-gauntlet recommend`: which server, with which settings, for the user's own app."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from wsgi_gauntlet.harness.cli.commands.fuzz import budget_seconds
from wsgi_gauntlet.harness.cli.options import (
    AppOption,
    AppPathOption,
    AppSetupBlock,
    Option,
    OutputsOption,
    PythonOption,
    TrafficOption,
    command,
    path_argument,
)
from wsgi_gauntlet.harness.cli.traffic_options import HarBlock, read_traffic_option
from wsgi_gauntlet.harness.errors import ConfigurationError

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.recommendation.run import SearchOptions

RECOMMEND_HELP = """
\b
Example: your busiest minute has 60 requests per second.
  wsgi-gauntlet recommend --app shop.wsgi:application --peak 60/s
  wsgi-gauntlet recommend --app "shop:create_app()" --traffic shop.har
  wsgi-gauntlet recommend --app shop.wsgi:application --peak 60/s \\
      --servers gunicorn,uwsgi,nginx --memory 2GB --budget 20m

\b
Exit codes:
  0    a server is recommended
  1    no candidate holds what you ask for
  2    wrong usage or configuration
  3    nothing is decided: the machine could not keep up, or no server
       served the app correctly
  4    error: the disk is full, or the harness failed
  130  interrupted; the trials are saved, and the answer rests on them
"""

DEFAULT_BUDGET, DEFAULT_P99 = "10m", "300ms"
DEFAULT_USERS, SLOW_SHARE = 40, 5
"""Users, and the part of them that is slow: one fifth."""

MIN_BUDGET_SECONDS = 20.0
MAX_USERS = 10_000
MIN_MEMORY, MAX_MEMORY = 10**6, 10**15
MAX_PEAK = 100_000.0
MAX_P99_SECONDS = 4.0
"""A request without an answer after 5 s counts as failed, so a p99 near that cannot be measured."""
BYTES_BY_UNIT = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
BYTES_BY_UNIT |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
RATE_UNITS = {"": 1.0, "/s": 1.0, "/m": 1 / 60, "/min": 1 / 60, "/h": 1 / 3600}
SECONDS_BY_UNIT = {"ms": 0.001, "s": 1.0}


@dataclass(frozen=True, kw_only=True)
class RecommendArguments:
    """The options of `recommend`."""

    app: AppOption
    app_path: AppPathOption
    traffic: TrafficOption
    har: HarBlock
    app_setup: AppSetupBlock
    python: PythonOption
    servers: Annotated[
        tuple[str, ...],
        Option(
            ["--servers"],
            multiple=True,
            metavar="NAME,NAME",
            help="Servers and proxies to search, for example gunicorn,uwsgi,nginx; repeatable [installed ones].",
        ),
    ]
    peak: Annotated[
        str | None,
        Option(["--peak"], metavar="RATE", help="Requests of your busiest moment: 60/s or 500/min [highest capacity]."),
    ]
    p99: Annotated[
        str,
        Option(
            ["--p99"],
            default=DEFAULT_P99,
            show_default=True,
            metavar="TIME",
            help="99 of 100 requests must be answered in this time.",
        ),
    ]
    users: Annotated[
        int,
        Option(
            ["--users"],
            type=click.IntRange(1, MAX_USERS),
            default=DEFAULT_USERS,
            show_default=True,
            metavar="N",
            help="Users at the same time.",
        ),
    ]
    slow_clients: Annotated[
        int | None,
        Option(
            ["--slow-clients"],
            type=click.IntRange(0, MAX_USERS),
            metavar="N",
            help="Users on bad networks [a fifth of --users].",
        ),
    ]
    memory: Annotated[
        str | None, Option(["--memory"], metavar="SIZE", help="Memory that the server may use: 512MB or 2GB [any].")
    ]
    budget: Annotated[
        str,
        Option(
            ["--budget"],
            default=DEFAULT_BUDGET,
            show_default=True,
            metavar="TIME",
            help="Time of the search: 90s, 10m or 1h.",
        ),
    ]
    seed: Annotated[
        int | None,
        Option(["--seed"], type=click.IntRange(1, 2**31), metavar="N", help="Seed of the order in the finals."),
    ]
    out: Annotated[Path | None, Option(["--out"], type=path_argument, metavar="DIR", help="Run folder [gauntlet-out].")]
    resume: Annotated[
        bool, Option(["--resume"], is_flag=True, help="Continue the search in the folder, with its seed and trials.")
    ]
    outputs: OutputsOption


@command(RecommendArguments, epilog=RECOMMEND_HELP)
def recommend(arguments: RecommendArguments) -> None:
    """Find the best server and its settings for your app.

    The search compares servers, workers, threads and proxies. It measures many candidates for a short time, and the
    best of them again in rounds, as `compare` does. Close other programs first: they use the CPU that servers need.
    """
    from wsgi_gauntlet.harness import config, registry
    from wsgi_gauntlet.harness.cli.execute import print_output
    from wsgi_gauntlet.harness.recommendation import run
    from wsgi_gauntlet.reports.terminal.recommendation import print_recommendation
    from wsgi_gauntlet.reports.terminal.search_progress import SearchDisplay

    options = search_options(arguments)
    settings = config.load_nearest()
    with SearchDisplay() as display:
        outcome = run.recommend(options, settings, display.handle)
    print_recommendation(outcome.recommendation, outcome.folder)
    for name in arguments.outputs.printed:
        print_output(registry.outputs()[name], outcome.results)
    if outcome.error is not None:
        raise outcome.error
    sys.exit(run.exit_code(outcome.recommendation))


def search_options(arguments: RecommendArguments) -> SearchOptions:
    """Return the options of the search. Raises ConfigurationError."""
    from wsgi_gauntlet.harness import registry, session
    from wsgi_gauntlet.harness.load.options import LoadOptions, user_app_page
    from wsgi_gauntlet.harness.recommendation.run import SearchOptions

    budget = budget_seconds(arguments.budget)
    if budget < MIN_BUDGET_SECONDS:
        raise ConfigurationError(
            f"--budget {arguments.budget}: a search needs {MIN_BUDGET_SECONDS:.0f} s or more; 10m is a good start"
        )
    slow = arguments.users // SLOW_SHARE if arguments.slow_clients is None else arguments.slow_clients
    if slow > arguments.users:
        raise ConfigurationError(
            f"--slow-clients {slow}: they are part of the {arguments.users} users; name fewer, or more --users"
        )
    return SearchOptions(
        common=session.RunOptions(
            load_options=LoadOptions(
                page=user_app_page(arguments.app, arguments.app_path),
                traffic=read_traffic_option(arguments, arguments.app),
            ),
            python=arguments.python,
            app=arguments.app or registry.REFERENCE_APP,
            app_setup=arguments.app_setup.options(),
            out=arguments.out,
            resume=arguments.resume,
            output_files=arguments.outputs.files,
            public=arguments.outputs.public,
        ),
        servers=server_names(arguments.servers),
        peak=0.0 if arguments.peak is None else peak_rate(arguments.peak),
        p99_limit=limit_seconds(arguments.p99),
        users=arguments.users,
        slow_clients=slow,
        memory_limit=0 if arguments.memory is None else memory_bytes(arguments.memory),
        budget=budget,
        seed=arguments.seed,
        traffic="" if arguments.traffic is None else str(arguments.traffic),
        command=repeat_command(arguments),
    )


def server_names(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the server names of `--servers A,B[workers=2,threads=4]`. Raises ConfigurationError."""
    found = [name.strip() for text in given for name in re.split(r",(?![^\[]*\])", text)]
    for name in found:
        if not name:
            raise ConfigurationError(f"--servers {','.join(given)}: a name is empty; write gunicorn,uwsgi")
        if found.count(name) > 1:
            raise ConfigurationError(f"--servers {','.join(given)}: {name} is named twice; name it once")
    return tuple(found)


def peak_rate(text: str) -> float:
    """Return the requests per second of `60/s`, `500/min` or `60`. Raises ConfigurationError."""
    number, unit = _number_and_unit(text)
    rate = (number or 0.0) * RATE_UNITS.get(unit.lower(), 0.0)
    if not 0 < rate <= MAX_PEAK:
        raise ConfigurationError(f"--peak {text}: write requests per time, as 60/s or 500/min, up to {MAX_PEAK:.0f}/s")
    return rate


def limit_seconds(text: str) -> float:
    """Return the seconds of `300ms` or `0.5s`. Raises ConfigurationError."""
    number, unit = _number_and_unit(text)
    seconds = (number or 0.0) * SECONDS_BY_UNIT.get(unit.lower(), 0.0)
    if not 0.001 <= seconds <= MAX_P99_SECONDS:
        raise ConfigurationError(f"--p99 {text}: write a time from 1ms to {MAX_P99_SECONDS:g}s, such as 300ms or 1s")
    return seconds


def memory_bytes(text: str) -> int:
    """Return the bytes of `512MB`, `2GB` or `1GiB`. Raises ConfigurationError."""
    number, unit = _number_and_unit(text)
    unit = unit.upper()
    unit = f"{unit}B" if unit in ("K", "M", "G", "T") else unit
    count = (number or 0.0) * BYTES_BY_UNIT.get(unit, 0)
    if not MIN_MEMORY <= count <= MAX_MEMORY:
        raise ConfigurationError(f"--memory {text}: write a size from 1MB to 1000TB, such as 512MB or 2GB")
    return int(count)


def repeat_command(arguments: RecommendArguments) -> str:
    """Return the command of the same search, without its budget and its outputs."""
    words = ["wsgi-gauntlet", "recommend"]
    for name, value, default in (
        ("--app", arguments.app, None),
        ("--app-path", arguments.app_path, None),
        ("--traffic", None if arguments.traffic is None else str(arguments.traffic), None),
        ("--python", arguments.python, sys.executable),
        ("--servers", ",".join(arguments.servers), ""),
        ("--peak", arguments.peak, None),
        ("--p99", arguments.p99, DEFAULT_P99),
        ("--users", str(arguments.users), str(DEFAULT_USERS)),
        ("--slow-clients", None if arguments.slow_clients is None else str(arguments.slow_clients), None),
        ("--memory", arguments.memory, None),
        ("--out", None if arguments.out is None else str(arguments.out), None),
    ):
        if value != default and value is not None:
            words += [name, value]
    return shlex.join([*words, *arguments.app_setup.options().words(), *arguments.har.words()])


def _number_and_unit(text: str) -> tuple[float | None, str]:
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([A-Za-z/]{0,4})", text.strip())
    return (float(match[1]), match[2]) if match else (None, "")
