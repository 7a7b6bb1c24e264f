"""The test app in a Flask app object, as Flask's users serve one. Needs Flask.

Flask chooses the route and keeps its request context. The result of its view then answers the server directly, so that
Flask's Response changes nothing.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response

from ..reference import application as reference

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
"""A catch-all route must name these one by one."""


class Reference(Response):
    """A response that the test app makes."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Answer as the test app."""
        return reference(environ, start_response)


def make() -> Flask:
    """Return a Flask app whose only route answers every path as the test app."""
    flask = Flask("gauntlet_apps", static_folder=None)
    flask.url_map.merge_slashes = False

    def answer(path: str = "") -> Reference:  # noqa: ARG001 - the reference app reads environ itself
        return Reference()

    for rule in ("/", "/<path:path>"):
        flask.add_url_rule(rule, "answer", answer, methods=METHODS, provide_automatic_options=False)
    return flask


application = make()
