"""The harness's control paths in front of an app of the user's own.

What comes below CONTROL_PREFIX goes to the reference app, with SCRIPT_NAME and PATH_INFO moved as for any mounted app.
Everything else goes to the user's app as it came. That app is named by the environment variable GAUNTLET_APP:
`module:callable`, or `module:factory()` for one that a function makes.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any, Callable

from ..reference import application as reference_app

CONTROL_PREFIX = "/gauntlet-control"
USER_APP_VARIABLE = "GAUNTLET_APP"
USER_APP_FOLDER_VARIABLE = "GAUNTLET_APP_FOLDER"
"""All three are the same in harness/server/user_app.py."""


def with_control_paths(app: Callable[..., Any]) -> Callable[..., Any]:
    """Return `app` with the reference app below CONTROL_PREFIX."""

    def wrapped_app(environ: Any, start_response: Any) -> Any:
        path = environ.get("PATH_INFO") or ""
        if path.startswith(CONTROL_PREFIX) and path[len(CONTROL_PREFIX) :][:1] in ("", "/"):
            moved = dict(environ)
            moved["SCRIPT_NAME"] = (environ.get("SCRIPT_NAME") or "") + CONTROL_PREFIX
            moved["PATH_INFO"] = path[len(CONTROL_PREFIX) :]
            return reference_app(moved, start_response)
        return app(environ, start_response)

    return wrapped_app


def load_user_app() -> Any:
    """Import the user's app, and make it where a function does, in the folder that it is to run in.

    That is the user's own: an app opens files beside it by relative names. The server has started in a private folder,
    so that nothing of it, as a pid file, comes to lie in theirs. Raises RuntimeError where no app is named.
    """
    name = os.environ.get(USER_APP_VARIABLE, "")
    module, _, attribute = name.partition(":")
    if not (module and attribute):
        raise RuntimeError("set %s to the app to serve, as shop.wsgi:application; it is %r" % (USER_APP_VARIABLE, name))
    folder = os.environ.get(USER_APP_FOLDER_VARIABLE)
    before = Path.cwd() if folder else None
    if folder:
        os.chdir(folder)
    try:
        thing: Any = importlib.import_module(module)
        for part in (attribute[:-2] if attribute.endswith("()") else attribute).split("."):
            thing = getattr(thing, part)
        return thing() if attribute.endswith("()") else thing
    except BaseException:
        if before is not None:
            os.chdir(before)  # where a server that tries again looks for its own files
        raise


def load_user_flask_app() -> Any:
    """Import the user's app, which Flask's own launch takes only where it is Flask's. Raises TypeError else."""
    flask = load_user_app()
    if not hasattr(flask, "wsgi_app"):
        raise TypeError("Flask's app.run needs a Flask app, and %r is none; werkzeug serves any app" % (flask,))
    return flask
