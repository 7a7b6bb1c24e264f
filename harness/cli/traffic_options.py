"""The option --traffic of several commands, and the options about HAR files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import click

from wsgi_gauntlet.harness.cli.options import Option, OptionBlock
from wsgi_gauntlet.harness.errors import ConfigurationError

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.traffic.model import Traffic


@dataclass(frozen=True, kw_only=True)
class HarArguments:
    """The options about a HAR file, of every command that reads one."""

    keep_secrets: Annotated[
        bool,
        Option(
            ["--keep-secrets"],
            is_flag=True,
            help="Keep the cookies, passwords and tokens of a HAR file, instead of dropping them.",
        ),
    ] = False
    site: Annotated[
        str | None,
        Option(
            ["--site"],
            metavar="URL",
            help="Site of a HAR file whose requests are used: https://shop.example [that of most pages].",
        ),
    ] = None

    def words(self) -> list[str]:
        """Return the given options as words of a command line."""
        return [*(["--keep-secrets"] if self.keep_secrets else []), *(["--site", self.site] if self.site else [])]


HarBlock = Annotated[HarArguments, OptionBlock]


class TrafficArguments(Protocol):
    """The options that say what users request."""

    @property
    def traffic(self) -> Path | None: ...
    @property
    def har(self) -> HarArguments: ...
    @property
    def app_path(self) -> str | None: ...


def read_traffic_option(arguments: TrafficArguments, app: str | None) -> Traffic | None:
    """Return the traffic of --traffic, None without it; print on stderr what of the file was left out.

    Raises ConfigurationError for a wrong file, and for options that do not go together.
    """
    from wsgi_gauntlet.harness.traffic.read_file import read_traffic
    from wsgi_gauntlet.reports.text.escaping import line

    if arguments.traffic is None:
        if given := arguments.har.words():
            raise ConfigurationError(f"{given[0]} needs --traffic: name the HAR file")
        return None
    if not app:
        raise ConfigurationError("--traffic needs --app: name the app that the users visit")
    if arguments.app_path is not None:
        raise ConfigurationError("--traffic and --app-path cannot be combined: name the page in the traffic file")
    file = read_traffic(arguments.traffic, keep_secrets=arguments.har.keep_secrets, site=arguments.har.site or "")
    for note in file.notes:
        click.echo(f"note: {line(note)}", err=True)
    return file.traffic
