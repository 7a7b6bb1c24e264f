"""Faults that mutation testing by tool found first (tests/mutation_testing)."""

from __future__ import annotations

from typing import Any

from wsgi_gauntlet.servers.reference_server import parsing, response
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected

from .mutation import mutant, replace, wrap_function


@mutant("http/request-line/shortest")
def empty_parts_of_targets_rejected() -> None:
    """The server rejects targets whose path has no segment, or whose query is empty."""

    def target(right: Any, method: bytes, text: bytes) -> Any:
        path, mark, query = text.partition(b"?")
        if path == b"/" or (mark and not query):
            raise RequestRejected(400, "a part of the target is empty")
        return right(method, text)

    wrap_function(parsing, "target", target)


@mutant("http/request-line/absolute-form-keeps-headers")
def absolute_form_loses_headers() -> None:
    """A request in absolute form keeps Host and the harness's own header alone."""

    def named(right: Any, fields: Any, authority: Any) -> Any:
        found = right(fields, authority)
        if authority is None:
            return found
        return [(name, value) for name, value in found if name.lower() in (b"host", b"x-gauntlet")]

    wrap_function(parsing, "named", named)


@mutant("http/responses/content-of-every-status")
def partial_content_lost() -> None:
    """A 206 response has no content."""
    replace(response, "must_be_empty", lambda code: code in (205, 206))
