"""Apache as a proxy. https://httpd.apache.org/docs/2.4/howto/reverse_proxy.html"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import (
    Adapter,
    Command,
    Installation,
    Launch,
    Protocol,
    ServerDescription,
    no_option_for,
)
from wsgi_gauntlet.servers._support import apache_configuration, script_server
from wsgi_gauntlet.servers._support import apache_user_configuration as user_file
from wsgi_gauntlet.servers._support.apache_configuration import quoted
from wsgi_gauntlet.servers._support.user_configuration import static_with_file_reason


class Apache(Adapter):
    """Apache with its defaults and mod_proxy to the server; it passes the Host header on."""

    name = "apache"
    title = "Apache"
    front = True
    unprivileged_user = True
    recycles_workers = True
    variants: ClassVar[Mapping[str, str]] = {
        "tcp": "mod_proxy_http to a TCP port",
        "unix": "mod_proxy_http to a Unix socket",
        "uwsgi": "mod_proxy_uwsgi to a Unix socket; the default in front of uWSGI",
    }
    config_patterns = ("*.conf", "apache*", "httpd*")
    maps_static_files = True

    def find(self, python: str) -> Installation:  # noqa: ARG002 - the system's program, whatever interpreter runs the app
        """Look for `apache2`, or `httpd`, its name on systems other than Debian."""
        return apache_configuration.found()

    def protocol_for(self, variant: str, upstream: ServerDescription) -> tuple[Protocol, bool]:
        """Use uwsgi to uWSGI unless the variant says otherwise, and HTTP over TCP to all other servers."""
        if variant == "uwsgi" or (not variant and upstream.name == "uwsgi"):
            return Protocol.UWSGI, True
        return Protocol.HTTP, variant == "unix"

    def config_protocol(self, config: Path) -> Protocol:
        """Return the protocol of the addresses in ProxyPass and its relatives."""
        return user_file.protocol(user_file.load(config))

    def supports(self, launch: Launch) -> str:
        return (
            no_option_for("apache", unix_sockets=launch.address.path)
            or apache_configuration.supports(launch, _modules(launch))
            or static_with_file_reason("apache", launch)
        )

    def command(self, launch: Launch) -> Command:
        """Return a configuration with one ProxyPass."""
        assert launch.upstream is not None
        spoken = "uwsgi" if launch.upstream_protocol is Protocol.UWSGI else "http"
        lines = [*apache_configuration.processes(launch), "ProxyPreserveHost On"]
        if launch.upstream.tls:
            # With ProxyPreserveHost it compares the client's Host with the names in the certificate.
            lines += ["SSLProxyEngine On", "SSLProxyCheckPeerName Off"]
        if launch.config is not None:
            return _command_with_file(launch, launch.config, lines)
        lines += apache_configuration.static_files(launch, passed_on=True)
        lines += [f"ProxyPass / {quoted(_url(launch, launch.upstream, spoken))}"]
        return apache_configuration.command(launch, launch.executable, _modules(launch), lines)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return Apache's settings with its defaults, and how it passes requests on."""
        effective = {**apache_configuration.conditions(launch), **script_server.recycling(launch.settings)}
        if launch.config is not None:
            effective |= _file_conditions(launch, launch.config)
        return {**effective, "passes on": launch.upstream_transport}


SETTING_DIRECTIVES = {
    "keep_alive": ("KeepAliveTimeout",),
    "timeout": ("Timeout",),
    "workers": ("ServerLimit", "StartServers", "MaxRequestWorkers", "MinSpareThreads", "MaxSpareThreads"),
    "threads": ("ThreadLimit", "ThreadsPerChild"),
    "max_requests": ("MaxConnectionsPerChild", "MaxRequestsPerChild"),
}
"""The directives that the harness writes for a setting."""


def _command_with_file(launch: Launch, config: Path, lines: list[str]) -> Command:
    """Return the command with a copy of the user's file after the directives of the harness."""
    behind = launch.upstream
    assert behind is not None
    spoken = "uwsgi" if launch.upstream_protocol is Protocol.UWSGI else "https" if behind.tls else "http"
    socket = f"unix:{os.path.relpath(behind.path, launch.folder)}|localhost" if behind.path else behind.authority
    names = [name for key, names in SETTING_DIRECTIVES.items() if getattr(launch.settings, key) is not None
             for name in names]  # fmt: skip
    own = user_file.Own(
        launch.address.authority,
        spoken,
        socket,
        launch.folder,
        values={"listen": launch.address.authority} | {each.lower(): "of the server name" for each in names},
    )
    copy = user_file.copy(user_file.load(config), own)
    lines = [each for each in lines if each != "ProxyPreserveHost On"]
    lines += [f"Define {name} {quoted(value)}" for name, value in user_file.VARIABLES.items()]
    modules = [*_modules(launch), *(each for each in user_file.SITE_MODULES if apache_configuration.module(each))]
    # By default mod_mime wants a file below ServerRoot.
    lines += ["TypesConfig /dev/null", f"Include {quoted(launch.folder / copy.main)}"]
    made = apache_configuration.command(launch, launch.executable, modules, lines, copy.files)
    file = str(launch.folder / "apache.conf")
    return replace(
        made,
        overrides=copy.overrides,
        check=(launch.executable, "-t", "-f", file),
        sources=copy.sources,
    )


def _file_conditions(launch: Launch, config: Path) -> dict[str, object]:
    asked, file = launch.settings, user_file.load(config)
    named = (
        ("threads", asked.threads, "ThreadsPerChild"),
        ("keep-alive", asked.keep_alive, "KeepAliveTimeout"),
        ("keep-alive requests", None, "MaxKeepAliveRequests"),
        ("timeout", asked.timeout, "Timeout"),
        ("workers", asked.workers, "ServerLimit"),
    )
    values = {name: user_file.number(file, key) for name, given, key in named if given is None}
    if asked.max_requests is None:
        found = [user_file.number(file, key) for key in SETTING_DIRECTIVES["max_requests"]]
        values["max-requests"] = next(filter(None, found), None)  # 0 means no limit
    return {"configuration": str(config), **{name: value for name, value in values.items() if value is not None}}


def _modules(launch: Launch) -> list[str]:
    spoken = "uwsgi" if launch.upstream_protocol is Protocol.UWSGI else "http"
    over_tls = launch.upstream is not None and launch.upstream.tls
    static = apache_configuration.static_modules(launch)
    return ["proxy", f"proxy_{spoken}", *(["ssl"] if over_tls else []), *static]


def _url(launch: Launch, behind: Address, spoken: str) -> str:
    scheme = "https" if behind.tls else spoken
    if not behind.path:
        return f"{scheme}://{behind.authority}/"
    # Relative to DefaultRuntimeDir: Apache has no escape for # ? and | in the folders above.
    return f"unix:{os.path.relpath(behind.path, launch.folder)}|{scheme}://localhost/"


ADAPTER = Apache()
