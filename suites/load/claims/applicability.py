"""Decide to which servers a claim applies. Each function returns a reason for the user, or ''. Nothing is started."""

from __future__ import annotations

from wsgi_gauntlet.harness.load.experiments.comparison_plans import with_workers
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.remote.remote_server import RemoteDescription


def reason_not_standalone(plan: Plan) -> str:
    """Say why `plan` is not a single server on a socket that the harness starts; else ''."""
    if isinstance(plan.adapter, RemoteDescription):
        return "the scenario starts the server in several ways, and somebody else started this one"
    if plan.upstream is not None:
        return f"the scenario compares {plan.upstream.adapter.name} with and without a front: name it alone"
    if plan.variant in plan.adapter.in_process_variants:
        return "the server has no socket, and load scenarios need one"
    return ""


def reason_not_proxyable(plan: Plan) -> str:
    """Say why nginx cannot be a front of `plan`; else ''."""
    if why := reason_not_standalone(plan):
        return why
    if plan.settings.tls or plan.adapter.tls_only:
        return "nginx forwards plain HTTP, and this server is to use https"
    return ""


def reason_not_uwsgi(plan: Plan) -> str:
    """Say why nginx cannot use the uwsgi protocol with `plan`; else ''."""
    if plan.adapter.name != "uwsgi":
        return "the scenario is about uWSGI behind nginx"
    return reason_not_proxyable(plan)


def reason_not_development_server(plan: Plan) -> str:
    """Say why `plan` is not the development server of Werkzeug and Flask; else ''."""
    if plan.adapter.name not in ("werkzeug", "flask"):
        return "the scenario is about the development server of Werkzeug and Flask"
    return reason_not_standalone(plan)


def reason_not_prefork(plan: Plan) -> str:
    """Say why the number of workers of `plan` cannot be set; else ''."""
    if why := reason_not_standalone(plan):
        return why
    reason = with_workers(plan, 2).unsupported_reason()
    return f"the number of its workers cannot be set: {reason}" if reason else ""
