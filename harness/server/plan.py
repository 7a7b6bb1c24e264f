"""How one server is to be started, as a value: planning.py makes it from a name, and instance.py carries it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError, NotInstalled, Unsupported
from wsgi_gauntlet.harness.http.address import NOMINAL_PORT, Address
from wsgi_gauntlet.harness.model import ConfigOverride
from wsgi_gauntlet.harness.server.adapter import (
    Installation,
    Launch,
    Protocol,
    ServerDescription,
    Settings,
    absolute_interpreter,
    unsupported_reason,
)
from wsgi_gauntlet.harness.server.app_setup import AppSetup
from wsgi_gauntlet.harness.server.certificates import identity_files
from wsgi_gauntlet.harness.server.user_app import REFERENCE_APP, USER_APP_UNDER_LOAD, is_user_app

SOCKET_NAME = "http.sock"
"""The Unix socket that a server listens on, in its launch folder."""


@dataclass(frozen=True)
class Plan:
    """How to start one server. `name` is the server name that the user wrote; `upstream` is the server behind a proxy.

    `version` is the version in that name, '' for the installed one. `unix` means a Unix socket instead of TCP. `host`
    is the loopback address to listen on, '' for the one of this machine. `environment` is added to the server's.
    `app_path` is the folder of the user app `app`, `app_setup` is how its team runs it, and `page` is the page of it
    that checks request. `config` is the server's configuration file of the user, `overrides` what the harness replaces
    in it. `front` says why a target seems to be behind a proxy, '' if it does not.
    """

    name: str
    adapter: ServerDescription
    found: Installation
    variant: str
    settings: Settings
    python: str
    app: str = REFERENCE_APP
    upstream: Plan | None = None
    unix: bool = False
    host: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    app_path: Path | None = None
    version: str = ""
    page: str = "/"
    config: Path | None = None
    overrides: tuple[ConfigOverride, ...] = ()
    app_setup: AppSetup = field(default_factory=AppSetup)
    front: str = ""

    @property
    def app_plan(self) -> Plan:
        """The plan of the server that runs the app: in a chain the one behind the proxy."""
        return self if self.upstream is None else self.upstream

    @property
    def behind_proxy(self) -> bool:
        """Whether requests pass a proxy, as far as the harness knows."""
        return self.upstream is not None or bool(self.front)

    @property
    def interpreter(self) -> str:
        """The interpreter that runs the app."""
        behind = self.app_plan
        return behind.found.python or behind.python

    @property
    def _serves_user_app_alone(self) -> bool:
        # Beside the test app, a path may belong to a case.
        return self.app == USER_APP_UNDER_LOAD or is_user_app(self.app)

    @property
    def static_server(self) -> ServerDescription | None:
        """The server of the chain that sends the static files of the user app, the proxy first; None for the app."""
        parts = (self, self.upstream) if self.upstream is not None else (self,)
        return next((each.adapter for each in parts if each.adapter.maps_static_files), None)

    @property
    def as_unprivileged_user(self) -> bool:
        """Whether a server of the chain does not serve as root."""
        return self.adapter.unprivileged_user or (self.upstream is not None and self.upstream.as_unprivileged_user)

    def address(self, folder: Path = Path()) -> Address:
        """Return the address to listen on, in the launch folder `folder`; a TCP address has no port yet.

        Raises Unsupported for a Unix socket or TLS of a variant that has no socket.
        """
        tls = self.settings.tls or self.adapter.tls_only
        if self.variant in self.adapter.in_process_variants:
            if self.unix or tls:
                named = f"{self.adapter.name}:{self.variant}"
                raise Unsupported(f"{named} has no socket, so it has no {'Unix socket' if self.unix else 'TLS'}")
            return Address(port=NOMINAL_PORT, pipe_socket=str(folder / SOCKET_NAME))
        if self.unix or self.adapter.unix_only:
            return Address(path=str(folder / SOCKET_NAME), tls=tls)
        return Address(host=self.host or Address.host, tls=tls)

    def launch(
        self, address: Address, folder: Path = Path(), protocol: Protocol = Protocol.HTTP, behind: Sequence[Launch] = ()
    ) -> Launch:
        """Return the launch of this server at `address`; `behind` are the launches behind it if it is a proxy.

        Raises Unsupported for a proxy before a server that has no socket.
        """
        if any(each.address.pipe_socket for each in behind):
            raise Unsupported(f"{self.name}: the server behind the proxy has no socket that the proxy could connect to")
        return Launch(
            python=absolute_interpreter(self.python),
            executable=self.found.executable,
            address=address,
            app=self.app,
            folder=folder,
            settings=self.settings,
            variant=self.variant,
            protocol=protocol,
            upstream=behind[0].address if behind else None,
            upstream_protocol=behind[0].protocol if behind else Protocol.HTTP,
            other_upstreams=tuple(each.address for each in behind[1:]),
            identity=identity_files(folder) if address.tls else None,
            config=self.config,
            static=self.app_setup.static if self._serves_user_app_alone else (),
        )

    def chain(self) -> tuple[Protocol, Plan] | None:
        """Return the protocol to the server behind this proxy, and the plan of that server; None if there is none.

        Raises the error of `upstream_connection`.
        """
        if self.upstream is None:
            return None
        protocol, unix = self.upstream_connection(self.upstream.adapter)
        return protocol, replace(self.upstream, unix=unix)

    def upstream_connection(self, upstream: ServerDescription) -> tuple[Protocol, bool]:
        """Return the protocol to the server `upstream` behind this proxy, and whether it goes over a Unix socket.

        Raises ConfigurationError if the configuration file of the proxy uses another protocol than its variant.
        """
        protocol, unix = self.adapter.protocol_for(self.variant, upstream)
        wanted = self.adapter.config_protocol(self.config) if self.config is not None else None
        if wanted is not None and wanted is not protocol:
            if self.variant:
                raise ConfigurationError(
                    f"{self.config} passes requests on with {wanted}, and {self.adapter.name}:{self.variant} with "
                    f"{protocol}: leave out the variant, or change the file"
                )
            return wanted, wanted is Protocol.UWSGI
        return protocol, unix

    def planned_launches(self) -> list[tuple[ServerDescription, Launch]]:
        """Return the launches of the chain, the server behind the proxy first, before ports and folders are chosen.

        Raises Unsupported as `address` and `launch` do.
        """
        if (behind := self.chain()) is None:
            return [(self.adapter, self.launch(self.address()))]
        protocol, plan = behind
        server = plan.launch(plan.address(), protocol=protocol)
        return [(plan.adapter, server), (self.adapter, self.launch(self.address(), behind=[server]))]

    def unsupported_reason(self) -> str:
        """Return why the server cannot be started as it is named, as tiny[tls] if tiny has no TLS; '' if it can."""
        try:
            return next(filter(None, (unsupported_reason(*each) for each in self.planned_launches())), "")
        except Unsupported as why:
            return str(why)

    def require_installed(self) -> None:
        """Raise NotInstalled, with the command that installs it, if this server is not installed."""
        if not self.found.available:
            raise NotInstalled(f"{self.name}: {self.found.missing_message}")
