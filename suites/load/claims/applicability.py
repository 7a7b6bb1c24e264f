"""Which servers a statement is about: for each why a plan is none of them, in words for who named it, or ''.

Nothing is started here.
"""

from __future__ import annotations

from wsgi_gauntlet.harness.load.experiments.comparison_plans import with_workers
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.remote.remote_server import RemoteDescription


def reason_not_standalone(plan: Plan) -> str:
    """Say why `plan` is no server by itself, started here on a socket, that a front could be put before; else ''."""
    if isinstance(plan.adapter, RemoteDescription):
        return "it was started elsewhere, and this needs it started both alone and otherwise"
    if plan.upstream is not None:
        return f"this is about {plan.upstream.adapter.name} with a front and without one: name it alone"
    if plan.variant in plan.adapter.in_process_variants:
        return "it has no socket, and what load does to a server is done on its sockets"
    return ""


def reason_not_proxyable(plan: Plan) -> str:
    """Say why `plan` is no server to put nginx before; else ''."""
    if why := reason_not_standalone(plan):
        return why
    if plan.settings.tls or plan.adapter.tls_only:
        return "nginx is to pass plain HTTP on, and this server is asked for https"
    return ""


def reason_not_uwsgi(plan: Plan) -> str:
    """Say why `plan` does not speak the uwsgi protocol that nginx does; else ''."""
    if plan.adapter.name != "uwsgi":
        return "this is about uWSGI, with nginx before it"
    return reason_not_proxyable(plan)


def reason_not_development_server(plan: Plan) -> str:
    """Say why `plan` is not the server that Werkzeug and Flask have for development; else ''."""
    if plan.adapter.name not in ("werkzeug", "flask"):
        return "this is about the server that Werkzeug and Flask start for development"
    return reason_not_standalone(plan)


def reason_not_prefork(plan: Plan) -> str:
    """Say why `plan` has no number of workers to set; else ''. Its adapter is asked, and nothing is started."""
    if why := reason_not_standalone(plan):
        return why
    reason = with_workers(plan, 2).unsupported_reason()
    return f"it has no number of workers to set: {reason}" if reason else ""
