"""An app of the user's own under load: it is served behind the harness's control paths, for the reference app.

What is served then is `gauntlet_apps.own:application`. It hands what comes below CONTROL to the reference app, and
everything else, untouched, to the app that the environment variable names (suites/apps/control.py). Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .plan import Plan

PACKAGE = "gauntlet_apps."
"""Where a server imports the reference app from; apps of this package answer the harness."""

OWN = f"{PACKAGE}own:application"
"""The app that stands around the user's; its module has the same CONTROL and VARIABLE."""

CONTROL = "/gauntlet-control"
"""The one prefix of paths that the user's app does not see."""

VARIABLE = "GAUNTLET_APP"
"""The environment variable that names the user's app: `module:callable`, or `module:factory()`."""


def behind_control(plan: Plan) -> Plan:
    """Return `plan` with the user's app behind the control paths; a plan of the reference app as it is."""
    if plan.app.startswith(PACKAGE):
        return plan
    behind = behind_control(plan.upstream) if plan.upstream is not None else None
    return replace(plan, app=OWN, environment={**plan.environment, VARIABLE: plan.app}, upstream=behind)


def control(app: str) -> str:
    """Return the prefix of the reference app's paths where `app` is what a server serves."""
    return CONTROL if app == OWN else ""


def own_app(plan: Plan) -> str:
    """Return the name of the user's app that `plan` serves, '' where that is the reference app alone."""
    return plan.environment.get(VARIABLE, "") if plan.app == OWN else "" if plan.app.startswith(PACKAGE) else plan.app
