"""A Flask app served as its users serve it: `app.run(host, port)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..harness.adapter import Launch
from ..harness.ownapp import OWN
from .werkzeug import Werkzeug

SCRIPT = """\
import importlib
import sys

from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

host, port, threaded, mount, certificate, key, name = sys.argv[1:]
module, _, attribute = name.partition(":")
application = getattr(importlib.import_module(module), attribute)
if mount:
    application.wsgi_app = DispatcherMiddleware(NotFound(), {mount: application.wsgi_app})
ssl_context = (certificate, key) if key else None
application.run(host, int(port), threaded=threaded == "threaded", load_dotenv=False, ssl_context=ssl_context)
"""

REFERENCE = "gauntlet_apps.reference:application"
IN_FLASK = {REFERENCE: "gauntlet_apps.flask_app:application", OWN: "gauntlet_apps.own_flask:application"}


class Flask(Werkzeug):
    """Flask's `app.run`: Werkzeug's server with Flask between it and the app."""

    name = "flask"
    title = "Flask's app.run"
    distribution = "flask"
    deployment = "in the environment of its process; app.run has no option for environ"
    script = SCRIPT
    variants: ClassVar[Mapping[str, str]] = {
        "threaded": "a thread for each connection, which is Flask's default",
        "single": "app.run(threaded=False)",
    }
    lineup = ("flask",)

    def app(self, launch: Launch) -> str:
        """Return the Flask app that holds the reference app; a user's own app must be a Flask app itself."""
        return IN_FLASK.get(launch.app, launch.app)


ADAPTER = Flask()
