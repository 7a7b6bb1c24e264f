"""Plans made of a plan: the same server behind a front, with other settings, or another server with the same app.

For scenarios that compare servers within one cell. Each plan has a name of its own, in the words of the command line
where these have one for it. Nothing is started here.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from .. import planning
from ..adapter import Launch, Protocol
from ..address import Address
from ..errors import UnknownName, Unsupported
from ..launching.plan import Plan
from ..naming import parse
from .targets.elsewhere import StartedElsewhere


def behind(plan: Plan, front: str) -> Plan:
    """Return `plan` behind `front`, in the command line's words for a front: nginx:unix[static].

    Raises Unsupported, with the command that gets it, where the front or the server is not here, BadConfiguration for
    words that the front does not know.
    """
    part = parse(f"{front}+server").front
    if part is None:
        raise ValueError(f"{front!r} is no front")
    made = planning.before(part, replace(plan, unix=False))
    found = replace(made, name=f"{front}+{plan.name}", environment=plan.environment, host=plan.host)
    return here(found)


def with_workers(plan: Plan, workers: int) -> Plan:
    """Return `plan` with so many workers."""
    return replace(plan, name=f"{plan.name} with {workers}", settings=replace(plan.settings, workers=workers))


def same_app(plan: Plan, server: str) -> Plan:
    """Return how `server` is started with the app that `plan` serves, by the same interpreter.

    Raises Unsupported, with the command that gets it, where it is not here.
    """
    try:
        found = planning.plan(server, python=plan.python, app=plan.adapter.app(plan.app), app_path=plan.app_path)
    except UnknownName as unknown:
        raise Unsupported(str(unknown)) from None
    return here(replace(found, environment=plan.environment, host=plan.host))


def here(plan: Plan) -> Plan:
    """Return `plan`. Raises Unsupported, with the command that gets it, where it lacks something."""
    if lack := planning.missing(plan).lack:
        raise Unsupported(f"{plan.name} is needed for this: {lack}")
    return plan


# ---------------------------------------------------------------------- which servers a statement is about


def not_alone(plan: Plan) -> str:
    """Say why `plan` is no server by itself, started here on a socket, that a front could be put before; else ''."""
    if isinstance(plan.adapter, StartedElsewhere):
        return "it was started elsewhere, and this needs it started both alone and otherwise"
    if plan.upstream is not None:
        return f"this is about {plan.upstream.adapter.name} with a front and without one: name it alone"
    if plan.variant in plan.adapter.socketless:
        return "it has no socket, and what load does to a server is done on its sockets"
    return ""


def not_for_nginx(plan: Plan) -> str:
    """Say why `plan` is no server to put nginx before; else ''."""
    if why := not_alone(plan):
        return why
    if plan.settings.tls or plan.adapter.tls_only:
        return "nginx is to pass plain HTTP on, and this server is asked for https"
    return ""


def not_uwsgi(plan: Plan) -> str:
    """Say why `plan` does not speak the uwsgi protocol that nginx does; else ''."""
    if plan.adapter.name != "uwsgi":
        return "this is about uWSGI, with nginx before it"
    return not_for_nginx(plan)


def not_development(plan: Plan) -> str:
    """Say why `plan` is not the server that Werkzeug and Flask have for development; else ''."""
    if plan.adapter.name not in ("werkzeug", "flask"):
        return "this is about the server that Werkzeug and Flask start for development"
    return not_alone(plan)


def not_prefork(plan: Plan) -> str:
    """Say why `plan` has no number of workers to set; else ''. Its adapter is asked, and nothing is started."""
    if why := not_alone(plan):
        return why
    asked = with_workers(plan, 2)
    nowhere = Path(os.sep, "nowhere")
    launch = Launch(
        python=plan.python,
        executable=plan.found.executable or plan.python,
        address=Address(path=str(nowhere / "s")) if plan.unix or plan.adapter.unix_only else Address(port=1),
        app=plan.app,
        folder=nowhere,
        settings=asked.settings,
        variant=plan.variant,
        protocol=Protocol.HTTP,
    )
    try:
        plan.adapter.command(launch)
    except Unsupported as refused:
        return f"it has no number of workers to set: {refused}"
    return ""
