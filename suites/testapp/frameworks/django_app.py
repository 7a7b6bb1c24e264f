"""An app written with Django, in one file. Needs Django."""


# The framework is installed for the server, not where types are checked.
# mypy: disable-error-code="import-not-found, import-untyped"

# ruff: noqa: ARG001 - the framework chooses the arguments of a view

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.signals import request_started
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.urls import path, re_path
from django.views.decorators.http import condition

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


def make() -> Any:
    """Return the app."""

    def seen(request: Any, rest: str) -> Any:
        return JsonResponse(
            {
                "method": request.method,
                "path": "/seen/" + rest,
                "query": request.GET.get("q"),
                "tags": request.GET.getlist("tag"),
                "own": request.headers.get("X-Own"),
                "type": request.content_type,
                "cookies": dict(request.COOKIES),
            }
        )

    def form(request: Any) -> Any:
        return JsonResponse({"name": request.POST.get("name"), "tags": request.POST.getlist("tag")})

    def upload(request: Any) -> Any:
        file = request.FILES["file"]
        return JsonResponse(dict(digest(file.read()), filename=file.name, note=request.POST.get("note")))

    def cookies(request: Any) -> Any:
        request.session["user"] = "ada"
        response = HttpResponse(PAGE, content_type="text/plain")
        response.set_cookie("theme", "dark")
        return response

    def article(request: Any) -> Any:
        return HttpResponse(PAGE, content_type="text/plain")

    def download(request: Any) -> Any:
        return FileResponse(DOWNLOAD_FILE.open("rb"), as_attachment=True, content_type="application/octet-stream")

    def streamed(request: Any) -> Any:
        return StreamingHttpResponse(held_blocks(request.environ), content_type="text/plain")

    def moved(request: Any) -> Any:
        response = HttpResponseRedirect(request.build_absolute_uri("/article"))
        response.status_code = 303
        return response

    def missing(request: Any) -> Any:
        raise Http404("no such page")

    def broken(request: Any) -> Any:
        raise ViewError("an error that nobody catches")

    def etag(request: Any) -> str:
        return '"%s"' % ENTITY_TAG

    def catch_all(request: Any) -> Any:
        status, headers, body = call_test_app(reference, request.environ)
        code, _, reason = status.partition(" ")
        return HttpResponse(body, status=int(code), reason=reason, headers=dict(headers))

    def report_environ(sender: Any, environ: Any, **more: Any) -> None:
        report_request(environ)

    views = (form, upload, cookies, article, download, streamed, moved, missing, broken)
    settings.configure(
        SECRET_KEY=COOKIE_KEY,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=(
            path("seen/<path:rest>", seen),
            *(path(each.__name__, each) for each in views),
            path("unchanged", condition(etag_func=etag)(article)),
            re_path("", catch_all),
        ),
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        USE_TZ=True,
    )
    request_started.connect(report_environ, weak=False)
    return get_wsgi_application()


application = make()
