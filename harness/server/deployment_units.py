"""Files to paste that fit every server: a unit of systemd and a Procfile. Pure.

https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
https://devcenter.heroku.com/articles/procfile
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.server.deployment import (
    Commented,
    DeploymentFile,
    DeploymentSite,
    commented,
    configuration_text,
)
from wsgi_gauntlet.harness.server.deployment_command import split_command

STOP_SECONDS = 30
"""Seconds that a server may take to stop: gunicorn's default for requests in flight, graceful_timeout."""


@dataclass(frozen=True)
class ServiceSignals:
    """The signals by which a service stops in good order and loads the app again; None if no signal reloads."""

    stop: signal.Signals
    reload: signal.Signals | None


def systemd_unit(
    server: str, site: DeploymentSite, start: str, signals: ServiceSignals, *, socket: bool
) -> DeploymentFile:
    """Return the unit that runs the command `start`; `socket`: it listens on the Unix socket of `site`."""
    name = f"{site.service}.service"
    path = site.system(f"/etc/systemd/system/{name}")
    variables, argv = split_command(start)
    parts = [
        commented("", "[Unit]", f"Description={site.service}, served by {server}", "After=network.target", ""),
        commented("", "[Service]"),
        commented("The unit has started as soon as the program runs.", "Type=exec"),
        *_surroundings(site, variables, socket=socket),
        commented("This is the command that was measured.", f"ExecStart={_command_line(argv)}"),
    ]
    if signals.reload is not None:
        parts.append(
            commented(
                "`systemctl reload` loads the app again. The server keeps its port open.",
                f"ExecReload=/bin/kill -s {signals.reload.name.removeprefix('SIG')} $MAINPID",
            )
        )
    parts += [
        commented(
            "This signal asks the server to stop. Its processes end with it.",
            f"KillSignal={signals.stop.name}",
            "KillMode=mixed",
        ),
        commented("A server that has not ended after this many seconds is killed.", f"TimeoutStopSec={STOP_SECONDS}"),
        commented("If the server dies, systemd starts it again.", "Restart=on-failure"),
        commented("", "", "[Install]", "WantedBy=multi-user.target"),
    ]
    start_unit = f"sudo systemctl daemon-reload && sudo systemctl enable --now {site.service}"
    return DeploymentFile(name, configuration_text(server, site, path, parts), path, start_unit)


def procfile(site: DeploymentSite, start_on_port: str) -> DeploymentFile:
    """Return the Procfile whose process `web` runs the command `start_on_port`."""
    return DeploymentFile("Procfile", f"web: {start_on_port}\n", site.file("Procfile"))


def _surroundings(site: DeploymentSite, variables: dict[str, str], *, socket: bool) -> Iterator[Commented]:
    yield commented(
        "The app runs as this user, and not as root. The user must be able to read the app's folder.",
        f"User={site.user}",
        f"Group={site.group}",
    )
    yield commented(
        "The app finds its files and modules here.",
        f"WorkingDirectory={_unit_value(site.folder)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in variables.items()),
    )
    if site.env_file:
        yield commented(
            "Variables such as passwords stay in this file. systemd reads NAME=value alone: no `export`, no ${NAME}, "
            "no comment after a value.",
            f"EnvironmentFile={_unit_value(site.env_file)}",
        )
    if socket and not site.socket:
        yield commented("systemd makes the folder of the socket.", f"RuntimeDirectory={site.service}")


def _command_line(argv: Sequence[str]) -> str:
    # A $ begins a variable in arguments, and cannot be in the program's path: `_quoted` doubles a %.
    return " ".join((_word(argv[0]), *(_word(each).replace("$", "$$") for each in argv[1:])))


def _word(text: str) -> str:
    """Return one word of a command line, in quotes if it needs them."""
    plain = text and not set(text) & set(" \t\"'\\;")
    return _unit_value(text) if plain else _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_unit_value(escaped)}"'


def _unit_value(text: str) -> str:
    """Return `text` without specifiers, which begin with %."""
    return text.replace("%", "%%")
