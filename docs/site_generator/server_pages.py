"""A page for every server, made from its adapter: how it is started, its variants, its settings, its defaults.

Nothing is started, and no installed server is looked at: the command lines are those for the versions of
constraints.txt.
"""

from __future__ import annotations

import inspect
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import (
    Launch,
    Protocol,
    ServerDescription,
    Settings,
    distribution_version,
    start_command,
    unsupported_reason,
)
from wsgi_gauntlet.harness.server.certificates import CertificateFiles

from .page import Page, block, code, collapsed, escape, join, paragraphs, prose, table

FOLDER = "reference/servers"
INTRODUCTION = (
    "Each page shows how the harness starts a server, and which settings it has. [Servers](../../servers.md) explains "
    "server names."
)
DEFAULTS = Settings()
CORES = 4
"""The cores of the machine for which a page shows the recommended settings."""


ASKED: Mapping[str, Settings] = {
    "workers=4": Settings(workers=4),
    "threads=4": Settings(threads=4),
    "keep-alive=5": Settings(keep_alive=5.0),
    "timeout=30": Settings(timeout=30.0),
    "backlog=512": Settings(backlog=512),
    "max-requests=1000": Settings(max_requests=1000),
    "tls": Settings(tls=True),
    "unix": Settings(unix=True),
}
"""The settings of a server name, with typical values."""

IDENTITY = CertificateFiles(Path("/run/folder/certificate.pem"), Path("/run/folder/key.pem"))


def pages(root: Path) -> Iterator[Page]:
    """Yield the list and the page of each server. `root` is the folder with constraints.txt."""
    with pinned_interpreter(root / "constraints.txt") as python:
        found = sorted(registry.adapters().values(), key=lambda each: (each.front, each.name))
        yield Page(f"{FOLDER}/index.md", _index(found))
        yield from (Page(f"{FOLDER}/{each.name}.md", server_page(each, python)) for each in found)


@contextmanager
def pinned_interpreter(constraints: Path) -> Iterator[str]:
    """Make an interpreter that has the distributions of `constraints` by name and version, without their code."""
    with tempfile.TemporaryDirectory(prefix="docs-") as name:
        folder = Path(name)
        for line in constraints.read_text(encoding="utf-8").split():
            distribution, _, version = line.partition("==")
            info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        python = folder / "python3"
        python.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {shlex.quote(sys.executable)} -S "$@"\n')
        python.chmod(0o700)
        yield str(python)


def _index(found: list[ServerDescription]) -> str:
    parts = ["# Servers", INTRODUCTION]
    for front, title in ((False, "Servers"), (True, "Proxies")):
        rows = [
            (f"[{escape(each.name)}]({each.name}.md)", escape(each.title), ", ".join(map(code, each.variants)))
            for each in found
            if each.front is front
        ]
        parts += [f"## {title}", table(("name", "server", "variants"), rows)]
    return join(*parts)


def server_page(adapter: ServerDescription, python: str) -> str:
    """Return the page of one server."""
    module = inspect.getmodule(type(adapter))
    parts = [f"# {escape(adapter.title)}", "[All servers](index.md)", paragraphs((module and module.__doc__) or "")]
    if adapter.for_development:
        parts += [f"**For development.** {prose(adapter.for_development)}"]
    if adapter.unavailable_reason:
        return join(*parts, f"**It cannot be tested now.** {prose(adapter.unavailable_reason)}.")
    parts += ["## Facts", table(("property", "value"), list(_facts(adapter, python)))]
    if adapter.variants:
        rows = [(code(f"{adapter.name}:{name}"), prose(text)) for name, text in adapter.variants.items()]
        parts += ["## Variants", "The first one is the default.", table(("name", "what"), rows)]
    if adapter.features:
        rows = [(code(f"{adapter.name}[{name}]"), prose(text)) for name, text in adapter.features.items()]
        parts += ["## Features", table(("name", "what"), rows)]
    parts += ["## How it is started", *_launches(adapter, python)]
    parts += ["## Settings", _settings(adapter, python)]
    return join(*parts)


def _facts(adapter: ServerDescription, python: str) -> Iterator[tuple[str, str]]:
    yield "name", code(adapter.name)
    if adapter.distribution:
        yield "install", code(f"pip install {' '.join(adapter.requires or (adapter.distribution,))}")
        yield "version on this page", escape(distribution_version(python, adapter.distribution)) or "–"
    for variant, needs in adapter.extra_requirements.items():
        yield f"{code(f'{adapter.name}:{variant}')} needs", ", ".join(map(code, needs))
    if adapter.minimum_version:
        yield "first version that can be tested", escape(adapter.minimum_version)
    yield "protocols", ", ".join(sorted(adapter.protocols))
    yield "configuration file", ", ".join(map(code, adapter.config_patterns)) or "none"
    if adapter.environ_support:
        yield "variables of the deployer", prose(adapter.environ_support)
    if adapter.maps_static_files:
        yield "static files", "it sends the files of `--static` by itself"
    if adapter.unprivileged_user:
        yield "user", "it does not serve as root: the harness starts it as an unprivileged user"


def _launch(adapter: ServerDescription, python: str, variant: str, settings: Settings = DEFAULTS) -> Launch:
    """Return a launch as the harness makes it, with a proxy before gunicorn, and addresses that can be read."""
    socket = settings.unix or adapter.unix_only
    address = Address(path="/run/server.sock") if socket else Address("127.0.0.1", 8000)
    upstream, protocol = None, Protocol.HTTP
    if adapter.front:
        protocol, over_socket = adapter.protocol_for(variant, registry.adapters()["uwsgi"])
        upstream = Address(path="/run/upstream.sock") if over_socket else Address("127.0.0.1", 8001)
    if variant in adapter.in_process_variants:
        address = Address(pipe_socket="/run/pipe.sock")
    return Launch(
        python=python,
        executable=adapter.name,
        address=address,
        app="shop.wsgi:application",
        folder=Path("/run/folder"),
        settings=settings,
        variant=variant,
        upstream=upstream,
        upstream_protocol=protocol,
    )


def _launches(adapter: ServerDescription, python: str) -> Iterator[str]:
    for variant in adapter.variants or ("",):
        launch = _launch(adapter, python, variant)
        name = f"{adapter.name}:{variant}" if variant else adapter.name
        if adapter.front:
            name += "+uwsgi" if launch.upstream_protocol is Protocol.UWSGI else "+gunicorn"
        yield f"### {escape(name)}"
        try:
            command = start_command(adapter, launch)
            conditions = adapter.conditions(launch)
        except Unsupported as why:
            yield prose(f"{why}.")
            continue
        words = shlex.join(command.argv).replace(python, "python3").replace(sys.executable, "python3")
        yield block(f"$ {words}", "console")
        for file, text in command.files.items():
            yield collapsed(file, block(text.replace(python, "python3")))
        rows = [(escape(key), escape(str(value))) for key, value in conditions.items()]
        yield table(("effective setting", "value"), rows)
        if tuned := _tuned(adapter, variant):
            yield f"With the setting {code('tuned')} on a machine with {CORES} cores: {tuned}."


def _tuned(adapter: ServerDescription, variant: str) -> str:
    """Return the settings that the documentation of the server recommends, '' if it recommends none."""
    found = asdict(adapter.tuned_settings(variant, CORES))
    return ", ".join(
        code(f"{name.replace('_', '-')}={value}") for name, value in found.items() if value != getattr(DEFAULTS, name)
    )


def _settings(adapter: ServerDescription, python: str) -> str:
    """Return which variant has which setting, and why another one does not."""
    variants = [
        each
        for each in adapter.variants or ("",)
        if each not in adapter.in_process_variants and not unsupported_reason(adapter, _launch(adapter, python, each))
    ]
    rows = []
    for text, asked in ASKED.items():
        reasons: dict[str, list[str]] = {}
        for variant in variants:
            launch = _launch(adapter, python, variant, asked)
            if asked.tls:
                launch = replace(launch, address=replace(launch.address, tls=True), identity=IDENTITY)
            reasons.setdefault(unsupported_reason(adapter, launch), []).append(variant)
        having = reasons.pop("", [])
        missing = [
            f"{', '.join(map(code, names))}: {prose(why)}" if len(reasons) > 1 or having else prose(why)
            for why, names in reasons.items()
        ]
        supported = ("all variants" if len(variants) > 1 else "yes") if not missing else ", ".join(map(code, having))
        rows.append((code(text), supported or "no", "<br>".join(missing)))
    return table(("setting", "supported", "why not"), rows)
