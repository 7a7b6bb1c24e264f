"""Faults after SystemExit, KeyboardInterrupt, GeneratorExit and other exceptions that are no Exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsgi_gauntlet.servers.reference_server import response
from wsgi_gauntlet.servers.reference_server.gateway import BodyEnd, Gateway
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected

from .mutation import mutant, wrap_function

PAGE = response.refusal(RequestRejected(500, "the application left"), "GET")


def _on_exit(react: Callable[[Gateway], None]) -> None:
    """Make the server call `react` when the app raises what is no Exception, before it handles that as usual."""

    def run(right: Any, self: Gateway, *about: Any) -> None:
        try:
            right(self, *about)
        except Exception:
            raise
        except BaseException:
            react(self)
            raise

    wrap_function(Gateway, "run", run)


@mutant("pep3333/error-handling/exit-adds-nothing")
def error_page_in_body() -> None:
    """If the app exits in the middle of its body, the server sends an error page."""
    _on_exit(lambda self: self.send(PAGE) if self.head_sent else None)


@mutant(
    *(f"pep3333/error-handling/exit-adds-nothing/{each}" for each in ("system-exit-length", "base-exception-length")),
    *(f"pep3333/error-handling/exit-aborts/{each}" for each in ("system-exit-length", "base-exception-length")),
)
def error_page_fills_body() -> None:
    """If the app exits in the middle of its body, the server fills the body up with an error page."""
    _on_exit(lambda self: self.send_block(PAGE) if self.head_sent and self.ends is BodyEnd.LENGTH else None)


def _complete(self: Gateway) -> None:
    if self.ends is BodyEnd.CHUNKS:
        self.send(response.LAST_CHUNK)
    elif self.ends is BodyEnd.LENGTH:
        self.send(bytes(self.left))


@mutant(
    *(f"pep3333/error-handling/exit-aborts/{each}" for each in ("system-exit", "base-exception", "generator-exit")),
    *(f"pep3333/error-handling/exit-aborts/{each}-length" for each in ("system-exit", "keyboard-interrupt")),
    "pep3333/error-handling/exit-aborts/base-exception-length-http10",
)
def exit_ends_body() -> None:
    """If the app exits in the middle of its body, the server completes the body."""
    _on_exit(lambda self: _complete(self) if self.head_sent else None)


def _stay_open(right: Any, self: Gateway, *about: Any) -> None:
    try:
        right(self, *about)
    except Exception:
        raise
    except BaseException:
        if not self.head_sent:
            raise
        self.keep_alive = True


@mutant("pep3333/error-handling/exit-aborts")
def open_after_exit() -> None:
    """If the app exits in the middle of its body, the connection stays open."""
    wrap_function(Gateway, "run", _stay_open)


@mutant("pep3333/error-handling/exit-before-body")
def head_sent_on_exit() -> None:
    """If the app exits before its first block, the server still sends the head of the app."""
    _on_exit(lambda self: None if self.head_sent else self.send_head(None))


@mutant("pep3333/error-handling/exit-in-close")
def exit_in_close_aborts() -> None:
    """If close() of the body exits, the server has not sent the end of the body yet."""

    def run(self: Gateway, application: Any, variables: dict[str, Any]) -> None:
        result = self.call(application, variables)
        held: list[bytes] = []
        send, self.send = self.send, held.append
        try:
            self.iterate(result)
        except BaseException:
            send(b"".join(held))
            self.finish(result)
            raise
        try:
            self.finish(result)
        except Exception:
            send(b"".join(held))
            raise
        send(b"".join(held))

    wrap_function(Gateway, "run", lambda _right, self, *about: run(self, *about))
