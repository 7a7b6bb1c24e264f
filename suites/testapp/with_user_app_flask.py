"""The app of a check with `--app` on Flask's server: the test app in Flask, and the user's Flask app beside it."""

from __future__ import annotations

from typing import Any

from .core.user_app_choice import with_user_app
from .core.user_app_loader import load_user_flask_app
from .frameworks.flask_catch_all import make


def make_with_user_app() -> Any:
    """Return the Flask app with the test app in it, and the user app for requests that name it."""
    flask: Any = make()
    flask.wsgi_app = with_user_app(flask.wsgi_app, load_user_flask_app().wsgi_app)
    return flask


application = make_with_user_app()
