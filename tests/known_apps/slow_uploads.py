"""Reads uploads as they come and answers with their size and digest. The work of the app itself is little.

A client that sends slowly keeps the app waiting in `read()`. The thread, or the whole worker, serves nobody else in
the meantime. A proxy or a server that reads the whole body first frees the app from slow clients.

`/upload` (POST) takes an upload, `/` is a small page.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from .response import not_found, respond

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

BLOCK_BYTES = 16 << 10
"""Bytes that the app asks for at a time."""

PAGE = "<form method=post action=/upload enctype=multipart/form-data><input type=file name=file><button>Send</button>"


def create_app(max_megabytes: int = 16) -> WSGIApplication:
    """Return an app that takes uploads of up to `max_megabytes` (of 1,024 KB)."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        what = (environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))
        if what == ("GET", "/"):
            return respond(start_response, PAGE, kind="text/html")
        if what != ("POST", "/upload"):
            return not_found(start_response)
        expected = int(environ.get("CONTENT_LENGTH") or 0)
        if expected > max_megabytes << 20:
            return respond(start_response, "too large\n", status="413 Content Too Large")
        size, digest = 0, hashlib.sha256()
        while size < expected:
            block = environ["wsgi.input"].read(min(BLOCK_BYTES, expected - size))
            if not block:
                return respond(start_response, "the upload was cut short\n", status="400 Bad Request")
            size += len(block)
            digest.update(block)
        return respond(start_response, f"{size} bytes, {digest.hexdigest()}\n")

    return app


app = create_app()
