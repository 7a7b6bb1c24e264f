"""Plans made of a plan: the same server behind a front, with other settings, or another server with the same app.

For scenarios that compare servers within one cell. Each plan has a name of its own, in the words of the command line
where these have one for it. Nothing is started here.
"""

from __future__ import annotations

from dataclasses import replace

from .. import planning
from ..errors import UnknownName, Unsupported
from ..launching.plan import Plan
from ..naming import parse


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
