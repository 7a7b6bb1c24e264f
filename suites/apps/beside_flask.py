"""Flask's own launch of a check with `--app`: the reference app in Flask, and the user's Flask app beside it."""

from __future__ import annotations

from typing import Any

from .control import users_flask_app
from .flask_app import make
from .user_app_header import beside


def both() -> Any:
    """Return the Flask app that holds the reference app, with the user's app for the requests that ask for it."""
    flask: Any = make()
    flask.wsgi_app = beside(flask.wsgi_app, users_flask_app().wsgi_app)
    return flask


application = both()
