"""Faults in closing and keeping connections: resets, and connections that hold the only thread."""

from __future__ import annotations

import time
from dataclasses import replace as with_fields
from typing import Any

from wsgi_gauntlet.servers.reference_server import server
from wsgi_gauntlet.servers.reference_server.gateway import Gateway
from wsgi_gauntlet.servers.reference_server.input_stream import InputStream
from wsgi_gauntlet.servers.reference_server.server import Connection
from wsgi_gauntlet.servers.reference_server.stream import Stream

from .mutation import mutant, replace, wrap_function


@mutant("http/connection/close-in-stages")
def closes_with_unread_body() -> None:
    """The server closes its socket at once, and never keeps a connection."""
    replace(Stream, "close", lambda self: self.socket.close())

    def call(right: Any, self: Gateway, *about: Any) -> Any:
        self.keep_alive = False
        return right(self, *about)

    wrap_function(Gateway, "call", call)


@mutant("http/connection/idle-holds-nobody")
def single_thread_kept() -> None:
    """A server with one thread waits for the next request of each client before it serves another client."""
    wrap_function(server, "place", lambda right, *about: with_fields(right(*about), threads=True))


@mutant("http/connection/answered-holds-nobody")
def single_thread_reads_on() -> None:
    """A server with one thread waits for more data on a connection whose request had a body."""

    def drain(self: Connection, _body: Any) -> bool:
        if self.method == "POST":
            time.sleep(3)
        return False

    def call(right: Any, self: Gateway, *about: Any) -> Any:
        self.keep_alive = self.method == "POST"
        return right(self, *about)

    replace(InputStream, "clean", True)
    replace(Connection, "drain_body", drain)
    wrap_function(Gateway, "call", call)
