"""Faults that apps of every framework meet. Each is several at once, so that five frameworks need be started less."""

from __future__ import annotations

import io
import threading
from typing import Any
from urllib.parse import unquote

from .. import environ, message
from ..gateway import Gateway
from ..message import Headers
from ..wrapper import FileWrapper
from .committing import around, fault, replace, spared

FRAMEWORKS = ("flask", "django", "pyramid", "falcon", "bottle")
"""Those of suites/frameworks, which the interpreter that has them cannot import."""


BODY = b"twenty-six bytes of a page"


def everywhere(*names: str) -> tuple[str, ...]:
    """Return the ids of those cases in each framework."""
    return tuple(f"frameworks/{framework}/{name}" for framework in FRAMEWORKS for name in names)


@fault(*everywhere("path", "query", "headers", "form", "upload", "moved"))
def requests_garbled() -> None:
    """Path and query are decoded, the path as UTF-8; headers and bodies are in capitals, and Host has lost its port."""

    def build(right: Any, *about: Any) -> Any:
        variables = right(*about)
        if spared(variables["PATH_INFO"]):
            return variables
        variables["PATH_INFO"] = variables["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        variables["QUERY_STRING"] = unquote(variables["QUERY_STRING"])
        for name in [each for each in variables if each.startswith("HTTP_") and each != "HTTP_X_GAUNTLET"]:
            variables[name] = variables[name].upper()
        variables["HTTP_HOST"] = variables["HTTP_HOST"].partition(":")[0]
        body = variables["wsgi.input"].read(int(variables.get("CONTENT_LENGTH") or 0))
        variables["wsgi.input"] = io.BytesIO(body.upper())
        return variables

    around(environ, "build", build)


@fault(*everywhere("cookies", "head", "unchanged", "missing", "broken", "download"))
def answers_garbled() -> None:
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

    around(Gateway, "iterate", iterate)
    around(message, "head", head)
    replace(message, "bodiless", lambda _method, _code: False)


@fault(*everywhere("streamed"))
def streams_gathered() -> None:
    """A body is asked for to its end before anything of it goes out."""
    around(Gateway, "iterate", lambda right, self, result: right(self, [b"".join(result)]))


@fault("frameworks/bottle/head", "frameworks/bottle/unchanged")
def deaf_after_bodiless() -> None:
    """After the answer to a HEAD and after a 304 the connection stays, and nothing more that comes on it is read."""

    def run(right: Any, self: Gateway, *about: Any) -> None:
        right(self, *about)
        if self.method == "HEAD" or self.code == 304:
            threading.Event().wait()

    around(Gateway, "run", run)
