"""An app written with Pyramid. Needs Pyramid."""


# The framework is installed for the server, not where types are checked.
# mypy: disable-error-code="import-not-found, import-untyped"

# ruff: noqa: ARG001 - the framework chooses the arguments of a view

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator
from pyramid.events import NewRequest
from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.response import FileResponse, Response
from pyramid.session import SignedCookieSessionFactory
from pyramid.wsgi import wsgiapp

from ..reference import application as reference
from .shared import COOKIE_KEY, DOWNLOAD_FILE, ENTITY_TAG, PAGE, ViewError, digest, held_blocks, report_request


def make() -> Any:
    """Return the app."""

    def seen(request: Any) -> Any:
        return {
            "method": request.method,
            "path": "/seen/" + "/".join(request.matchdict["rest"]),
            "query": request.GET.get("q"),
            "tags": request.GET.getall("tag"),
            "own": request.headers.get("X-Own"),
            "type": request.content_type,
            "cookies": dict(request.cookies),
        }

    def form(request: Any) -> Any:
        return {"name": request.POST.get("name"), "tags": request.POST.getall("tag")}

    def upload(request: Any) -> Any:
        file = request.POST["file"]
        return dict(digest(file.file.read()), filename=file.filename, note=request.POST.get("note"))

    def cookies(request: Any) -> Any:
        request.session["user"] = "ada"
        response = Response(PAGE, content_type="text/plain")
        response.set_cookie("theme", "dark")
        return response

    def article(request: Any) -> Any:
        return Response(PAGE, content_type="text/plain")

    def download(request: Any) -> Any:
        return FileResponse(str(DOWNLOAD_FILE), request=request, content_type="application/octet-stream")

    def streamed(request: Any) -> Any:
        return Response(app_iter=held_blocks(request.environ), content_type="text/plain")

    def moved(request: Any) -> Any:
        return HTTPSeeOther(location=request.route_url("article"))

    def missing(request: Any) -> Any:
        raise HTTPNotFound("no such page")

    def broken(request: Any) -> Any:
        raise ViewError("an error that nobody catches")

    def unchanged(request: Any) -> Any:
        return Response(PAGE, content_type="text/plain", etag=ENTITY_TAG, conditional_response=True)

    with Configurator(session_factory=SignedCookieSessionFactory(COOKIE_KEY)) as config:
        config.add_route("seen", "/seen/*rest")
        config.add_view(seen, route_name="seen", renderer="json")
        for view in (form, upload):
            config.add_route(view.__name__, "/" + view.__name__)
            config.add_view(view, route_name=view.__name__, renderer="json")
        for view in (cookies, article, download, streamed, moved, missing, broken, unchanged):
            config.add_route(view.__name__, "/" + view.__name__)
            config.add_view(view, route_name=view.__name__)
        config.add_route("catch_all", "/*path")
        config.add_view(wsgiapp(reference), route_name="catch_all")
        config.add_subscriber(lambda event: report_request(event.request.environ), NewRequest)
        return config.make_wsgi_app()


application = make()
