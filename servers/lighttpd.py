"""lighttpd as a proxy. https://redmine.lighttpd.net/projects/lighttpd/wiki/Docs_ModProxy"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch
from wsgi_gauntlet.harness.server.static_mapping import DEFAULT_MEDIA_TYPE, MEDIA_TYPES
from wsgi_gauntlet.servers._support import lighttpd_configuration
from wsgi_gauntlet.servers._support import lighttpd_user_configuration as user_file
from wsgi_gauntlet.servers._support.lighttpd_configuration import quoted
from wsgi_gauntlet.servers._support.user_configuration import static_with_file_reason


class Lighttpd(Adapter):
    """lighttpd with its defaults and mod_proxy to the server; it passes the Host header on."""

    name = "lighttpd"
    title = "lighttpd"
    front = True
    variants: ClassVar[Mapping[str, str]] = {
        "tcp": "mod_proxy to a TCP port",
        "unix": "mod_proxy to a Unix socket",
    }
    config_patterns = ("*.conf", "lighttpd*")
    maps_static_files = True

    def find(self, python: str) -> Installation:  # noqa: ARG002 - the system's program, whatever interpreter runs the app
        """Look for `lighttpd`."""
        return lighttpd_configuration.found()

    def supports(self, launch: Launch) -> str:
        if launch.upstream is not None and launch.upstream.tls:
            return "lighttpd's mod_proxy speaks no TLS to the server behind it"
        return lighttpd_configuration.supports(launch) or static_with_file_reason("lighttpd", launch)

    def command(self, launch: Launch) -> Command:
        """Return a configuration with one `proxy.server`."""
        behind = launch.upstream
        assert behind is not None
        if launch.config is not None:
            return _command_with_file(launch, launch.config)
        proxy = f'proxy.server = ( "" => (( {_format_address(behind)} )) )'
        if not launch.static:
            return lighttpd_configuration.command(launch, launch.executable, ["proxy"], [proxy])
        paths = {f"{launch.settings.mount}{each.prefix}/": each.folder for each in launch.static}
        aliases = ", ".join(f"{quoted(path)} => {quoted(f'{folder}/')}" for path, folder in paths.items())
        types = ", ".join(f'".{extension}" => "{media_type}"' for extension, media_type in MEDIA_TYPES.items())
        lines = [
            f"alias.url = ( {aliases} )",
            f'mimetype.assign = ( {types}, "" => "{DEFAULT_MEDIA_TYPE}" )',
            f'$HTTP["url"] !~ "^({"|".join(map(re.escape, paths))})" {{ {proxy} }}',
        ]
        return lighttpd_configuration.command(launch, launch.executable, ["alias", "proxy"], lines)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return lighttpd's settings with its defaults, and how it passes requests on."""
        effective = lighttpd_configuration.conditions(launch)
        if launch.config is not None:
            effective |= _file_conditions(launch, launch.config)
        return {**effective, "passes on": launch.upstream_transport}


def _command_with_file(launch: Launch, config: Path) -> Command:
    """Return the command with a copy of the user's file; it runs in the folder of the file, for relative paths."""
    own = lighttpd_configuration.own_directives(launch)
    behind = launch.upstream
    assert behind is not None
    target = user_file.Behind(socket=behind.path) if behind.path else user_file.Behind(behind.host, behind.port)
    copy = user_file.copy(config, launch.folder, target, own, frozenset(own))
    main = next(iter(copy.sources))
    lines = [f"{name} = {value}" for name, value in own.items() if name not in copy.written]
    if launch.identity is not None:
        lines.append('server.modules += ( "mod_openssl" )')
    if not any('"mod_proxy"' in text for text in copy.files.values()):
        lines.append('server.modules += ( "mod_proxy" )')
    if not any("server.document-root" in text for text in copy.files.values()):
        lines.append(f"server.document-root = {quoted(launch.folder)}")
    file = str(launch.folder / "lighttpd.conf")
    text = "\n".join((f"include {quoted(launch.folder / main)}", *lines, ""))
    made = lighttpd_configuration.run_command(launch.executable, file, {"lighttpd.conf": text, **copy.files})
    return replace(
        made,
        folder=config.parent,
        overrides=copy.overrides,
        check=(launch.executable, "-tt", "-f", file),
        sources=copy.sources,
    )


def _file_conditions(launch: Launch, config: Path) -> dict[str, object]:
    asked, found = launch.settings, user_file.effective(config)
    named = (
        ("workers", asked.workers, "server.max-worker"),
        ("keep-alive", asked.keep_alive, "server.max-keep-alive-idle"),
        ("keep-alive requests", None, "server.max-keep-alive-requests"),
        ("timeout", asked.timeout, "server.max-read-idle"),
        ("backlog", asked.backlog, "server.listen-backlog"),
    )
    values = {name: int(found[key]) for name, given, key in named if given is None and key in found}
    return {"configuration": str(config), **values}


def _format_address(behind: Address) -> str:
    if behind.path:
        return f'"socket" => {quoted(behind.path)}'
    return f'"host" => {quoted(behind.host)}, "port" => {behind.port}'


ADAPTER = Lighttpd()
