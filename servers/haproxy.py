"""HAProxy as a proxy. https://docs.haproxy.org/2.6/configuration.html"""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch
from wsgi_gauntlet.harness.server.deployment import DeploymentFile, DeploymentSite
from wsgi_gauntlet.servers._support import haproxy_deployment
from wsgi_gauntlet.servers._support import haproxy_user_configuration as user_file
from wsgi_gauntlet.servers._support.system_programs import find_system_program
from wsgi_gauntlet.servers._support.user_configuration import read_text

CONNECT_TIMEOUT = 5
TIMEOUT = 50
"""HAProxy has no default time-outs and warns about that; these are from its manual, section 2.6 "Examples"."""

GRACEFUL_SIGNALS = (signal.SIGUSR1,)
QUICK_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""Its manual page haproxy(1): USR1 stops "once all sessions are closed"; INT and TERM "quickly stop the daemon"."""

CONFIGURATION = """\
global
    log stderr format raw local0 warning
    setenv dollar "\\$"
    setenv comma ","
{settings}
defaults
    mode http
    log global
    timeout connect {connect}s
    timeout client {timeout}ms
    timeout server {timeout}ms
{defaults}
frontend front
    bind {bind}
{closing}    default_backend app

backend app
    server app {server}
"""

ADDRESS_ESCAPES = str.maketrans({"$": "${dollar}", ",": "${comma}"})
"""Escapes in an address that has been read as a word: HAProxy splits it at commas and replaces variables."""

JOIN_CERTIFICATE_SCRIPT = """\
umask 077
cat "$1" "$2" > identity.pem || exit 1
shift 2
exec "$@"
"""
"""Before 3.0 it reads certificate and key from one file, or from two files with names that it chooses."""


class Haproxy(Adapter):
    """HAProxy with the first configuration of its manual; it passes all headers on unchanged."""

    name = "haproxy"
    title = "HAProxy"
    front = True
    variants: ClassVar[Mapping[str, str]] = {
        "tcp": "to a TCP port",
        "unix": "to a Unix socket",
    }
    config_patterns = ("*.cfg", "haproxy*")

    def find(self, python: str) -> Installation:  # noqa: ARG002 - the system's program, whatever interpreter runs the app
        """Look for `haproxy`."""
        return find_system_program("haproxy", "-v", r"HAProxy version (\d[^\s-]*)")

    def supports(self, launch: Launch) -> str:
        if (launch.settings.workers or 1) > 1:
            return "haproxy has had one worker since 2.5, with threads: haproxy[threads=2]"
        return ""

    def command(self, launch: Launch) -> Command:
        """Return HAProxy's command line and its configuration; for TLS a script joins certificate and key first."""
        asked, behind = launch.settings, launch.upstream
        assert behind is not None
        folder = launch.folder
        bind = quoted(_format_address(launch.address))
        if launch.identity is not None:
            bind += f" ssl crt {quoted(folder / 'identity.pem')}"
        if asked.backlog is not None:
            bind += f" backlog {asked.backlog}"
        server = quoted(_format_address(behind))
        if behind.tls:
            server += " ssl verify none"
        if launch.config is not None:
            return _command_with_file(launch, launch.config, bind, server)
        configuration = CONFIGURATION.format(
            settings="" if asked.threads is None else f"    nbthread {asked.threads}\n",
            connect=CONNECT_TIMEOUT,
            timeout=_milliseconds(TIMEOUT if asked.timeout is None else asked.timeout),
            defaults=f"    timeout http-keep-alive {_milliseconds(asked.keep_alive)}ms\n" if asked.keep_alive else "",
            bind=bind,
            # A time-out of 0 means none.
            closing="    option httpclose\n" if asked.keep_alive == 0 else "",
            server=server,
        )
        return Command(
            _argv(launch, "-db"),
            files={"haproxy.cfg": configuration, **_script(launch)},
            graceful_signals=GRACEFUL_SIGNALS,
            quick_signals=QUICK_SIGNALS,
        )

    def deployment(self, launch: Launch, site: DeploymentSite) -> tuple[DeploymentFile, ...]:
        """Return haproxy.cfg."""
        timeout = TIMEOUT if launch.settings.timeout is None else launch.settings.timeout
        return haproxy_deployment.files(launch, site, connect=CONNECT_TIMEOUT, timeout=timeout)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return HAProxy's settings with its defaults: a thread for each core that it may run on."""
        asked = launch.settings
        timeout = TIMEOUT if asked.timeout is None else asked.timeout
        if launch.config is not None:
            return _file_conditions(launch, launch.config)
        return {
            "workers": 1,
            "threads": asked.threads or len(os.sched_getaffinity(0)),
            "keep-alive": timeout if asked.keep_alive is None else asked.keep_alive,
            "timeout": timeout,
            "backlog": asked.backlog or "as many as connections (maxconn)",
            "passes on": launch.upstream_transport,
        }


def _argv(launch: Launch, option: str) -> tuple[str, ...]:
    argv: tuple[str, ...] = (launch.executable, "-f", str(launch.folder / "haproxy.cfg"), option)
    if launch.identity is None:
        return argv
    script = "start.sh" if launch.config is None else str(launch.folder / "start.sh")
    return ("/bin/sh", script, str(launch.identity.certificate), str(launch.identity.key), *argv)


def _script(launch: Launch) -> dict[str, str]:
    if launch.identity is None:
        return {}
    # With a file of the user it runs in the folder of that file.
    place = "identity.pem" if launch.config is None else '"${0%/*}/identity.pem"'
    return {"start.sh": JOIN_CERTIFICATE_SCRIPT.replace("identity.pem", place)}


def _command_with_file(launch: Launch, config: Path, bind: str, server: str) -> Command:
    """Return the command with a copy of the user's file; it runs in the folder of the file, for relative paths."""
    asked = launch.settings
    settings = {
        "nbthread": None if asked.threads is None else str(asked.threads),
        "timeout client": None if asked.timeout is None else f"{_milliseconds(asked.timeout)}ms",
        "timeout server": None if asked.timeout is None else f"{_milliseconds(asked.timeout)}ms",
        "timeout http-keep-alive": None if not asked.keep_alive else f"{_milliseconds(asked.keep_alive)}ms",
        "option httpclose": "" if asked.keep_alive == 0 else None,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    text, overrides = user_file.copy(read_text(config), str(config), bind, server, given)
    return Command(
        _argv(launch, "-db"),
        files={"haproxy.cfg": text, **_script(launch)},
        folder=config.parent,
        overrides=overrides,
        check=_argv(launch, "-c"),
        sources={"haproxy.cfg": config},
        graceful_signals=GRACEFUL_SIGNALS,
        quick_signals=QUICK_SIGNALS,
    )


def _file_conditions(launch: Launch, config: Path) -> dict[str, object]:
    asked, found = launch.settings, user_file.effective(read_text(config))
    timeout = user_file.seconds(found.get("timeout client", "0"))
    kept = found.get("timeout http-keep-alive", found.get("timeout http-request", found.get("timeout client", "0")))
    return {
        "configuration": str(config),
        "workers": 1,
        "threads": asked.threads or user_file.number(found.get("nbthread"), len(os.sched_getaffinity(0))),
        "keep-alive": user_file.seconds(kept) if asked.keep_alive is None else asked.keep_alive,
        "timeout": timeout if asked.timeout is None else asked.timeout,
        "backlog": asked.backlog or found.get("backlog", "as many as connections (maxconn)"),
        "passes on": launch.upstream_transport,
    }


def quoted(value: object) -> str:
    """Return `value` as one word of a configuration, without special characters."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def _format_address(address: Address) -> str:
    return f"unix@{address.path.translate(ADDRESS_ESCAPES)}" if address.path else address.authority


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)


ADAPTER = Haproxy()
