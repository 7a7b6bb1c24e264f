"""Faults with Expect in requests without content, and with Upgrade."""

from __future__ import annotations

from typing import Any

from wsgi_gauntlet.servers.reference_server import framing, parsing
from wsgi_gauntlet.servers.reference_server.environ import Request
from wsgi_gauntlet.servers.reference_server.input_stream import InputStream
from wsgi_gauntlet.servers.reference_server.server import Connection

from .mutation import mutant, wrap_function


@mutant("http/expect/no-content")
def continue_instead_of_a_response() -> None:
    """A request that expects 100-continue and has no content gets 100, and no response."""

    def answer(right: Any, self: Connection, request: Request, body: InputStream, variables: Any) -> bool:
        empty = body._ended or self.stream.buffer.startswith(b"0\r\n")
        if empty and parsing.members(request.fields, b"expect"):
            self.invite()
            return False
        more: bool = right(self, request, body, variables)
        return more

    wrap_function(Connection, "answer", answer)


@mutant("http/expect/http10-no-content")
def continue_without_content_for_http10() -> None:
    """An HTTP/1.0 request that expects 100-continue and has no content gets 100."""

    def answer(right: Any, self: Connection, request: Request, body: InputStream, variables: Any) -> bool:
        if request.line.version < (1, 1) and body._ended and parsing.members(request.fields, b"expect"):
            self.invite()
        more: bool = right(self, request, body, variables)
        return more

    wrap_function(Connection, "answer", answer)


@mutant("http/upgrade/with-body", "http/upgrade/http10", "http/upgrade/unread-body")
def body_behind_upgrade_forgotten() -> None:
    """A request with Upgrade, or with that connection option, has no body for the server."""
    wrap_function(framing, "length", lambda right, fields, used: 0 if _asks(fields) else right(fields, used))


def _asks(fields: parsing.Fields) -> bool:
    """Return whether a request has Upgrade, or the connection option of that name."""
    return bool(parsing.values(fields, b"upgrade")) or b"upgrade" in parsing.members(fields, b"connection")


@mutant("http/upgrade/without-body", "http/upgrade/then-next")
def other_protocol_expected_after_upgrade() -> None:
    """After a request with Upgrade, or with that connection option, the server does not read HTTP."""

    def answer(right: Any, self: Connection, request: Request, body: InputStream, variables: Any) -> bool:
        more: bool = right(self, request, body, variables)
        if _asks(request.fields):
            self.stream.buffer[:0] = b"\0"
        return more

    wrap_function(Connection, "answer", answer)


@mutant(
    "http/upgrade/h2c-settings",
    "http/upgrade/h2-token",
    "http/upgrade/h2c-switch",
    "http/upgrade/websocket-incomplete",
    "http/upgrade/websocket-switch",
)
def upgrade_taken_and_not_kept() -> None:
    """The server answers 101 to every Upgrade to h2c, h2 and WebSocket, and then closes the connection."""

    def answer(right: Any, self: Connection, request: Request, body: InputStream, variables: Any) -> bool:
        for protocol in parsing.members(request.fields, b"upgrade"):
            if protocol in (b"h2c", b"h2", b"websocket"):
                head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % protocol
                self.stream.send(head)
                return False
        more: bool = right(self, request, body, variables)
        return more

    wrap_function(Connection, "answer", answer)
