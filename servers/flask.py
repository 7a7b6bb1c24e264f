"""A Flask app served as its users serve it: `app.run(host, port)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..harness.adapter import Command, Launch, refuse
from ..harness.errors import Unsupported
from ..harness.launching.ownapp import BESIDE, OWN, PACKAGE, REFERENCE_APP
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

WRITTEN_WITH_FLASK = "gauntlet_apps.in_flask:application"
IN_FLASK = {
    REFERENCE_APP: "gauntlet_apps.flask_app:application",
    OWN: "gauntlet_apps.own_flask:application",
    BESIDE: "gauntlet_apps.beside_flask:application",
    WRITTEN_WITH_FLASK: WRITTEN_WITH_FLASK,
}
"""The Flask app that is served for an app of the harness's."""


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
        "cli": "its command, `flask run`, without reloader and debugger: a thread for each connection",
    }
    lineup = ("flask",)

    def command(self, launch: Launch) -> Command:
        """Return what Werkzeug's is with another script, or Flask's own command."""
        scripted = super().command(launch)
        if launch.variant != "cli":
            return scripted
        refuse(self.name, mounting=launch.settings.mount)
        host, port = scripted.argv[2:4]
        argv = [launch.python, "-m", "flask", "--app", self.app(launch.app), "run", "--host", host, "--port", port]
        if launch.identity is not None:
            argv += ["--cert", str(launch.identity.certificate), "--key", str(launch.identity.key)]
        return Command((*argv, "--no-reload", "--no-debugger"), environment={"FLASK_SKIP_DOTENV": "1"})

    def app(self, app: str) -> str:
        """Return the Flask app that holds the reference app; a user's own app must be a Flask app itself."""
        if app.startswith(PACKAGE) and app not in IN_FLASK:
            raise Unsupported("app.run is a method of Flask's apps; it serves no app of another framework")
        return IN_FLASK.get(app, app)


ADAPTER = Flask()
