"""The options --target and --token of `check`, `load` and `replay`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from wsgi_gauntlet.harness.cli.options import Option, OptionBlock, RunArguments
from wsgi_gauntlet.harness.errors import ConfigurationError

TOKEN_VARIABLES = ("WSGI_GAUNTLET_TOKEN", "GAUNTLET_TOKEN")
"""The environment variable of the token, and its name in version 0.1."""

TARGET_HELP = """
\b
URL is http://HOST:PORT[/prefix], http+unix://%2Fpath[/prefix] or unix:/path.
The remote server must prove that it serves the test app and knows your token.
Where wsgi-gauntlet is not installed, see `target-app`.
  export WSGI_GAUNTLET_TOKEN=$(cat /proc/sys/kernel/random/uuid)
  gunicorn wsgi_gauntlet.target:application
"""


@dataclass(frozen=True, kw_only=True)
class TargetArguments:
    """The server that somebody else started, in place of SERVER."""

    target: Annotated[str | None, Option(["--target"], metavar="URL", help="Remote server, instead of SERVER.")]
    token: Annotated[
        str | None,
        Option(["--token"], metavar="T", help="Token that the remote server must know [WSGI_GAUNTLET_TOKEN]."),
    ]

    def required_token(self, other_options: Mapping[str, object]) -> str:
        """Return the token for --target, '' without --target.

        Raises ConfigurationError for --token without --target, and for `other_options`, which start a server.
        """
        if self.target is None:
            if self.token is not None:
                raise ConfigurationError("--token requires --target: name the remote server")
            return ""
        for option, value in other_options.items():
            if value and option == "SERVER":
                raise ConfigurationError("--target and SERVER cannot be combined: name one of them")
            if value:
                raise ConfigurationError(f"{option} cannot be combined with --target: the remote server already runs")
        if self.token is not None:
            return self.token
        return next((os.environ[each] for each in TOKEN_VARIABLES if each in os.environ), "")


TargetBlock = Annotated[TargetArguments, OptionBlock]


def starting_options(arguments: RunArguments) -> dict[str, object]:
    """Return the options of `run`, `check` and `load` that start a server, with their values."""
    setup = arguments.app_setup.options().given
    return {
        "SERVER": arguments.servers,
        "--app": arguments.app,
        setup: setup,
        "--command": arguments.command,
        "--config": arguments.config,
        "--tuned": arguments.tuned,
    }
