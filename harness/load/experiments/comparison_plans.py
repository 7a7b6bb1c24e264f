"""Derive plans for scenarios that compare servers within one result. Nothing is started here.

A derived plan is the same server behind a proxy or with other settings, or another server with the same app. Its name
is a server name of the command line, if there is one.
"""

from __future__ import annotations

from dataclasses import replace

from wsgi_gauntlet.harness.errors import UnknownName, Unsupported
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.name import parse
from wsgi_gauntlet.harness.server.plan import Plan


def behind_front(plan: Plan, front: str) -> Plan:
    """Return `plan` behind `front`, a server name such as nginx:unix[static].

    Raises Unsupported, with the command that installs it, if the front or the server is missing. Raises
    ConfigurationError for settings that the front does not have.
    """
    part = parse(f"{front}+server").front
    if part is None:
        raise ValueError(f"{front!r} is not a front")
    made = planning.with_front(part, replace(plan, unix=False))
    found = replace(made, name=f"{front}+{plan.name}", environment=plan.environment, host=plan.host)
    return require_installed(found)


def with_workers(plan: Plan, workers: int) -> Plan:
    """Return `plan` with another number of workers."""
    return replace(plan, name=f"{plan.name} with {workers}", settings=replace(plan.settings, workers=workers))


def other_server(plan: Plan, server: str) -> Plan:
    """Return a plan for `server` with the app and the interpreter of `plan`.

    Raises Unsupported, with the command that installs it, if it is missing.
    """
    try:
        found = planning.plan(server, python=plan.python, app=plan.adapter.app(plan.app), app_path=plan.app_path)
    except UnknownName as unknown:
        raise Unsupported(str(unknown)) from None
    return require_installed(replace(found, environment=plan.environment, host=plan.host, app_setup=plan.app_setup))


def require_installed(plan: Plan) -> Plan:
    """Return `plan`. Raises Unsupported, with the command that installs it, if something is missing."""
    if missing_message := planning.missing(plan).missing_message:
        raise Unsupported(f"this scenario needs {plan.name}: {missing_message}")
    return plan
