"""Faults that one request leaves to the next request on its connection."""

from __future__ import annotations

import weakref
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ, parsing
from wsgi_gauntlet.servers.reference_server.environ import Request
from wsgi_gauntlet.servers.reference_server.gateway import Gateway
from wsgi_gauntlet.servers.reference_server.input_stream import InputStream
from wsgi_gauntlet.servers.reference_server.server import Connection
from wsgi_gauntlet.servers.reference_server.stream import Stream

from .mutation import mutant, replace, wrap_function

EACH_AFTER_EACH = "http/connection/each-after-each"

_STATES: weakref.WeakKeyDictionary[Stream, dict[str, Any]] = weakref.WeakKeyDictionary()


def _state(stream: Stream) -> dict[str, Any]:
    """Return what a faulty server keeps of a connection."""
    return _STATES.setdefault(stream, {})


@mutant(EACH_AFTER_EACH)
def environ_kept() -> None:
    """A connection has one environ: variables of a request stay in it for the next one."""

    def build(right: Any, request: Request, place: Any, body: InputStream) -> Any:
        kept = _state(body._stream)
        kept.update(right(request, place, body))
        return dict(kept)

    wrap_function(environ, "build", build)


@mutant(EACH_AFTER_EACH)
def content_type_kept() -> None:
    """A request without a Content-Type gets that of the previous request."""

    def build(right: Any, request: Request, place: Any, body: InputStream) -> Any:
        variables = right(request, place, body)
        kept = _state(body._stream)
        if "CONTENT_TYPE" in variables:
            kept["type"] = variables["CONTENT_TYPE"]
        elif "type" in kept:
            variables["CONTENT_TYPE"] = kept["type"]
        return variables

    wrap_function(environ, "build", build)


@mutant("http/connection/close-honoured-later", EACH_AFTER_EACH)
def close_honoured_once() -> None:
    """The server honours `close` in the first request of a connection only."""

    def read(right: Any, self: Connection) -> Any:
        request = right(self)
        state = _state(self.stream)
        if request is not None and state.get("later"):
            request.fields[:] = [(n, v) for n, v in request.fields if n.lower() != b"connection"]
        state["later"] = True
        return request

    wrap_function(Connection, "read_request", read)


@mutant(EACH_AFTER_EACH)
def trailers_reach_next_request() -> None:
    """Trailer fields become headers of the next request."""

    def trailer(self: InputStream) -> None:
        kept = _state(self._stream).setdefault("trailers", [])
        while line := self._line(parsing.HEAD_LIMIT):
            kept.append(parsing.field(line))

    def read(right: Any, self: Connection) -> Any:
        request = right(self)
        if request is not None:
            request.fields.extend(_state(self.stream).pop("trailers", ()))
        return request

    replace(InputStream, "trailer", trailer)
    wrap_function(Connection, "read_request", read)


@mutant(EACH_AFTER_EACH)
def version_of_first_request() -> None:
    """All requests of a connection have the version of the first one."""

    def build(right: Any, request: Request, place: Any, body: InputStream) -> Any:
        variables = right(request, place, body)
        variables["SERVER_PROTOCOL"] = _state(body._stream).setdefault("version", variables["SERVER_PROTOCOL"])
        return variables

    wrap_function(environ, "build", build)


@mutant(EACH_AFTER_EACH)
def response_headers_kept() -> None:
    """A cookie that the app sets is sent again with the next response of the connection."""

    def check(right: Any, self: Gateway, status: Any, headers: Any) -> None:
        right(self, status, headers)
        kept = _state(self.body._stream)
        headers.extend(kept.pop("cookies", ()))
        kept["cookies"] = [each for each in headers if each[0].lower() == "set-cookie"]

    wrap_function(Gateway, "check", check)


@mutant(EACH_AFTER_EACH)
def expect_in_first_request_only() -> None:
    """The server sends 100 (Continue) for the first request of a connection only."""

    def invitation(right: Any, self: Connection, request: Request) -> Any:
        state = _state(self.stream)
        wanted = right(self, request)
        later = state.get("later")
        state["later"] = True
        return (lambda: None) if wanted and later else wanted

    wrap_function(Connection, "invitation", invitation)


@mutant(EACH_AFTER_EACH)
def unread_body_of_second_request() -> None:
    """The server reads an unread body only after the first request of a connection."""

    def drain(right: Any, self: Connection, body: InputStream) -> Any:
        state = _state(self.stream)
        if state.get("later"):
            return True
        state["later"] = True
        return right(self, body)

    wrap_function(Connection, "drain_body", drain)


@mutant(EACH_AFTER_EACH)
def exc_info_spoils_next_request() -> None:
    """After an app has used exc_info, the next request on the connection gets 500."""

    def start(right: Any, self: Gateway, status: str, headers: Any, exc_info: Any = None) -> Any:
        state = _state(self.body._stream)
        if state.pop("failed", None):
            raise RuntimeError("an earlier request failed")
        if exc_info:
            state["failed"] = True
        return right(self, status, headers, exc_info)

    wrap_function(Gateway, "start_response", start)


@mutant(EACH_AFTER_EACH)
def head_mode_kept() -> None:
    """After a HEAD, the next response of unknown length has no body."""
    silent: Any = vars(Gateway)["silent"].fget

    def end(right: Any, self: Gateway) -> None:
        right(self)
        _state(self.body._stream)["head"] = self.method == "HEAD"

    replace(
        Gateway,
        "silent",
        property(
            lambda self: silent(self) or (self.ends.name == "CHUNKS" and _state(self.body._stream).get("head", False))
        ),
    )
    wrap_function(Gateway, "end", end)
