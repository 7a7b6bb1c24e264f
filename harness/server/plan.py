"""How one server is to be started, as a value: what planning.py makes of a name, and launch.py carries out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wsgi_gauntlet.harness.server.adapter import Adapter, Installation, Settings


@dataclass(frozen=True)
class Plan:
    """How to start one server. `name` is what the user wrote; `upstream` is the server behind a front.

    `unix` asks for a Unix socket in place of TCP. `host` is the loopback address to listen on, '' for the one that
    this machine has. `environment` is added to the server's. `app_path` is a folder for the path of modules, where a
    user's own `app` lies, and `page` is the page of it that checks ask for. `version` is the one that the user named,
    '' for the one that is there.
    """

    name: str
    adapter: Adapter
    found: Installation
    variant: str
    settings: Settings
    python: str
    app: str = "gauntlet_apps.reference:application"
    upstream: Plan | None = None
    unix: bool = False
    host: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    app_path: Path | None = None
    version: str = ""
    page: str = "/"

    @property
    def app_plan(self) -> Plan:
        """The plan of the server that runs the app: of a chain the one behind."""
        return self if self.upstream is None else self.upstream

    @property
    def interpreter(self) -> str:
        """The interpreter that runs the app."""
        behind = self.app_plan
        return behind.found.python or behind.python

    @property
    def as_unprivileged_user(self) -> bool:
        """Say whether a server of the chain does not serve as root."""
        return self.adapter.unprivileged_user or (self.upstream is not None and self.upstream.as_unprivileged_user)
