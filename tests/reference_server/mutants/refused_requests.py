"""Faults after a request that the server itself rejects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsgi_gauntlet.servers.reference_server import parsing
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected
from wsgi_gauntlet.servers.reference_server.server import Connection

from .mutation import mutant, wrap_function

REJECTED = "http/framing/rejected-then-body"
KNOWN_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS")


def _continue_after(rejected: Callable[[RequestRejected], bool]) -> None:
    """Keep the connection after those rejections, and read the next request where the server stopped reading."""

    def refuse(right: Any, self: Connection, refused: RequestRejected) -> None:
        right(self, refused)
        # At the end of the connection there is nothing to go on with.
        vars(self)["kept"] = rejected(refused) and "ended" not in refused.reason and refused.status != 408

    def exchange(right: Any, self: Connection) -> bool:
        more: bool = right(self)
        return more or bool(vars(self).pop("kept", False))

    wrap_function(Connection, "refuse", refuse)
    wrap_function(Connection, "exchange", exchange)


@mutant(REJECTED)
def bodies_of_rejected_requests_left() -> None:
    """After a rejection the server keeps the connection and forgets the rest of the request."""
    _continue_after(lambda _refused: True)


@mutant(REJECTED)
def bodies_of_unknown_methods_left() -> None:
    """The server answers 501 to methods that it does not know, keeps the connection and forgets the body."""

    def read_request(right: Any, self: Connection) -> Any:
        request = right(self)
        if request is not None and request.line.method not in KNOWN_METHODS:
            raise RequestRejected(501, "the method is not known")
        return request

    _continue_after(lambda refused: refused.status == 501)
    wrap_function(Connection, "read_request", read_request)


@mutant("http/expect/unknown-with-body")
def bodies_of_unknown_expectations_left() -> None:
    """After 417 the server keeps the connection and forgets the body. An empty Expect gets 417 too."""

    def invitation(right: Any, self: Connection, request: Any) -> Any:
        if any(value.lower() != b"100-continue" for value in parsing.values(request.fields, b"expect")):
            raise RequestRejected(417, "this cannot be expected here")
        return right(self, request)

    _continue_after(lambda refused: refused.status == 417)
    wrap_function(Connection, "invitation", invitation)
