"""A Flask app, served as Flask's users serve it: `app.run(host, port)`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import Command, Launch, no_option_for
from wsgi_gauntlet.harness.server.user_app import (
    REFERENCE_APP,
    REFERENCE_APP_PACKAGE,
    USER_APP_IN_CHECKS,
    USER_APP_UNDER_LOAD,
)
from wsgi_gauntlet.servers.werkzeug import Werkzeug

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

FRAMEWORK_APP = "gauntlet_apps.frameworks.flask_app:application"
FLASK_APPS = {
    REFERENCE_APP: "gauntlet_apps.frameworks.flask_catch_all:application",
    USER_APP_UNDER_LOAD: "gauntlet_apps.user_app_flask:application",
    USER_APP_IN_CHECKS: "gauntlet_apps.with_user_app_flask:application",
    FRAMEWORK_APP: FRAMEWORK_APP,
}
"""The Flask app to serve in place of each app of the harness."""


class Flask(Werkzeug):
    """Flask's `app.run`: Werkzeug's server, with Flask between the server and the app."""

    name = "flask"
    title = "Flask's app.run"
    distribution = "flask"
    for_development = (
        "“Do not use the development server when deploying to production. It is intended for use only during local "
        "development.” https://flask.palletsprojects.com/en/stable/server/"
    )
    environ_support = "in the environment of its process; app.run has no option for environ"
    script = SCRIPT
    variants: ClassVar[Mapping[str, str]] = {
        "threaded": "a thread for each connection, which is Flask's default",
        "single": "app.run(threaded=False)",
        "cli": "its command, `flask run`, without reloader and debugger: a thread for each connection",
    }
    default_variants = ("flask",)

    def preload(self, launch: Launch) -> tuple[str, ...]:  # noqa: ARG002 - the same for each launch
        return ("werkzeug.serving", "werkzeug.middleware.dispatcher", "flask.cli")

    def supports(self, launch: Launch) -> str:
        if launch.app.startswith(REFERENCE_APP_PACKAGE) and launch.app not in FLASK_APPS:
            return "app.run is a method of Flask's apps; it serves no app of another framework"
        mounting = launch.variant == "cli" and launch.settings.mount
        return no_option_for(self.name, mounting=mounting) or super().supports(launch)

    def command(self, launch: Launch) -> Command:
        """Return Werkzeug's command with another script, or Flask's own command."""
        werkzeug_command = super().command(launch)
        if launch.variant != "cli":
            return werkzeug_command
        host, port = werkzeug_command.argv[2:4]
        argv = [launch.python, "-m", "flask", "--app", self.app(launch.app), "run", "--host", host, "--port", port]
        if launch.identity is not None:
            argv += ["--cert", str(launch.identity.certificate), "--key", str(launch.identity.key)]
        return Command((*argv, "--no-reload", "--no-debugger"), environment={"FLASK_SKIP_DOTENV": "1"})

    def app(self, app: str) -> str:
        """Return the Flask app with the test app in it; a user app must itself be a Flask app."""
        if app.startswith(REFERENCE_APP_PACKAGE) and app not in FLASK_APPS:
            raise Unsupported("app.run is a method of Flask's apps; it serves no app of another framework")
        return FLASK_APPS.get(app, app)


ADAPTER = Flask()
