"""Caddy as a proxy. https://caddyserver.com/docs/json/apps/http/"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, no_option_for
from wsgi_gauntlet.harness.server.static_mapping import StaticMapping
from wsgi_gauntlet.servers._support import caddy_user_configuration as user_file
from wsgi_gauntlet.servers._support.system_programs import find_system_program
from wsgi_gauntlet.servers._support.user_configuration import static_with_file_reason

IDLE_TIMEOUT = 300
"""Caddy's default, modules/caddyhttp/app.go: defaultIdleTimeout."""
NANOSECONDS = 1_000_000_000
"""Caddy counts durations in nanoseconds, like Go."""

ADAPT_TIMEOUT = 30.0
"""Seconds in which `caddy adapt` must have read a file."""

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
    config_patterns = ("Caddyfile*", "*.Caddyfile", "*.caddyfile", "*.caddy", "*.json")
    maps_static_files = True

    def find(self, python: str) -> Installation:  # noqa: ARG002 - the system's program, whatever interpreter runs the app
        """Look for `caddy`."""
        return find_system_program("caddy", "version", r"^v?(\d+\.\d\S*)")

    def supports(self, launch: Launch) -> str:
        """Reject several workers, threads and a backlog, and an idle time-out of 0: Caddy uses its default then."""
        asked = launch.settings
        if asked.keep_alive == 0:
            return f"caddy uses its default of {IDLE_TIMEOUT} s for an idle time-out of 0: use a longer one"
        if named := next((each for each in launch.static if "{" in str(each.folder)), None):
            return f"caddy takes the {{ in {named.folder} for a placeholder: give the folder another name"
        return static_with_file_reason("caddy", launch) or no_option_for(
            "caddy", more_than_one_worker=(asked.workers or 1) > 1, threads=asked.threads, backlog=asked.backlog
        )

    def command(self, launch: Launch) -> Command:
        """Return Caddy's command line and its configuration in JSON, which has simple rules for unusual characters."""
        asked, behind = launch.settings, launch.upstream
        assert behind is not None
        if launch.config is not None:
            return _command_with_file(launch, launch.config)
        handler: Json = {"handler": "reverse_proxy", "upstreams": [{"dial": _dial(launch)}]}
        transport: Json = {"protocol": "http"}
        if behind.tls:
            transport["tls"] = {"insecure_skip_verify": True}
        server: Json = {
            "listen": [_listen(launch)],
            "routes": [*(_static_route(asked.mount, each) for each in launch.static), {"handle": [handler]}],
            "automatic_https": {"disable": True},
        }
        if asked.keep_alive is not None:
            server["idle_timeout"] = _duration(asked.keep_alive)
        if asked.timeout is not None:
            server |= {f"{each}_timeout": _duration(asked.timeout) for each in ("read", "read_header", "write")}
            transport |= {f"{each}_timeout": _duration(asked.timeout) for each in ("read", "write")}
        handler["transport"] = transport
        if launch.identity is not None:
            server["tls_connection_policies"] = [{}]
        common = _common(launch)
        apps = {"http": {"servers": {"front": server}}, **_certificates(launch)}
        folder = str(launch.folder)
        return Command(
            (launch.executable, "run", "--config", f"{folder}/caddy.json"),
            files={"caddy.json": json.dumps({**common, "apps": apps}, indent=1)},
            environment=_environment(launch),
            graceful_signals=GRACEFUL_SIGNALS,
            quick_signals=QUICK_SIGNALS,
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return Caddy's settings with its defaults. It has a read time-out for idle connections only."""
        asked = launch.settings
        file: Json = {}
        if launch.config is not None:
            _, server = user_file.served(_adapted(launch, launch.config), str(launch.config))
            file = {"configuration": str(launch.config)}
            file |= {"timeouts in the file": {k: v for k, v in server.items() if k.endswith("_timeout")}}
        return {
            **file,
            "workers": 1,
            "threads": "as many as Go's runtime starts",
            "keep-alive": IDLE_TIMEOUT if asked.keep_alive is None else asked.keep_alive,
            "timeout": asked.timeout or 0,
            "backlog": "the system's (net.core.somaxconn)",
            "passes on": launch.upstream_transport,
        }


def _static_route(mount: str, mapping: StaticMapping) -> Json:
    """Return the route of static files: the first route that matches and is terminal answers."""
    prefix = f"{mount}{mapping.prefix}"
    files: Json = {"handler": "file_server", "root": str(mapping.folder)}
    return {
        "match": [{"path": [f"{prefix}/*"]}],
        "handle": [{"handler": "rewrite", "strip_path_prefix": prefix}, files],
        "terminal": True,
    }


def _dial(launch: Launch) -> str:
    behind = launch.upstream
    assert behind is not None
    return f"unix/{behind.path}" if behind.path else behind.authority


def _listen(launch: Launch) -> str:
    return f"unix/{launch.address.path}" if launch.address.path else f"tcp/{launch.address.authority}"


def _common(launch: Launch) -> Json:
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "storage": {"module": "file_system", "root": str(launch.folder)},
        "logging": {"logs": {"default": {"level": "WARN"}}},
    }


def _certificates(launch: Launch) -> Json:
    if launch.identity is None:
        return {}
    files = {"certificate": str(launch.identity.certificate), "key": str(launch.identity.key)}
    return {"tls": {"certificates": {"load_files": [files]}}}


def _environment(launch: Launch) -> dict[str, str]:
    folder = str(launch.folder)
    return {"HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder}


def _command_with_file(launch: Launch, config: Path) -> Command:
    """Return the command with the user's file as JSON; it runs in the folder of the file, for relative paths."""
    behind, asked = launch.upstream, launch.settings
    made, overrides = user_file.with_own_addresses(
        _adapted(launch, config),
        str(config),
        listen=_listen(launch),
        dial=_dial(launch),
        tls_behind=behind is not None and behind.tls,
        common={**_common(launch), "apps": _certificates(launch)},
    )
    _, server = user_file.served(made, str(config))
    if launch.identity is not None:
        server["tls_connection_policies"] = [{}]
    if asked.keep_alive is not None:
        server["idle_timeout"] = _duration(asked.keep_alive)
    if asked.timeout is not None:
        server |= {f"{each}_timeout": _duration(asked.timeout) for each in ("read", "read_header", "write")}
    file = f"{launch.folder}/caddy.json"
    return Command(
        (launch.executable, "run", "--config", file),
        files={"caddy.json": json.dumps(made, indent=1)},
        environment=_environment(launch),
        folder=config.parent,
        overrides=overrides,
        check=(launch.executable, "validate", "--config", file),
        sources={"caddy.json": config},
        graceful_signals=GRACEFUL_SIGNALS,
        quick_signals=QUICK_SIGNALS,
    )


def _adapted(launch: Launch, config: Path) -> Json:
    """Return the user's file as JSON. Raises ConfigurationError with Caddy's own message."""
    try:
        text = _adapt(launch.executable, str(config), config.stat().st_mtime_ns)
        made: object = json.loads(text)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ConfigurationError(f"{config}: caddy cannot read it: {problem}") from None
    except ValueError as problem:
        raise ConfigurationError(f"{config} is not JSON: {problem}") from None
    if not isinstance(made, dict):
        raise ConfigurationError(f"{config} is no JSON object; name a configuration of Caddy")
    return made


@lru_cache(maxsize=16)
def _adapt(executable: str, config: str, changed: int) -> str:  # noqa: ARG001 - a part of the key
    if config.endswith(".json"):
        return Path(config).read_text(encoding="utf-8")
    done = subprocess.run(
        [executable, "adapt", "--config", config, "--adapter", "caddyfile"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=ADAPT_TIMEOUT,
        check=False,
        cwd=Path(config).parent,
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent"},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise ConfigurationError(f"{config}: caddy rejects it: {lines[-1] if lines else 'no message'}")
    return done.stdout


def _duration(seconds: float) -> int:
    return math.ceil(seconds * NANOSECONDS)


ADAPTER = Caddy()
