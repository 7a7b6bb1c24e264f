"""Apache as a front. https://httpd.apache.org/docs/2.4/howto/reverse_proxy.html"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, Protocol, reject_unsupported
from wsgi_gauntlet.servers._support import apache_configuration
from wsgi_gauntlet.servers._support.apache_configuration import quoted


class Apache(Adapter):
    """Apache with its own defaults, mod_proxy before the server; it passes the Host header on."""

    name = "apache"
    title = "Apache"
    front = True
    unprivileged_user = True
    variants: ClassVar[Mapping[str, str]] = {
        "tcp": "mod_proxy_http to a TCP port",
        "unix": "mod_proxy_http to a Unix socket",
        "uwsgi": "mod_proxy_uwsgi to a Unix socket; the default in front of uWSGI",
    }

    def find(self, python: str) -> Installation:  # noqa: ARG002 - it is the system's, whatever interpreter runs the app
        """Look for `apache2`, or `httpd` as others than Debian call it."""
        return apache_configuration.found()

    def protocol_for(self, variant: str, upstream: Adapter) -> tuple[Protocol, bool]:
        """Speak uwsgi to uWSGI unless the variant says otherwise, and HTTP over TCP to all others."""
        if variant == "uwsgi" or (not variant and upstream.name == "uwsgi"):
            return Protocol.UWSGI, True
        return Protocol.HTTP, variant == "unix"

    def command(self, launch: Launch) -> Command:
        """Return a configuration with one ProxyPass."""
        if launch.upstream is None:
            raise Unsupported("apache is a front and needs a server behind it, as apache+gunicorn")
        reject_unsupported("apache", unix_sockets=launch.address.path)
        spoken = "uwsgi" if launch.upstream_protocol is Protocol.UWSGI else "http"
        lines = [*apache_configuration.processes(launch), "ProxyPreserveHost On"]
        if launch.upstream.tls:
            # ProxyPreserveHost has it compare the Host that a client sends with the certificate's names.
            lines += ["SSLProxyEngine On", "SSLProxyCheckPeerName Off"]
        lines += [f"ProxyPass / {quoted(_url(launch, launch.upstream, spoken))}"]
        modules = ["proxy", f"proxy_{spoken}"]
        if launch.upstream.tls:
            modules.append("ssl")
        return apache_configuration.command(launch, launch.executable, modules, lines)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return Apache's settings, its defaults filled in, and how it passes requests on."""
        return {
            **apache_configuration.conditions(launch),
            "passes on": launch.upstream_transport,
        }


def _url(launch: Launch, behind: Address, spoken: str) -> str:
    scheme = "https" if behind.tls else spoken
    if not behind.path:
        return f"{scheme}://{behind.authority}/"
    # From DefaultRuntimeDir on: in what is above both it would take # ? and | for its own, and has no escape for them.
    return f"unix:{os.path.relpath(behind.path, launch.folder)}|{scheme}://localhost/"


ADAPTER = Apache()
