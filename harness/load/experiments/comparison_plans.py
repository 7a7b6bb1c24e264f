"""Plans made of a plan: the same server behind a front, with other settings, or another server with the same app.

For scenarios that compare servers within one cell. Each plan has a name of its own, in the words of the command line
where these have one for it. Nothing is started here.
"""

from __future__ import annotations

from dataclasses import replace

from wsgi_gauntlet.harness.errors import UnknownName, Unsupported
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.name import parse
from wsgi_gauntlet.harness.server.plan import Plan


def behind_front(plan: Plan, front: str) -> Plan:
    """Return `plan` behind `front`, in the command line's words for a front: nginx:unix[static].

    Raises Unsupported, with the command that gets it, where the front or the server is not here, ConfigurationError for
    words that the front does not know.
    """
    part = parse(f"{front}+server").front
    if part is None:
        raise ValueError(f"{front!r} is no front")
    made = planning.with_front(part, replace(plan, unix=False))
    found = replace(made, name=f"{front}+{plan.name}", environment=plan.environment, host=plan.host)
    return require_installed(found)


def with_workers(plan: Plan, workers: int) -> Plan:
    """Return `plan` with so many workers."""
    return replace(plan, name=f"{plan.name} with {workers}", settings=replace(plan.settings, workers=workers))


def other_server(plan: Plan, server: str) -> Plan:
    """Return how `server` is started with the app that `plan` serves, by the same interpreter.

    Raises Unsupported, with the command that gets it, where it is not here.
    """
    try:
        found = planning.plan(server, python=plan.python, app=plan.adapter.app(plan.app), app_path=plan.app_path)
    except UnknownName as unknown:
        raise Unsupported(str(unknown)) from None
    return require_installed(replace(found, environment=plan.environment, host=plan.host))


def require_installed(plan: Plan) -> Plan:
    """Return `plan`. Raises Unsupported, with the command that gets it, where it lacks something."""
    if missing_message := planning.missing(plan).missing_message:
        raise Unsupported(f"{plan.name} is needed for this: {missing_message}")
    return plan
