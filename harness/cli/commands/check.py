"""`wsgi-gauntlet check`: conformance alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import click

from wsgi_gauntlet.harness.cli.cluster_options import ClusterOption, cluster_of
from wsgi_gauntlet.harness.cli.execute import case_selection, run_and_exit, run_options
from wsgi_gauntlet.harness.cli.group import EXIT_CODES_HELP
from wsgi_gauntlet.harness.cli.options import (
    CONFIGURATION_HELP,
    SERVER_NAMES_HELP,
    AllChangesOption,
    BaselineArguments,
    Option,
    ShardOption,
    command,
    path_argument,
)
from wsgi_gauntlet.harness.cli.target_options import TARGET_HELP, TargetBlock, starting_options
from wsgi_gauntlet.harness.errors import ConfigurationError

REMOTE_SERVER_HELP = f"""{TARGET_HELP}  wsgi-gauntlet check --target http://127.0.0.1:8000
"""

LEVELS = click.Choice(["must", "should", "may", "info"])


@dataclass(frozen=True, kw_only=True)
class CheckArguments(BaselineArguments):
    """The options of `check`."""

    select: Annotated[
        tuple[str, ...],
        Option(
            ["--select"],
            multiple=True,
            metavar="ID",
            help="Only the cases of this id, or of this family, for example te-and-cl; repeatable.",
        ),
    ]
    level: Annotated[
        tuple[str, ...], Option(["--level"], multiple=True, type=LEVELS, help="Only cases of this level; repeatable.")
    ]
    tag: Annotated[
        tuple[str, ...], Option(["--tag"], multiple=True, metavar="TAG", help="Only cases with this tag; repeatable.")
    ]
    rerun_failed: Annotated[
        Path | None,
        Option(
            ["--rerun-failed"],
            type=path_argument,
            metavar="RUN",
            help="Only cells that got fail, warn, flaky or error in RUN, a run folder or a results.json. Without "
            "SERVER, the servers of that run.",
        ),
    ]
    cases: Annotated[
        Path | None,
        Option(
            ["--cases"],
            type=path_argument,
            metavar="FILE",
            help="Run the cases of FILE, which `fuzz` wrote, in place of the catalogue.",
        ),
    ]
    all: AllChangesOption
    shard: ShardOption
    remote: TargetBlock
    cluster: ClusterOption


@command(CheckArguments, epilog=REMOTE_SERVER_HELP + SERVER_NAMES_HELP + CONFIGURATION_HELP + EXIT_CODES_HELP)
def check(arguments: CheckArguments) -> None:
    """Check servers against PEP 3333 and HTTP/1.1.

    A case must match every kind of filter (--select, --level, --tag). If you repeat one option, a case must match one
    of its values. --exclude leaves cases out.
    """
    cases = case_selection(arguments.select, arguments.level, arguments.tag, shard_text=arguments.shard)
    run_and_exit(
        replace(
            run_options(arguments),
            cases=cases,
            case_file=arguments.cases,
            failed_in=arguments.rerun_failed,
            base=arguments.base,
            baseline=arguments.baseline,
            update_baseline=arguments.update_baseline,
            keep_evidence=arguments.keep_evidence or "",
            shard=cases.shard,
            target=arguments.remote.target,
            token=arguments.remote.required_token(starting_options(arguments)),
            cluster=_cluster(arguments),
        ),
        arguments,
        every_change=arguments.all,
    )


def _cluster(arguments: CheckArguments) -> str:
    """Return the name of the cluster, '' without --cluster. Raises ConfigurationError for options that clash."""
    if arguments.cluster is not None and arguments.cases is not None:
        raise ConfigurationError("--cases cannot be combined with --cluster: workers know only the catalogue")
    if arguments.cluster is not None and arguments.remote.target is not None:
        raise ConfigurationError("check --target cannot be combined with --cluster: one process checks a target")
    return cluster_of(arguments, arguments.cluster)
