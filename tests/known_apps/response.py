"""What the apps share: a whole response, and the fields of a query or form."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

MAX_FORM_BYTES = 64 << 10
"""Bytes of a form that are read."""


def respond(
    start_response: StartResponse,
    body: str,
    *,
    status: str = "200 OK",
    headers: Iterable[tuple[str, str]] = (),
    kind: str = "text/plain",
) -> list[bytes]:
    """Start the response and return its body."""
    data = body.encode()
    start_response(status, [("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(data))), *headers])
    return [data]


def not_found(start_response: StartResponse) -> list[bytes]:
    """Respond that there is no such page."""
    return respond(start_response, "no such page\n", status="404 Not Found")


def form(environ: WSGIEnvironment) -> dict[str, str]:
    """Return the first value of each field of a form, or of the query if the request has no body."""
    length = min(int(environ.get("CONTENT_LENGTH") or 0), MAX_FORM_BYTES)
    text = environ["wsgi.input"].read(length).decode("latin-1") if length else environ.get("QUERY_STRING", "")
    return {name: values[0] for name, values in parse_qs(text).items()}
