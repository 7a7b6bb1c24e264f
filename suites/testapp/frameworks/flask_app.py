"""An app written with Flask. Needs Flask."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, jsonify, redirect, request, send_file, session, url_for

from ..reference import application as reference
from .shared import (
    COOKIE_KEY,
    DOWNLOAD_FILE,
    ENTITY_TAG,
    PAGE,
    ViewError,
    call_test_app,
    digest,
    held_blocks,
    report_request,
)

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
"""The methods of a catch-all route, which Flask needs one by one."""


def seen(rest: str) -> Any:
    return jsonify(
        method=request.method,
        path="/seen/" + rest,
        query=request.args.get("q"),
        tags=request.args.getlist("tag"),
        own=request.headers.get("X-Own"),
        type=request.content_type,
        cookies=dict(request.cookies),
    )


def form() -> Any:
    return jsonify(name=request.form.get("name"), tags=request.form.getlist("tag"))


def upload() -> Any:
    file = request.files["file"]
    return jsonify(filename=file.filename, note=request.form.get("note"), **digest(file.read()))


def cookies() -> Any:
    session["user"] = "ada"
    response = Response(PAGE, mimetype="text/plain")
    response.set_cookie("theme", "dark")
    return response


def article() -> Any:
    return Response(PAGE, mimetype="text/plain")


def download() -> Any:
    return send_file(DOWNLOAD_FILE, mimetype="application/octet-stream", as_attachment=True)


def streamed() -> Any:
    return Response(held_blocks(request.environ), mimetype="text/plain")


def moved() -> Any:
    return redirect(url_for("article", _external=True), 303)


def missing() -> Any:
    abort(404)


def broken() -> Any:
    raise ViewError("an error that nobody catches")


def unchanged() -> Any:
    response = Response(PAGE, mimetype="text/plain")
    response.set_etag(ENTITY_TAG)
    return response.make_conditional(request)


def catch_all(path: str = "") -> Any:  # noqa: ARG001 - the test app reads environ itself
    status, headers, body = call_test_app(reference, request.environ)
    return Response(body, status, headers)


def make() -> Flask:
    """Return the app."""
    flask = Flask("gauntlet_apps", static_folder=None)
    flask.secret_key = COOKIE_KEY
    flask.before_request(lambda: report_request(request.environ))
    flask.add_url_rule("/seen/<path:rest>", "seen", seen, methods=METHODS)
    for view in (form, upload):
        flask.add_url_rule("/" + view.__name__, view.__name__, view, methods=["POST"])
    for view in (cookies, article, download, streamed, moved, missing, broken, unchanged):
        flask.add_url_rule("/" + view.__name__, view.__name__, view)
    for rule in ("/", "/<path:path>"):
        flask.add_url_rule(rule, "catch_all", catch_all, methods=METHODS)
    return flask


application = make()
