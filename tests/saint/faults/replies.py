"""Faults of servers that answer by themselves what is for the app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import message
from ..serving import Connection
from .committing import around, fault


def _answered(wrong: Callable[[bytes], bool], body: bytes) -> None:
    """Have each request whose path is `wrong` answered with `body`, its app uncalled."""

    def answer(right: Any, self: Connection, request: Any, read: Any, variables: Any) -> bool:
        if not wrong(request.target.path):
            return bool(right(self, request, read, variables))
        headers = [("Content-Length", str(len(body))), ("Connection", "close")]
        self.stream.send(message.head("200 OK", message.completed(headers)) + body)
        return False

    around(Connection, "answer", answer)


@fault(
    "pep3333/environ/called-once/served",
    "http/host/missing",
    "http/responses/head-no-body/length",
)
def fences_answered_for_the_app() -> None:
    """What the harness asks between two requests is answered by the server itself."""
    _answered(lambda path: path == b"/fence", b"It works!\n")


@fault("pep3333/environ/exact-dict", "pep3333/environ/called-once/served", "pep3333/input/methods", "http/host/missing")
def all_answered_for_the_app() -> None:
    """Every request but the first question of all is answered by the server itself."""
    _answered(lambda path: path != b"/nonce", b"It works!\n")


@fault("pep3333/environ/exact-dict", "pep3333/environ/called-once/served")
def echoes_answered_for_the_app() -> None:
    """A plain page is answered by the server itself."""
    _answered(lambda path: path == b"/echo", b"It works!\n")
