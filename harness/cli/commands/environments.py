"""`wsgi-gauntlet environments`: the virtual environments of server versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from wsgi_gauntlet.harness.cli.execute import stderr_listener
from wsgi_gauntlet.harness.cli.options import Option, command
from wsgi_gauntlet.harness.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class EnvironmentsArguments:
    """The options of `environments`."""

    clear: Annotated[
        bool, Option(["--clear"], is_flag=True, help="Remove them, except those that a run uses at the moment.")
    ]
    json: Annotated[bool, Option(["--json"], is_flag=True, help="Print a JSON document.")]


@command(EnvironmentsArguments)
def environments(arguments: EnvironmentsArguments) -> None:
    """List or remove the environments of server versions.

    The harness makes an environment for a version of a server, for example gunicorn@20.1.0. Environments are in the
    folder $WSGI_GAUNTLET_CACHE. The default is $XDG_CACHE_HOME/wsgi-gauntlet if that is set, else
    ~/.cache/wsgi-gauntlet, or /var/cache/wsgi-gauntlet for root.
    """
    from wsgi_gauntlet.harness.server.environments import versioned
    from wsgi_gauntlet.reports.terminal import environments as terminal

    if not arguments.clear:
        terminal.show(versioned.list_environments(), arguments.json)
        return
    if arguments.json:
        raise ConfigurationError("--json and --clear cannot be combined: leave one out")
    removed, used = versioned.clear_environments()
    stderr_listener().message(f"removed {len(removed)} environment{'' if len(removed) == 1 else 's'}")
    for each in used:
        stderr_listener().message(f"kept {each}: a run uses it")
