"""Which servers a statement is about: for each why a plan is none of them, in words for who named it, or ''.

Nothing is started here.
"""

from __future__ import annotations

import os
from pathlib import Path

from ....harness.adapter import Launch, Protocol
from ....harness.address import Address
from ....harness.errors import Unsupported
from ....harness.launching.plan import Plan
from ....harness.load.targets.elsewhere import StartedElsewhere
from ....harness.load.variants import with_workers


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
