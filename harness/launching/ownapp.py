"""An app of the user's own: how it is served together with the reference app. Pure.

Under load `gauntlet_apps.own:application` is served. It hands what comes below CONTROL to the reference app, and
everything else, untouched, to the app that the environment variable names (suites/apps/control.py).

For checks `gauntlet_apps.beside:application` is served. It hands what has HEADER to the user's app, and everything
else, untouched, to the reference app (suites/apps/user_app_header.py): so no case sees another path than without --app.
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

REFERENCE_APP = f"{PACKAGE}reference:application"

BESIDE = f"{PACKAGE}beside:application"
"""The reference app with the user's beside it."""

HEADER = "X-Gauntlet-App"
"""The header of requests that are for the user's app in a check."""

AREA = "own-app/"
"""What the ids of the cases begin with that are about the user's app; all others are about the server."""

CONTROL = "/gauntlet-control"
"""The one prefix of paths that the user's app does not see."""

CALLABLE = "GAUNTLET_CALLABLE"
"""The environment variable by which the reference app is asked for another kind of callable."""

VARIABLE = "GAUNTLET_APP"
"""The environment variable that names the user's app: `module:callable`, or `module:factory()`."""


FOLDER = "GAUNTLET_APP_FOLDER"
"""The environment variable that names the folder which the user's app is to run in."""


def behind_control(plan: Plan) -> Plan:
    """Return `plan` with the user's app behind the control paths; a plan of the reference app as it is."""
    return _together(plan, OWN)


def beside_reference(plan: Plan) -> Plan:
    """Return `plan` with the user's app beside the reference app; a plan of the reference app as it is."""
    return _together(plan, BESIDE)


def _together(plan: Plan, app: str) -> Plan:
    if plan.app.startswith(PACKAGE):
        return plan
    behind = _together(plan.upstream, app) if plan.upstream is not None else None
    return replace(plan, app=app, environment={**plan.environment, VARIABLE: plan.app}, upstream=behind)


def without_own(plan: Plan) -> Plan:
    """Return `plan` with the reference app alone, in place of an app of the user's own."""
    if not is_own(plan.app) and plan.app not in (OWN, BESIDE):
        return plan
    behind = without_own(plan.upstream) if plan.upstream is not None else None
    kept = {name: value for name, value in plan.environment.items() if name != VARIABLE}
    return replace(plan, app=REFERENCE_APP, app_path=None, environment=kept, upstream=behind)


def is_own(app: str) -> bool:
    """Say whether `app` is the user's, and none of the harness's."""
    return not app.startswith(PACKAGE)


def beside(app: str, page: str) -> str:
    """Return what a check with `app` does, for people."""
    return (
        f"{app} runs beside the reference app. The cases of {AREA} ask it for {page}; all other cases are about the "
        "server, and ask the reference app."
    )


def control(app: str) -> str:
    """Return the prefix of the reference app's paths where `app` is what a server serves."""
    return CONTROL if app == OWN else ""


def own_app(plan: Plan) -> str:
    """Return the name of the user's app that `plan` serves, '' where that is the reference app alone."""
    if plan.app in (OWN, BESIDE):
        return plan.environment.get(VARIABLE, "")
    return plan.app if is_own(plan.app) else ""
