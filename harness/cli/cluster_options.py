"""The option --cluster of `load` and `check`."""

from __future__ import annotations

from typing import Annotated

from wsgi_gauntlet.harness.cli.options import Option, RunArguments
from wsgi_gauntlet.harness.cli.target_options import starting_options
from wsgi_gauntlet.harness.errors import ConfigurationError

ClusterOption = Annotated[
    str | None,
    Option(["--cluster"], metavar="ADDRESS", help="Use the workers of this dask scheduler, or of local:4."),
]


def cluster_of(arguments: RunArguments, cluster: str | None) -> str:
    """Return the name of the cluster, '' without --cluster. Raises ConfigurationError for options that clash."""
    if cluster is None:
        return ""
    for option, value in starting_options(arguments).items():
        if value and option != "SERVER":
            raise ConfigurationError(
                f"{option} cannot be combined with --cluster: a worker starts servers by name, with the test app"
            )
    return cluster
