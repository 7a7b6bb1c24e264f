"""The option --traffic of several commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from wsgi_gauntlet.harness.errors import ConfigurationError

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.traffic.model import Traffic


class TrafficArguments(Protocol):
    """The options that say what users request."""

    @property
    def traffic(self) -> Path | None: ...
    @property
    def keep_secrets(self) -> bool: ...
    @property
    def app_path(self) -> str | None: ...


def read_traffic_option(arguments: TrafficArguments, app: str | None) -> Traffic | None:
    """Return the traffic of --traffic, None without it; print on stderr what of the file was left out.

    Raises ConfigurationError for a wrong file, and for options that do not go together.
    """
    from wsgi_gauntlet.harness.traffic.read_file import read_traffic
    from wsgi_gauntlet.reports.text.escaping import line

    if arguments.traffic is None:
        if arguments.keep_secrets:
            raise ConfigurationError("--keep-secrets needs --traffic: name the HAR file")
        return None
    if not app:
        raise ConfigurationError("--traffic needs --app: name the app that the users visit")
    if arguments.app_path is not None:
        raise ConfigurationError("--traffic and --app-path cannot be combined: name the page in the traffic file")
    file = read_traffic(arguments.traffic, keep_secrets=arguments.keep_secrets)
    for note in file.notes:
        click.echo(f"note: {line(note)}", err=True)
    return file.traffic
