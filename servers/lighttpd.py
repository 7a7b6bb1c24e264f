"""lighttpd as a proxy. https://redmine.lighttpd.net/projects/lighttpd/wiki/Docs_ModProxy"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch
from wsgi_gauntlet.servers._support import lighttpd_configuration
from wsgi_gauntlet.servers._support.lighttpd_configuration import quoted


class Lighttpd(Adapter):
    """lighttpd with its defaults and mod_proxy to the server; it passes the Host header on."""

    name = "lighttpd"
    title = "lighttpd"
    front = True
    variants: ClassVar[Mapping[str, str]] = {
        "tcp": "mod_proxy to a TCP port",
        "unix": "mod_proxy to a Unix socket",
    }

    def find(self, python: str) -> Installation:  # noqa: ARG002 - the system's program, whatever interpreter runs the app
        """Look for `lighttpd`."""
        return lighttpd_configuration.found()

    def supports(self, launch: Launch) -> str:
        if launch.upstream is not None and launch.upstream.tls:
            return "lighttpd's mod_proxy speaks no TLS to the server behind it"
        return lighttpd_configuration.supports(launch)

    def command(self, launch: Launch) -> Command:
        """Return a configuration with one `proxy.server`."""
        behind = launch.upstream
        assert behind is not None
        lines = [f'proxy.server = ( "" => (( {_format_address(behind)} )) )']
        return lighttpd_configuration.command(launch, launch.executable, ["proxy"], lines)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return lighttpd's settings with its defaults, and how it passes requests on."""
        return {
            **lighttpd_configuration.conditions(launch),
            "passes on": launch.upstream_transport,
        }


def _format_address(behind: Address) -> str:
    if behind.path:
        return f'"socket" => {quoted(behind.path)}'
    return f'"host" => {quoted(behind.host)}, "port" => {behind.port}'


ADAPTER = Lighttpd()
