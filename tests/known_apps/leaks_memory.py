"""Each page leaves 64 KB behind, as a cache without a limit does. A process keeps at most 256 MB.

So memory grows with the number of pages, and the limit on memory decides. No machine runs out of memory by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .response import respond

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def create_app(kilobytes: int = 64, max_megabytes: int = 256) -> WSGIApplication:
    """Return an app that keeps `kilobytes` (of 1,024 bytes) for each page, up to `max_megabytes` (of 1,024 KB)."""
    kept: list[bytes] = []
    most = max_megabytes * 1024 // kilobytes

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if len(kept) < most:
            kept.append(b"x" * (kilobytes << 10))  # zeros would take no memory
        return respond(start_response, "a page\n")

    return app


app = create_app()
