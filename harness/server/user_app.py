"""An app of the user's own: how it is served together with the reference app. Pure.

Under load `gauntlet_apps.user_app:application` is served. It hands what comes below CONTROL_PREFIX to the reference
app, and everything else, untouched, to the app that the environment variable names
(suites/testapp/core/user_app_loader.py).

For checks `gauntlet_apps.with_user_app:application` is served. It hands what has USER_APP_HEADER to the user's app,
and everything else, untouched, to the reference app (suites/testapp/core/user_app_choice.py): so no case sees another
path than without --app.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.plan import Plan

REFERENCE_APP_PACKAGE = "gauntlet_apps."
"""Where a server imports the reference app from; apps of this package answer the harness."""

USER_APP_UNDER_LOAD = f"{REFERENCE_APP_PACKAGE}user_app:application"
"""The app that stands around the user's; its module has the same CONTROL_PREFIX and USER_APP_VARIABLE."""

REFERENCE_APP = f"{REFERENCE_APP_PACKAGE}reference:application"

USER_APP_IN_CHECKS = f"{REFERENCE_APP_PACKAGE}with_user_app:application"
"""The reference app with the user's beside it."""

USER_APP_HEADER = "X-Gauntlet-App"
"""The header of requests that are for the user's app in a check."""

USER_APP_CASE_PREFIX = "own-app/"
"""What the ids of the cases begin with that are about the user's app; all others are about the server."""

CONTROL_PREFIX = "/gauntlet-control"
"""The one prefix of paths that the user's app does not see."""

CALLABLE_VARIABLE = "GAUNTLET_CALLABLE"
"""The environment variable by which the reference app is asked for another kind of callable."""

USER_APP_VARIABLE = "GAUNTLET_APP"
"""The environment variable that names the user's app: `module:callable`, or `module:factory()`."""


USER_APP_FOLDER_VARIABLE = "GAUNTLET_APP_FOLDER"
"""The environment variable that names the folder which the user's app is to run in."""


def plan_with_control_paths(plan: Plan) -> Plan:
    """Return `plan` with the user's app behind the control paths; a plan of the reference app as it is."""
    return _serve_with(plan, USER_APP_UNDER_LOAD)


def plan_with_reference_app(plan: Plan) -> Plan:
    """Return `plan` with the user's app beside the reference app; a plan of the reference app as it is."""
    return _serve_with(plan, USER_APP_IN_CHECKS)


def _serve_with(plan: Plan, app: str) -> Plan:
    if plan.app.startswith(REFERENCE_APP_PACKAGE):
        return plan
    behind = _serve_with(plan.upstream, app) if plan.upstream is not None else None
    return replace(plan, app=app, environment={**plan.environment, USER_APP_VARIABLE: plan.app}, upstream=behind)


def without_user_app(plan: Plan) -> Plan:
    """Return `plan` with the reference app alone, in place of an app of the user's own."""
    if not is_user_app(plan.app) and plan.app not in (USER_APP_UNDER_LOAD, USER_APP_IN_CHECKS):
        return plan
    behind = without_user_app(plan.upstream) if plan.upstream is not None else None
    remaining = {name: value for name, value in plan.environment.items() if name != USER_APP_VARIABLE}
    return replace(plan, app=REFERENCE_APP, app_path=None, environment=remaining, upstream=behind)


def is_user_app(app: str) -> bool:
    """Say whether `app` is the user's, and none of the harness's."""
    return not app.startswith(REFERENCE_APP_PACKAGE)


def user_app_description(app: str, page: str) -> str:
    """Return what a check with `app` does, for people."""
    return (
        f"{app} runs beside the reference app. The cases of {USER_APP_CASE_PREFIX} ask it for {page}; all other "
        f"cases are about the "
        "server, and ask the reference app."
    )


def control_prefix(app: str) -> str:
    """Return the prefix of the reference app's paths where `app` is what a server serves."""
    return CONTROL_PREFIX if app == USER_APP_UNDER_LOAD else ""


def user_app_of(plan: Plan) -> str:
    """Return the name of the user's app that `plan` serves, '' where that is the reference app alone."""
    if plan.app in (USER_APP_UNDER_LOAD, USER_APP_IN_CHECKS):
        return plan.environment.get(USER_APP_VARIABLE, "")
    return plan.app if is_user_app(plan.app) else ""
