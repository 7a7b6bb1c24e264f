"""A Flask app of the user with the control paths of the harness. It stays a Flask app, for Flask's `app.run`."""

from __future__ import annotations

from typing import Any

from .core.user_app_loader import load_user_flask_app, with_control_paths


def make() -> Any:
    """Return the Flask app of the user with the control paths in its `wsgi_app`."""
    flask = load_user_flask_app()
    flask.wsgi_app = with_control_paths(flask.wsgi_app)
    return flask


application = make()
