"""Faults that show when a client or an app pauses, or when time goes on."""

from __future__ import annotations

import time
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ, parsing, response
from wsgi_gauntlet.servers.reference_server.gateway import Gateway
from wsgi_gauntlet.servers.reference_server.input_stream import InputStream
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected
from wsgi_gauntlet.servers.reference_server.server import Connection
from wsgi_gauntlet.servers.reference_server.stream import Stream

from .mutation import mutant, replace, wrap_function

PATIENCE_SECONDS = 1.0
"""Seconds of a pause that the faulty servers take for an end."""


class _Paused(Exception):
    """The client paused."""


def _read_briefly(right: Any, self: Stream, deadline: float) -> Any:
    """Read more, with the short patience of a faulty server. Raises _Paused."""
    began = time.monotonic()
    try:
        return right(self, min(deadline, began + PATIENCE_SECONDS))
    except RequestRejected:
        raise _Paused from None


@mutant("http/connection/pause-in-body")
def pause_ends_body() -> None:
    """A pause of a second in a body is its end for the app."""

    def piece(right: Any, self: InputStream) -> bytes:
        try:
            got: bytes = right(self)
        except _Paused:
            return b""
        return got

    wrap_function(Stream, "fill", _read_briefly)
    wrap_function(InputStream, "_plain_piece", piece)
    wrap_function(InputStream, "_coded_piece", piece)
    wrap_function(Connection, "serve", _ignoring_pauses)


def _ignoring_pauses(right: Any, self: Connection) -> None:
    try:
        right(self)
    except _Paused:
        self.stream.close()


@mutant("http/connection/pause-in-head")
def pause_ends_head() -> None:
    """A pause of a second after a header line is the end of the head."""

    def fields(self: Connection, deadline: float) -> parsing.Fields:
        found: parsing.Fields = []
        while True:
            try:
                line = self.stream.line(parsing.HEAD_LIMIT, deadline)
            except _Paused:
                return found
            content = parsing.terminated(line)
            if not content:
                return found
            found.append(parsing.field(content))

    wrap_function(Stream, "fill", _read_briefly)
    replace(Connection, "fields", fields)
    wrap_function(Connection, "serve", _ignoring_pauses)


@mutant("pep3333/body/pause-between-blocks")
def pause_ends_response() -> None:
    """If the app needs more than a second for a block, the server ends the response before that block."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        def blocks() -> Any:
            iterator = iter(result)
            while True:
                began = time.monotonic()
                try:
                    block = next(iterator)
                except StopIteration:
                    return
                if self.head_sent and time.monotonic() - began > PATIENCE_SECONDS:
                    return
                yield block

        right(self, blocks() if self.length_of(result) is None else result)

    wrap_function(Gateway, "iterate", iterate)


STARTED = time.time()


@mutant("http/responses/date-now")
def date_an_hour_off() -> None:
    """Date is an hour late."""
    wrap_function(response, "date", lambda right, seconds: right(seconds + 3600))


@mutant("http/responses/date-now")
def date_frozen() -> None:
    """Date is the time at which the server started."""
    wrap_function(response, "date", lambda right, _seconds: right(STARTED))


@mutant("pep3333/environ/ipv6")
def no_remote_addr_on_ipv6() -> None:
    """environ has no REMOTE_ADDR for a client with an IPv6 address."""

    def cgi(right: Any, request: Any, place: Any) -> Any:
        variables = right(request, place)
        if ":" in place.client[0]:
            del variables["REMOTE_ADDR"]
        return variables

    wrap_function(environ, "cgi", cgi)
