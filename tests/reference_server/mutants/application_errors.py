"""Faults after an error of the app."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import traceback
from typing import Any

from wsgi_gauntlet.servers.reference_server import response
from wsgi_gauntlet.servers.reference_server.gateway import BodyEnd, Gateway
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected
from wsgi_gauntlet.servers.reference_server.server import Connection

from .mutation import mutant, replace, wrap_function


@mutant("pep3333/error-handling/before-start")
def closes_on_error() -> None:
    """If the app raises, the server closes the connection without a response."""
    replace(Connection, "fail", lambda _self, _gateway, _refused: None)


@mutant("pep3333/error-handling/not-left-hanging")
def silent_on_error() -> None:
    """If the app raises before its response begins, the server sends nothing and keeps the connection open."""

    def fail(right: Any, self: Connection, gateway: Gateway, refused: RequestRejected) -> None:
        if not gateway.head_sent:
            time.sleep(30)
        right(self, gateway, refused)

    wrap_function(Connection, "fail", fail)


@mutant("pep3333/error-handling/logged")
def errors_not_logged() -> None:
    """The server does not log exceptions of the app."""
    replace(Connection, "report", lambda _self: None)


@mutant("pep3333/error-handling/after-start-before-body")
def first_head_sent_on_error() -> None:
    """If the app raises after start_response, the server still sends its headers."""

    def fail(right: Any, self: Connection, gateway: Gateway, refused: RequestRejected) -> None:
        if gateway.status and not gateway.head_sent:
            gateway.end()
        else:
            right(self, gateway, refused)

    wrap_function(Connection, "fail", fail)


@mutant(
    "pep3333/error-handling/mid-body",
    "pep3333/error-handling/mid-body-written",
    "pep3333/start-response/exc-info-aborts",
)
def broken_body_ended_well() -> None:
    """If the app raises in the middle of the body, the server sends the last chunk."""

    def fail(right: Any, self: Connection, gateway: Gateway, refused: RequestRejected) -> None:
        if gateway.head_sent and gateway.ends is BodyEnd.CHUNKS:
            self.stream.send(response.LAST_CHUNK)
        else:
            right(self, gateway, refused)

    wrap_function(Connection, "fail", fail)


@mutant("pep3333/error-handling/mid-body-declared")
def broken_body_left_open() -> None:
    """If the app raises before the end of its Content-Length, the connection stays open."""

    def fail(right: Any, self: Connection, gateway: Gateway, refused: RequestRejected) -> None:
        if gateway.head_sent and gateway.ends is BodyEnd.LENGTH:
            time.sleep(30)
        right(self, gateway, refused)

    wrap_function(Connection, "fail", fail)


@mutant("pep3333/error-handling/mid-body-declared")
def second_head_in_body() -> None:
    """If the app raises in the middle of the body, the server sends a 500 response after it."""

    def fail(self: Connection, _gateway: Gateway, refused: RequestRejected) -> None:
        self.refuse(refused)

    replace(Connection, "fail", fail)


@mutant("pep3333/error-handling/text-appended-only-to-text")
def error_text_in_any_body() -> None:
    """If the app raises in the middle of the body, the server adds an error text to the body."""

    def fail(right: Any, self: Connection, gateway: Gateway, refused: RequestRejected) -> None:
        if gateway.head_sent:
            gateway.send_block(b"Internal Server Error\n")
        right(self, gateway, refused)

    wrap_function(Connection, "fail", fail)


@mutant("pep3333/error-handling/no-start-response", "pep3333/error-handling/returns-none")
def success_made_up() -> None:
    """If the app gives no status or no body, the server sends a 200 with an empty body."""

    def send_head(right: Any, self: Gateway, first: Any) -> None:
        if not self.called:
            self.called, self.status = True, "200 OK"
        right(self, first)

    wrap_function(Gateway, "send_head", send_head)
    wrap_function(Gateway, "iterate", lambda right, self, result: right(self, [] if result is None else result))


@mutant("pep3333/error-handling/survives")
def dies_of_errors() -> None:
    """The server exits when the app raises."""
    replace(Connection, "report", lambda _self: os._exit(1))


@mutant("pep3333/error-handling/no-details-leaked")
def traceback_shown() -> None:
    """The response after an error of the app contains the traceback."""

    def refuse(self: Connection, _refused: RequestRejected) -> None:
        body = traceback.format_exc().encode()
        self.stream.send(response.head("500 Error", [("Content-Length", str(len(body)))]) + body)

    replace(Connection, "refuse", refuse)


@mutant(
    "pep3333/error-handling/raises-when-iterated",
    "pep3333/error-handling/raises-after-blank",
    "pep3333/error-handling/after-start-before-body",
)
def empty_success_on_error() -> None:
    """If the app raises before its first block, the client gets an empty 200."""

    def fail(right: Any, self: Connection, gateway: Gateway, refused: RequestRejected) -> None:
        if gateway.head_sent:
            right(self, gateway, refused)
        else:
            self.stream.send(response.head("200 OK", [("Content-Length", "0")]))

    wrap_function(Connection, "fail", fail)


@mutant("pep3333/error-handling/logged-on-close")
def close_errors_swallowed() -> None:
    """The server silently ignores an exception of close()."""

    def finish(right: Any, self: Gateway, result: Any) -> None:
        with contextlib.suppress(Exception):
            right(self, result)

    wrap_function(Gateway, "finish", finish)


@mutant("pep3333/error-handling/close-raises/no-length")
def closed_before_the_end() -> None:
    """The server calls close() before it sends the end of the body."""

    def end(right: Any, self: Gateway) -> None:
        self.finish(vars(self)["result"])
        right(self)

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        vars(self)["result"] = result
        right(self, result)

    wrap_function(Gateway, "end", end)
    wrap_function(Gateway, "iterate", iterate)


@mutant("pep3333/error-handling/survives-exit")
def ends_shortly_after_system_exit() -> None:
    """SystemExit from the app shuts the server down, which still serves another client meanwhile."""

    def call(right: Any, self: Gateway, *about: Any) -> Any:
        try:
            return right(self, *about)
        except SystemExit:
            threading.Timer(0.05, os._exit, (1,)).start()
            raise

    wrap_function(Gateway, "call", call)


@mutant("pep3333/error-handling/survives-exit")
def ends_at_system_exit() -> None:
    """SystemExit from the app ends the server."""

    def call(right: Any, self: Gateway, *about: Any) -> Any:
        try:
            return right(self, *about)
        except SystemExit:
            os._exit(1)

    wrap_function(Gateway, "call", call)
