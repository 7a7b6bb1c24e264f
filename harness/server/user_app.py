"""The user app, and how it is served together with the test app. Pure.

Under load the server serves `gauntlet_apps.user_app:application`. It passes requests below CONTROL_PREFIX to the test
app, and all others, unchanged, to the user app (suites/testapp/core/user_app_loader.py).

In checks the server serves `gauntlet_apps.with_user_app:application`. It passes requests with USER_APP_HEADER to the
user app, and all others, unchanged, to the test app (suites/testapp/core/user_app_choice.py). So the paths of cases are
the same with and without --app.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wsgi_gauntlet.harness.model.naming import USER_APP_CASE_PREFIX as USER_APP_CASE_PREFIX
from wsgi_gauntlet.harness.server.app_setup import AppSetup

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.plan import Plan

REFERENCE_APP_PACKAGE = "gauntlet_apps."
"""The package of the test app in the server's process; its apps respond to the harness."""

USER_APP_UNDER_LOAD = f"{REFERENCE_APP_PACKAGE}user_app:application"
"""The user app with the control paths; the module has the same CONTROL_PREFIX and USER_APP_VARIABLE."""

REFERENCE_APP_IMPORTS = ("ast", "hashlib", "hmac", "json", "pathlib", "random", "secrets", "tempfile", "urllib.parse")
"""Modules of the standard library that the test app imports and that take long."""

REFERENCE_APP = f"{REFERENCE_APP_PACKAGE}reference:application"

USER_APP_IN_CHECKS = f"{REFERENCE_APP_PACKAGE}with_user_app:application"
"""The test app with the user app beside it."""

USER_APP_HEADER = "X-Gauntlet-App"
"""The header of requests for the user app in a check."""

CONTROL_PREFIX = "/gauntlet-control"
"""The prefix of the paths that the user app does not get."""

NONCE_VARIABLE = "WSGI_GAUNTLET_NONCE"
"""The environment variable with the nonce that proves the instance."""

CALLABLE_VARIABLE = "WSGI_GAUNTLET_CALLABLE"
"""The environment variable with the kind of callable that the test app must be."""

USER_APP_VARIABLE = "WSGI_GAUNTLET_APP"
"""The environment variable with the name of the user app: `module:callable`, or `module:factory()`."""

USER_APP_FOLDER_VARIABLE = "WSGI_GAUNTLET_APP_FOLDER"
"""The environment variable with the folder that the user app runs in."""


def plan_with_control_paths(plan: Plan) -> Plan:
    """Return `plan` with the control paths before the user app; without a user app return `plan` itself."""
    return _serve_with(plan, USER_APP_UNDER_LOAD)


def plan_with_reference_app(plan: Plan) -> Plan:
    """Return `plan` with the user app beside the test app; without a user app return `plan` itself."""
    return _serve_with(plan, USER_APP_IN_CHECKS)


def _serve_with(plan: Plan, app: str) -> Plan:
    if plan.app.startswith(REFERENCE_APP_PACKAGE):
        return plan
    behind = _serve_with(plan.upstream, app) if plan.upstream is not None else None
    return replace(plan, app=app, environment={**plan.environment, USER_APP_VARIABLE: plan.app}, upstream=behind)


def without_user_app(plan: Plan) -> Plan:
    """Return `plan` with the test app alone, in place of a user app."""
    if not is_user_app(plan.app) and plan.app not in (USER_APP_UNDER_LOAD, USER_APP_IN_CHECKS):
        return plan
    behind = without_user_app(plan.upstream) if plan.upstream is not None else None
    remaining = {name: value for name, value in plan.environment.items() if name != USER_APP_VARIABLE}
    return replace(plan, app=REFERENCE_APP, app_path=None, app_setup=AppSetup(), environment=remaining, upstream=behind)


def is_user_app(app: str) -> bool:
    """Return whether `app` is a user app, and none of the harness."""
    return not app.startswith(REFERENCE_APP_PACKAGE)


def user_app_description(app: str, page: str) -> str:
    """Describe a check with the user app `app` for people."""
    return (
        f"{app} runs beside the test app. The cases of {USER_APP_CASE_PREFIX} request {page} from it. All other cases "
        "are about the server and use the test app."
    )


def control_prefix(app: str) -> str:
    """Return the prefix of the test app's paths if a server serves `app`."""
    return CONTROL_PREFIX if app == USER_APP_UNDER_LOAD else ""


def user_app_of(plan: Plan) -> str:
    """Return the name of the user app that `plan` serves, '' if it serves the test app alone."""
    if plan.app in (USER_APP_UNDER_LOAD, USER_APP_IN_CHECKS):
        return plan.environment.get(USER_APP_VARIABLE, "")
    return plan.app if is_user_app(plan.app) else ""
