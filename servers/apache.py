"""Apache as a proxy. https://httpd.apache.org/docs/2.4/howto/reverse_proxy.html"""

from __future__ import annotations

import os
from collections.abc import Mapping
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
from wsgi_gauntlet.servers._support.apache_configuration import quoted


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

    def find(self, python: str) -> Installation:  # noqa: ARG002 - the system's program, whatever interpreter runs the app
        """Look for `apache2`, or `httpd`, its name on systems other than Debian."""
        return apache_configuration.found()

    def protocol_for(self, variant: str, upstream: ServerDescription) -> tuple[Protocol, bool]:
        """Use uwsgi to uWSGI unless the variant says otherwise, and HTTP over TCP to all other servers."""
        if variant == "uwsgi" or (not variant and upstream.name == "uwsgi"):
            return Protocol.UWSGI, True
        return Protocol.HTTP, variant == "unix"

    def supports(self, launch: Launch) -> str:
        return no_option_for("apache", unix_sockets=launch.address.path) or apache_configuration.supports(
            launch, _modules(launch)
        )

    def command(self, launch: Launch) -> Command:
        """Return a configuration with one ProxyPass."""
        assert launch.upstream is not None
        spoken = "uwsgi" if launch.upstream_protocol is Protocol.UWSGI else "http"
        lines = [*apache_configuration.processes(launch), "ProxyPreserveHost On"]
        if launch.upstream.tls:
            # With ProxyPreserveHost it compares the client's Host with the names in the certificate.
            lines += ["SSLProxyEngine On", "SSLProxyCheckPeerName Off"]
        lines += [f"ProxyPass / {quoted(_url(launch, launch.upstream, spoken))}"]
        return apache_configuration.command(launch, launch.executable, _modules(launch), lines)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return Apache's settings with its defaults, and how it passes requests on."""
        return {
            **apache_configuration.conditions(launch),
            **script_server.recycling(launch.settings),
            "passes on": launch.upstream_transport,
        }


def _modules(launch: Launch) -> list[str]:
    spoken = "uwsgi" if launch.upstream_protocol is Protocol.UWSGI else "http"
    over_tls = launch.upstream is not None and launch.upstream.tls
    return ["proxy", f"proxy_{spoken}", *(["ssl"] if over_tls else [])]


def _url(launch: Launch, behind: Address, spoken: str) -> str:
    scheme = "https" if behind.tls else spoken
    if not behind.path:
        return f"{scheme}://{behind.authority}/"
    # Relative to DefaultRuntimeDir: Apache has no escape for # ? and | in the folders above.
    return f"unix:{os.path.relpath(behind.path, launch.folder)}|{scheme}://localhost/"


ADAPTER = Apache()
