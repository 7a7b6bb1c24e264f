"""Caddy as a proxy. https://caddyserver.com/docs/json/apps/http/"""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, no_option_for
from wsgi_gauntlet.servers._support.system_programs import find_system_program

IDLE_TIMEOUT = 300
"""Caddy's default, modules/caddyhttp/app.go: defaultIdleTimeout."""
NANOSECONDS = 1_000_000_000
"""Caddy counts durations in nanoseconds, like Go."""

GRACEFUL_SIGNALS = (signal.SIGTERM, signal.SIGINT)
QUICK_SIGNALS = (signal.SIGQUIT,)
"""https://caddyserver.com/docs/command-line#signals"""

Json = dict[str, object]


class Caddy(Adapter):
    """Caddy with its defaults and reverse_proxy to the server; it passes the Host header on."""

    name = "caddy"
    title = "Caddy"
    front = True
    variants: ClassVar[Mapping[str, str]] = {
        "tcp": "reverse_proxy to a TCP port",
        "unix": "reverse_proxy to a Unix socket",
    }

    def find(self, python: str) -> Installation:  # noqa: ARG002 - the system's program, whatever interpreter runs the app
        """Look for `caddy`."""
        return find_system_program("caddy", "version", r"^v?(\d+\.\d\S*)")

    def supports(self, launch: Launch) -> str:
        """Reject several workers, threads and a backlog, and an idle time-out of 0: Caddy uses its default then."""
        asked = launch.settings
        if asked.keep_alive == 0:
            return f"caddy uses its default of {IDLE_TIMEOUT} s for an idle time-out of 0: use a longer one"
        return no_option_for(
            "caddy", more_than_one_worker=(asked.workers or 1) > 1, threads=asked.threads, backlog=asked.backlog
        )

    def command(self, launch: Launch) -> Command:
        """Return Caddy's command line and its configuration in JSON, which has simple rules for unusual characters."""
        asked, address, behind = launch.settings, launch.address, launch.upstream
        assert behind is not None
        handler: Json = {
            "handler": "reverse_proxy",
            "upstreams": [{"dial": f"unix/{behind.path}" if behind.path else behind.authority}],
        }
        transport: Json = {"protocol": "http"}
        if behind.tls:
            transport["tls"] = {"insecure_skip_verify": True}
        server: Json = {
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
        apps: Json = {"http": {"servers": {"front": server}}}
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
            graceful_signals=GRACEFUL_SIGNALS,
            quick_signals=QUICK_SIGNALS,
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return Caddy's settings with its defaults. It has a read time-out for idle connections only."""
        asked = launch.settings
        return {
            "workers": 1,
            "threads": "as many as Go's runtime starts",
            "keep-alive": IDLE_TIMEOUT if asked.keep_alive is None else asked.keep_alive,
            "timeout": asked.timeout or 0,
            "backlog": "the system's (net.core.somaxconn)",
            "passes on": launch.upstream_transport,
        }


def _duration(seconds: float) -> int:
    return math.ceil(seconds * NANOSECONDS)


ADAPTER = Caddy()
