"""The reference app behind a Flask app object, as Flask's users serve one. Needs Flask."""

from __future__ import annotations

from typing import Any

from flask import Flask

from .reference import application as reference

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
"""What a catch-all route has to name one by one."""


def make() -> Flask:
    """Return a Flask app whose one route answers every path as the reference app does."""
    flask = Flask("gauntlet_apps", static_folder=None)
    flask.url_map.merge_slashes = False

    def answer(path: str = "") -> Any:  # noqa: ARG001 - the reference app reads environ itself
        def response(environ: Any, start_response: Any) -> Any:
            return reference(environ, start_response)

        return response

    for rule in ("/", "/<path:path>"):
        flask.add_url_rule(rule, "answer", answer, methods=METHODS, provide_automatic_options=False)
    return flask


application = make()
