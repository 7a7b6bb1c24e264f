"""All files to paste for one server as it was measured, with its proxy if it has one. Pure."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Adapter, Launch
from wsgi_gauntlet.harness.server.certificates import CertificateFiles
from wsgi_gauntlet.harness.server.deployment import APP, LOOPBACK, DeploymentFile, DeploymentSite
from wsgi_gauntlet.harness.server.deployment_command import command_files, variant_name
from wsgi_gauntlet.harness.server.deployment_units import ServiceSignals, procfile, systemd_unit
from wsgi_gauntlet.harness.server.plan import Plan


def deployment_files(plan: Plan, site: DeploymentSite) -> tuple[DeploymentFile, ...]:
    """Return the files with which a person starts the servers of `plan` on `site`, in the order of their installation.

    The server with the app comes first, then its unit of systemd and its Procfile, then the proxy. Raises
    Unsupported, with the reason, if files cannot do what was measured.
    """
    entry = _entry_module(site)
    served = replace(site, name=site.service, app=f"{entry.name.removesuffix('.py')}:application") if entry else site
    parts = list(_parts(plan, served))
    adapter, launch = parts[0]
    files = _files_of(adapter, launch, served)
    main, title = files[0], variant_name(adapter, launch)
    command = adapter.command(launch)
    signals = ServiceSignals((*command.graceful_signals, command.stop_signal)[0], command.reload_signal)
    units = [systemd_unit(title, served, main.start, signals, socket=bool(launch.address.path))]
    if main.start_on_port and len(parts) == 1:
        units.append(procfile(served, main.start_on_port))
    behind = [file for part in parts[1:] for file in _files_of(*part, served)]
    return (*((entry,) if entry else ()), *files, *units, *behind)


def _files_of(adapter: Adapter, launch: Launch, site: DeploymentSite) -> tuple[DeploymentFile, ...]:
    return adapter.deployment(launch, site) or command_files(adapter, launch, site)


def _parts(plan: Plan, site: DeploymentSite) -> Iterator[tuple[Adapter, Launch]]:
    """Yield the servers of the chain with their launches on `site`, the server with the app first."""
    launches = plan.planned_launches()
    behind: Launch | None = None
    for place, (adapter, measured) in enumerate(launches):
        if not isinstance(adapter, Adapter):
            raise Unsupported(f"{plan.name} was started by somebody else: only they know its files")
        _require_files(plan, adapter, measured)
        last, alone = place == len(launches) - 1, len(launches) == 1
        host, port = (site.host, site.port if alone else site.public_port) if last else (LOOPBACK, site.port)
        # A server alone that was measured on a Unix socket keeps it.
        path = site.socket_path if measured.address.path else ""
        tls = measured.address.tls
        launch = replace(
            measured,
            address=Address(host=host, port=port, path=path, tls=tls),
            app=site.app,
            folder=Path(site.folder),
            upstream=behind.address if behind else None,
            identity=CertificateFiles(Path(site.certificate), Path(site.certificate_key)) if tls else None,
        )
        yield adapter, launch
        behind = launch


def _require_files(plan: Plan, adapter: Adapter, measured: Launch) -> None:
    """Raise Unsupported if no file starts the server as it was measured."""
    if measured.address.pipe_socket:
        raise Unsupported(f"{plan.name} was called without a socket, so nobody can connect to it")
    if measured.config is not None:
        raise Unsupported(f"{plan.name} ran with your file {measured.config}: use that file")
    if adapter.front and adapter.upstream_count(measured.settings) > 1:
        raise Unsupported(f"{plan.name} has several servers behind its proxy, which files for one site cannot start")


def _entry_module(site: DeploymentSite) -> DeploymentFile | None:
    """Return a module that has the app as `application`, or None if every server finds the app by itself.

    Many servers call no factory, and take no attribute of an object, as `shop:app.wsgi_app`.
    """
    app = APP.fullmatch(site.app)
    assert app is not None
    module, attribute, call = app["module"], app["attribute"], app["call"] or ""
    if not call and "." not in attribute:
        return None
    # The name of a site may have letters that no module has.
    name = "".join(each if each.isalnum() else "_" for each in site.service)
    if all(each.isidentifier() and not keyword.iskeyword(each) for each in module.split(".")):
        lines = (f"import {module}", "", f"application = {module}.{attribute}{call}")
    else:
        lines = ("import importlib", "", f'application = importlib.import_module("{module}").{attribute}{call}')
    what = f"calls {attribute} once in each process" if call else f"gives {attribute} a name that each server can find"
    text = "\n".join((f"# The server imports this module. It {what}.", *lines, ""))
    return DeploymentFile(f"serve_{name}_app.py", text, site.file(f"serve_{name}_app.py"))
