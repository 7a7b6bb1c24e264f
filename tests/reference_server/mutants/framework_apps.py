"""Faults that apps of every framework meet. Each combines several, so that the five frameworks start less often."""

from __future__ import annotations

import io
import threading
from typing import Any
from urllib.parse import unquote

from wsgi_gauntlet.servers.reference_server import environ, response
from wsgi_gauntlet.servers.reference_server.file_wrapper import FileWrapper
from wsgi_gauntlet.servers.reference_server.gateway import Gateway
from wsgi_gauntlet.servers.reference_server.response import Headers

from .mutation import is_harness_path, mutant, replace, wrap_function

FRAMEWORKS = ("flask", "django", "pyramid", "falcon", "bottle")
"""Those of suites/frameworks, which the interpreter that has them cannot import."""


BODY = b"twenty-six bytes of a page"


def in_each_framework(*names: str) -> tuple[str, ...]:
    """Return the ids of those cases in each framework."""
    return tuple(f"frameworks/{framework}/{name}" for framework in FRAMEWORKS for name in names)


@mutant(*in_each_framework("path", "query", "headers", "form", "upload", "moved"))
def requests_corrupted() -> None:
    """Path and query are decoded, the path as UTF-8; headers and bodies are in capitals, and Host has lost its port."""

    def build(right: Any, *about: Any) -> Any:
        variables = right(*about)
        if is_harness_path(variables["PATH_INFO"]):
            return variables
        variables["PATH_INFO"] = variables["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        variables["QUERY_STRING"] = unquote(variables["QUERY_STRING"])
        for name in [each for each in variables if each.startswith("HTTP_") and each != "HTTP_X_GAUNTLET"]:
            variables[name] = variables[name].upper()
        variables["HTTP_HOST"] = variables["HTTP_HOST"].partition(":")[0]
        body = variables["wsgi.input"].read(int(variables.get("CONTENT_LENGTH") or 0))
        variables["wsgi.input"] = io.BytesIO(body.upper())
        return variables

    wrap_function(environ, "build", build)


@mutant(*in_each_framework("cookies", "head", "unchanged", "missing", "broken", "download"))
def responses_corrupted() -> None:
    """Two fields of a name are one, HEAD and 304 have a body, errors are a 200, and of a file its beginning is sent."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        if isinstance(result, FileWrapper):
            result = [next(result)[:1000]]
        right(self, [BODY] if self.method == "HEAD" or self.status[:3] == "304" else result)

    def head(right: Any, status: str, headers: Headers) -> bytes:
        joined: dict[str, str] = {}
        for name, value in headers:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
        return bytes(right("200 OK" if status[:1] in "45" else status, list(joined.items())))

    wrap_function(Gateway, "iterate", iterate)
    wrap_function(response, "head", head)
    replace(response, "bodiless", lambda _method, _code: False)


@mutant(*in_each_framework("streamed"))
def streaming_buffered() -> None:
    """The server requests all blocks before it sends any."""
    wrap_function(Gateway, "iterate", lambda right, self, result: right(self, [b"".join(result)]))


@mutant("frameworks/bottle/head", "frameworks/bottle/unchanged")
def stops_reading_after_no_content() -> None:
    """After a HEAD response or a 304 the connection stays open, but the server no longer reads from it."""

    def run(right: Any, self: Gateway, *about: Any) -> None:
        right(self, *about)
        if self.method == "HEAD" or self.code == 304:
            threading.Event().wait()

    wrap_function(Gateway, "run", run)
