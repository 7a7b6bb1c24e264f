"""A Flask app of the user's own behind the harness's control paths, still a Flask app: for Flask's `app.run`."""

from __future__ import annotations

from typing import Any

from .control import behind_control, users_flask_app


def make() -> Any:
    """Return the user's Flask app, its `wsgi_app` behind the control paths."""
    flask = users_flask_app()
    flask.wsgi_app = behind_control(flask.wsgi_app)
    return flask


application = make()
