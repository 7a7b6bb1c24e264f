"""Faults: the server responds itself to requests for the app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsgi_gauntlet.servers.reference_server import response
from wsgi_gauntlet.servers.reference_server.server import Connection

from .mutation import mutant, wrap_function


def _answer_without_app(wrong: Callable[[bytes], bool], body: bytes) -> None:
    """Respond with `body` to each request whose path matches `wrong`, without calling the app."""

    def answer(right: Any, self: Connection, request: Any, read: Any, variables: Any) -> bool:
        if not wrong(request.target.path):
            return bool(right(self, request, read, variables))
        headers = [("Content-Length", str(len(body))), ("Connection", "close")]
        self.stream.send(response.head("200 OK", response.completed(headers)) + body)
        return False

    wrap_function(Connection, "answer", answer)


@mutant(
    "pep3333/environ/called-once/served",
    "http/host/missing",
    "http/responses/head-no-body/length",
)
def sync_requests_answered_without_app() -> None:
    """The server itself responds to the sync requests of the harness."""
    _answer_without_app(lambda path: path == b"/sync", b"It works!\n")


@mutant(
    "pep3333/environ/exact-dict", "pep3333/environ/called-once/served", "pep3333/input/methods", "http/host/missing"
)
def all_requests_answered_without_app() -> None:
    """The server itself responds to every request except the first one of the harness."""
    _answer_without_app(lambda path: path != b"/nonce", b"It works!\n")


@mutant("pep3333/environ/exact-dict", "pep3333/environ/called-once/served")
def echo_answered_without_app() -> None:
    """The server itself responds to the request for a plain page."""
    _answer_without_app(lambda path: path == b"/echo", b"It works!\n")
