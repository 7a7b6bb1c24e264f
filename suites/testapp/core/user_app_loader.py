"""The control paths of the harness in front of the user app.

Requests below CONTROL_PREFIX go to the test app, with SCRIPT_NAME and PATH_INFO changed as for any mounted app. All
others go to the user app unchanged. The environment variable WSGI_GAUNTLET_APP names it: `module:callable`, or
`module:factory("prod", debug=False)` for an app that a function makes. The arguments are literals.
"""

from __future__ import annotations

import ast
import importlib
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

from ..reference import application as reference_app

CONTROL_PREFIX = "/gauntlet-control"
USER_APP_VARIABLE = "WSGI_GAUNTLET_APP"
USER_APP_FOLDER_VARIABLE = "WSGI_GAUNTLET_APP_FOLDER"
"""All three are the same in harness/server/user_app.py."""


def with_control_paths(app: Callable[..., Any]) -> Callable[..., Any]:
    """Return `app` with the test app below CONTROL_PREFIX."""

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
    """Import the user app, or call the function that makes it, in the folder of the user.

    An app opens files beside it by relative names. The server itself starts in a private folder, so that its own files,
    as a pid file, stay there. Raises RuntimeError if no app is named.
    """
    name = os.environ.get(USER_APP_VARIABLE, "")
    module, _, attribute = name.partition(":")
    if not (module and attribute):
        raise RuntimeError("set %s to the app to serve, as shop.wsgi:application; it is %r" % (USER_APP_VARIABLE, name))
    path, arguments = parse_attribute(attribute)
    folder = os.environ.get(USER_APP_FOLDER_VARIABLE)
    before = Path.cwd() if folder else None
    if folder:
        os.chdir(folder)
    try:
        thing: Any = importlib.import_module(module)
        for part in path.split("."):
            thing = getattr(thing, part)
        return thing if arguments is None else thing(*arguments[0], **arguments[1])
    except BaseException:
        if before is not None:
            os.chdir(before)  # a server that tries again looks for its own files there
        raise


def parse_attribute(text: str) -> Tuple[str, Optional[Tuple[List[Any], Dict[str, Any]]]]:
    """Return the path of the attribute, and the arguments of the function that makes the app; None without a call.

    harness/server/app_name.py reads the same names. Raises ValueError for arguments that are no literals.
    """
    path, parenthesis, _ = text.partition("(")
    if not parenthesis:
        return text.strip(), None
    call = ast.parse(text.strip(), mode="eval").body
    if not isinstance(call, ast.Call) or any(each.arg is None for each in call.keywords):
        raise ValueError("the app must be module:callable or module:function(literals), and not %r" % text)
    named = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    return path.strip(), ([ast.literal_eval(each) for each in call.args], named)


def load_user_flask_app() -> Any:
    """Import the user app for Flask's own server. Raises TypeError if it is no Flask app."""
    flask = load_user_app()
    if not hasattr(flask, "wsgi_app"):
        raise TypeError("Flask's app.run needs a Flask app, and %r is none; werkzeug serves any app" % (flask,))
    return flask
