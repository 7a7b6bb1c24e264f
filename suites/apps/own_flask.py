"""A Flask app of the user's own behind the harness's control paths, still a Flask app: for Flask's `app.run`."""

from __future__ import annotations

from typing import Any

from .control import behind_control, users_app


def make() -> Any:
    """Return the user's Flask app, its `wsgi_app` behind the control paths."""
    flask = users_app()
    if not hasattr(flask, "wsgi_app"):
        raise TypeError("Flask's app.run needs a Flask app, and %r is none; werkzeug serves any app" % (flask,))
    flask.wsgi_app = behind_control(flask.wsgi_app)
    return flask


application = make()
