"""An app written with Falcon. Needs Falcon."""


# The framework is installed for the server, not where types are checked.
# mypy: disable-error-code="import-not-found, import-untyped"

# ruff: noqa: ARG002 - the framework chooses the arguments of a view

from __future__ import annotations

from typing import Any, Dict

import falcon

from ..reference import application as reference
from .shared import (
    COOKIE_KEY,
    DOWNLOAD_FILE,
    ENTITY_TAG,
    GET_VIEWS,
    PAGE,
    ViewError,
    call_test_app,
    digest,
    held_blocks,
    report_request,
)


class Views:
    """The views: methods that a route's suffix names."""

    def on_post_form(self, req: Any, resp: Any) -> None:
        """Read a form."""
        sent = req.get_media()
        tags = sent.get("tag", [])
        resp.media = {"name": sent.get("name"), "tags": [tags] if isinstance(tags, str) else tags}

    def on_post_upload(self, req: Any, resp: Any) -> None:
        """Read a form with a file in it."""
        read: Dict[str, Any] = {}
        for part in req.get_media():
            if part.name == "file":
                read.update(digest(part.get_data()), filename=part.filename)
            else:
                read[part.name] = part.get_text()
        resp.media = read

    def on_get_cookies(self, req: Any, resp: Any) -> None:
        """Set two cookies."""
        resp.set_cookie("session", COOKIE_KEY.partition(" ")[0])
        resp.set_cookie("theme", "dark")
        resp.content_type, resp.text = falcon.MEDIA_TEXT, PAGE

    def on_get_article(self, req: Any, resp: Any) -> None:
        """Answer a text."""
        resp.content_type, resp.text = falcon.MEDIA_TEXT, PAGE

    on_head_article = on_get_article

    def on_get_download(self, req: Any, resp: Any) -> None:
        """Answer a file."""
        resp.content_type = "application/octet-stream"
        resp.set_stream(DOWNLOAD_FILE.open("rb"), DOWNLOAD_FILE.stat().st_size)

    def on_get_streamed(self, req: Any, resp: Any) -> None:
        """Answer in two blocks."""
        resp.content_type, resp.stream = falcon.MEDIA_TEXT, held_blocks(req.env)

    def on_get_moved(self, req: Any, resp: Any) -> None:
        """Redirect the client."""
        raise falcon.HTTPSeeOther(req.prefix + "/article")

    def on_get_missing(self, req: Any, resp: Any) -> None:
        """Answer that there is no such page."""
        raise falcon.HTTPNotFound(title="no such page")

    def on_get_broken(self, req: Any, resp: Any) -> None:
        """Raise an error."""
        raise ViewError("an error that nobody catches")

    def on_get_unchanged(self, req: Any, resp: Any) -> None:
        """Answer a page that the client may have already."""
        resp.etag = ENTITY_TAG
        if req.if_none_match and ENTITY_TAG in req.if_none_match:
            resp.status = falcon.HTTP_304
        else:
            self.on_get_article(req, resp)


class ReportingMiddleware:
    """Middleware that reports each request."""

    def process_request(self, req: Any, resp: Any) -> None:
        """Report it."""
        report_request(req.env)


def seen(req: Any, resp: Any, rest: str) -> None:
    """Answer with the parts of the request."""
    resp.media = {
        "method": req.method,
        "path": "/seen/" + rest,
        "query": req.get_param("q"),
        "tags": req.get_param_as_list("tag"),
        "own": req.get_header("X-Own"),
        "type": req.content_type,
        "cookies": dict(req.cookies),
    }


def catch_all(req: Any, resp: Any) -> None:
    """Answer as the test app."""
    resp.status, headers, resp.data = call_test_app(reference, req.env)
    resp.set_headers([each for each in headers if each[0] != "Content-Length"])


def make() -> Any:
    """Return the app."""
    app = falcon.App(middleware=[ReportingMiddleware()])
    app.resp_options.secure_cookies_by_default = False
    app.add_sink(catch_all)
    app.add_sink(seen, "/seen/(?P<rest>.*)")
    views = Views()
    for name in ("form", "upload", *GET_VIEWS):
        app.add_route("/" + name, views, suffix=name)
    return app


application = make()
