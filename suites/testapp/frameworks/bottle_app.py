"""An app written with Bottle. Needs Bottle."""

# The framework is installed for the server, not where types are checked.
# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from bottle import Bottle, HTTPResponse, abort, redirect, request, response, static_file

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


def seen(rest: str) -> Any:
    return {
        "method": request.method,
        "path": "/seen/" + rest,
        "query": request.query.decode().get("q"),
        "tags": request.query.decode().getall("tag"),
        "own": request.get_header("X-Own"),
        "type": request.content_type,
        "cookies": dict(request.cookies),
    }


def form() -> Any:
    tags = request.forms.decode().getall("tag")
    return {"name": request.forms.getunicode("name"), "tags": tags}


def upload() -> Any:
    file = request.files.get("file")
    read = digest(file.file.read())
    return dict(read, filename=file.raw_filename, note=request.forms.getunicode("note"))


def cookies() -> Any:
    response.set_cookie("session", "ada", secret=COOKIE_KEY)
    response.set_cookie("theme", "dark")
    response.content_type = "text/plain"
    return PAGE


def article() -> Any:
    response.content_type = "text/plain"
    return PAGE


def download() -> Any:
    return static_file(
        DOWNLOAD_FILE.name, root=str(DOWNLOAD_FILE.parent), mimetype="application/octet-stream", download=True
    )


def streamed() -> Any:
    response.content_type = "text/plain"
    return held_blocks(request.environ)


def moved() -> Any:
    redirect(urljoin(request.url, "/article"), 303)


def missing() -> Any:
    abort(404, "no such page")


def broken() -> Any:
    raise ViewError("an error that nobody catches")


def unchanged() -> Any:
    tag = '"%s"' % ENTITY_TAG
    if request.get_header("If-None-Match") == tag:
        return HTTPResponse(status=304, ETag=tag)
    response.set_header("ETag", tag)
    return article()


def catch_all(path: str = "") -> Any:  # noqa: ARG001 - the test app reads environ itself
    status, headers, body = call_test_app(reference, request.environ)
    return HTTPResponse(body, status, headers)


def make() -> Any:
    """Return the app."""
    bottle = Bottle()
    bottle.add_hook("before_request", lambda: report_request(request.environ))
    bottle.route("/seen/<rest:path>", "ANY", seen)
    for view in (form, upload):
        bottle.route("/" + view.__name__, "POST", view)
    for view in (cookies, article, download, streamed, moved, missing, broken, unchanged):
        bottle.route("/" + view.__name__, "GET", view)
    for rule in ("/", "/<path:path>"):
        bottle.route(rule, "ANY", catch_all)
    return bottle


application = make()
