"""Caddy as a front. https://caddyserver.com/docs/json/apps/http/"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, reject_unsupported
from wsgi_gauntlet.servers._support.system_programs import find_system_program

IDLE_TIMEOUT = 300
"""Caddy's own default, modules/caddyhttp/app.go: defaultIdleTimeout."""
NANOSECONDS = 1_000_000_000
"""Caddy's durations are Go's."""


class Caddy(Adapter):
    """Caddy with its own defaults, reverse_proxy before the server; it passes the Host header on."""

    name = "caddy"
    title = "Caddy"
    front = True
    variants: ClassVar[Mapping[str, str]] = {
        "tcp": "reverse_proxy to a TCP port",
        "unix": "reverse_proxy to a Unix socket",
    }

    def find(self, python: str) -> Installation:  # noqa: ARG002 - it is the system's, whatever interpreter runs the app
        """Look for `caddy`."""
        return find_system_program("caddy", "version", r"^v?(\d+\.\d\S*)")

    def command(self, launch: Launch) -> Command:
        """Return Caddy's command line and its configuration, in JSON, which needs no other rules for odd characters."""
        asked, address, behind = launch.settings, launch.address, launch.upstream
        if behind is None:
            raise Unsupported("caddy is a front and needs a server behind it, as caddy+gunicorn")
        reject_unsupported(
            "caddy", more_than_one_worker=(asked.workers or 1) > 1, threads=asked.threads, backlog=asked.backlog
        )
        if asked.keep_alive == 0:
            raise Unsupported(f"caddy takes an idle time-out of 0 for its own of {IDLE_TIMEOUT} s: give it more")
        handler: dict[str, Any] = {
            "handler": "reverse_proxy",
            "upstreams": [{"dial": f"unix/{behind.path}" if behind.path else behind.authority}],
        }
        transport: dict[str, Any] = {"protocol": "http"}
        if behind.tls:
            transport["tls"] = {"insecure_skip_verify": True}
        server: dict[str, Any] = {
            "listen": [f"unix/{address.path}" if address.path else f"tcp/{address.authority}"],
            "routes": [{"handle": [handler]}],
            "automatic_https": {"disable": True},
        }
        if asked.keep_alive is not None:
            server["idle_timeout"] = _duration(asked.keep_alive)
        if asked.timeout is not None:
            server |= {f"{each}_timeout": _duration(asked.timeout) for each in ("read", "read_header", "write")}
            transport |= {f"{each}_timeout": _duration(asked.timeout) for each in ("read", "write")}
        handler["transport"] = transport
        apps: dict[str, Any] = {"http": {"servers": {"front": server}}}
        if launch.identity is not None:
            server["tls_connection_policies"] = [{}]
            files = {"certificate": str(launch.identity.certificate), "key": str(launch.identity.key)}
            apps["tls"] = {"certificates": {"load_files": [files]}}
        folder = str(launch.folder)
        configuration = {
            "admin": {"disabled": True, "config": {"persist": False}},
            "storage": {"module": "file_system", "root": folder},
            "logging": {"logs": {"default": {"level": "WARN"}}},
            "apps": apps,
        }
        return Command(
            (launch.executable, "run", "--config", f"{folder}/caddy.json"),
            files={"caddy.json": json.dumps(configuration, indent=1)},
            environment={"HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder},
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return Caddy's settings, its defaults filled in; it has no time-out of reading but for idle connections."""
        asked = launch.settings
        return {
            "workers": 1,
            "threads": "as many as Go's runtime takes",
            "keep-alive": IDLE_TIMEOUT if asked.keep_alive is None else asked.keep_alive,
            "timeout": asked.timeout or 0,
            "backlog": "the system's (net.core.somaxconn)",
            "passes on": launch.upstream_transport,
        }


def _duration(seconds: float) -> int:
    return math.ceil(seconds * NANOSECONDS)


ADAPTER = Caddy()
