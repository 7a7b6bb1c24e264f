"""The reference app behind a Flask app object, as Flask's users serve one. Needs Flask.

Flask chooses the route and keeps its request context; what its view returns then answers the server directly, so that
what is seen is the server's doing and not what Flask's Response makes of it.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response

from ..reference import application as reference

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
"""What a catch-all route has to name one by one."""


class Reference(Response):
    """A response that leaves the answering to the reference app."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Answer as the reference app does."""
        return reference(environ, start_response)


def make() -> Flask:
    """Return a Flask app whose one route answers every path as the reference app does."""
    flask = Flask("gauntlet_apps", static_folder=None)
    flask.url_map.merge_slashes = False

    def answer(path: str = "") -> Reference:  # noqa: ARG001 - the reference app reads environ itself
        return Reference()

    for rule in ("/", "/<path:path>"):
        flask.add_url_rule(rule, "answer", answer, methods=METHODS, provide_automatic_options=False)
    return flask


application = make()
