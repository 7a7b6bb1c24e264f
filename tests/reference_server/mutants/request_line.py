"""Faults in parsing the request line."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from wsgi_gauntlet.servers.reference_server import environ, parsing, response
from wsgi_gauntlet.servers.reference_server.parsing import RequestLine, Target
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected
from wsgi_gauntlet.servers.reference_server.server import Connection
from wsgi_gauntlet.servers.reference_server.stream import ClientDisconnected, Stream

from .lenient_parsing import cr_ends_lines, drop_broken_fields, end_completes_heads
from .mutation import mutant, replace, wrap_function

# ---------------------------------------------------------------------- lines


@mutant("http/request-line/leading-crlf", "http/request-line/crlf-after-body")
def no_empty_line() -> None:
    """The server rejects an empty line before a request."""
    replace(parsing, "EMPTY_LINES_LIMIT", 0)


@mutant("http/request-line/bare-cr", "http/headers/cr-in-value", "http/chunked/trailer-hidden")
def cr_ends_a_line() -> None:
    """A bare CR ends a line."""
    cr_ends_lines()


@mutant("http/connection/cut-anywhere")
def no_cut_behind_the_target() -> None:
    """The server rejects a segment that ends directly after the request target."""

    def fill(right: Any, self: Stream, deadline: float) -> bool:
        more: bool = right(self, deadline)
        if re.fullmatch(rb"[A-Z]+ /[a-z]+", self.buffer):
            raise RequestRejected(400, "nothing follows the target")
        return more

    wrap_function(Stream, "fill", fill)


@mutant("http/connection/fragmented-head")
def head_in_one_piece() -> None:
    """A head must come in one piece."""

    def opening(right: Any, self: Stream, limit: int, deadline: float) -> bytes:
        if self.buffer and b"\r\n\r\n" not in self.buffer:
            raise RequestRejected(400, "the head is not complete")
        line: bytes = right(self, limit, deadline)
        return line

    wrap_function(Stream, "opening", opening)


@mutant("http/limits/half-request-then-fin")
def end_completes_the_head() -> None:
    """A connection that ends in the middle of a head completes it."""
    end_completes_heads()
    drop_broken_fields()


@mutant("http/limits/garbage", "http/limits/tls-hello", "http/limits/h2-preface")
def anything_is_a_request() -> None:
    """The server reads invalid bytes as GET /."""
    end_completes_heads()
    drop_broken_fields()
    replace(parsing, "plausible", lambda _beginning: True)

    def request_line(right: Any, line: bytes) -> RequestLine:
        try:
            found: RequestLine = right(line)
        except RequestRejected:
            return RequestLine(b"GET", b"/", (1, 0))
        return found

    def target(right: Any, method: bytes, text: bytes) -> Target:
        try:
            found: Target = right(method, text)
        except RequestRejected:
            return Target(b"/")
        return found

    wrap_function(parsing, "request_line", request_line)
    wrap_function(parsing, "target", target)
    replace(parsing, "terminated", bytes.strip)


# ---------------------------------------------------------------------- the request line


@mutant("http/request-line/http09")
def bare_bytes() -> None:
    """The response to a request line without a version has no headers."""

    def refuse(right: Any, self: Connection, refused: RequestRejected) -> None:
        if refused.reason == "this is no request line":
            self.stream.send(b"gauntlet\n")
        else:
            right(self, refused)

    wrap_function(Connection, "refuse", refuse)


@mutant("http/request-line/version-lowercase")
def version_in_any_case() -> None:
    """The server accepts `http/1.1` as HTTP/1.1."""
    wrap_function(parsing, "version", lambda right, text: right(text.upper()))


@mutant("http/request-line/version-minor-2")
def version_1_2_refused() -> None:
    """The server rejects HTTP/1.2."""

    def version(right: Any, text: bytes) -> Any:
        if text == b"HTTP/1.2":
            raise RequestRejected(505, "HTTP/1.1 it must be")
        return right(text)

    wrap_function(parsing, "version", version)


@mutant("http/request-line/version-major-2", "http/responses/response-version/1.2")
def version_echoed() -> None:
    """The version of the response is that of the request."""
    last = ["HTTP/1.1"]

    def version(right: Any, text: bytes) -> Any:
        last[0] = text.decode("latin-1")
        return right(text)

    wrap_function(parsing, "version", version)
    wrap_function(response, "status_line", lambda right, status: right(status).replace("HTTP/1.1", last[0]))


@mutant("http/request-line/version-junk", "http/request-line/version-forms")
def version_unread() -> None:
    """The server accepts any word as the version."""

    def version(right: Any, text: bytes) -> Any:
        try:
            return right(text)
        except RequestRejected:
            return (1, 1)

    wrap_function(parsing, "version", version)


@mutant("http/request-line/method-case")
def method_in_capitals() -> None:
    """The server treats `get` as GET."""

    def request_line(right: Any, line: bytes) -> RequestLine:
        found = right(line)
        return RequestLine(found.method.upper(), found.target, found.version)

    wrap_function(parsing, "request_line", request_line)


@mutant("http/request-line/method-unknown")
def methods_listed() -> None:
    """An unknown method gets 400."""

    def request_line(right: Any, line: bytes) -> RequestLine:
        found: RequestLine = right(line)
        if found.method not in (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT"):
            raise RequestRejected(400, "the method is not known")
        return found

    wrap_function(parsing, "request_line", request_line)


@mutant("http/request-line/method-not-token")
def any_method() -> None:
    """The server accepts any word as the method."""
    replace(parsing, "plausible", lambda _beginning: True)
    replace(parsing, "_REQUEST_LINE", re.compile(rb"([^ ]+) ([^ ]+) ([^ ]+)\Z", re.DOTALL))


@mutant("http/request-line/method-100k", "http/request-line/uri-huge")
def long_lines_cut_off() -> None:
    """The server closes the connection without a response if the request line is too long."""

    def too_long(_line: bytes) -> RequestRejected:
        raise ClientDisconnected("too long")

    replace(parsing, "too_long", too_long)


@mutant("http/request-line/uri-8000")
def lines_of_4096() -> None:
    """The server accepts at most 4096 bytes in a request line."""
    replace(parsing, "REQUEST_LINE_LIMIT", 4096)


@mutant(
    "http/request-line/space-in-target",
    "http/request-line/relative-target",
    "http/request-line/authority-form-only-connect",
    "http/request-line/get-star",
    "http/request-line/fragment",
    "http/request-line/nul-ctl-target",
)
def any_target() -> None:
    """The server accepts anything as the target."""
    replace(parsing, "_REQUEST_LINE", re.compile(rb"([^ ]+) (.+) ([^ ]+)\Z", re.DOTALL))

    def target(_method: bytes, text: bytes) -> Target:
        path, _, query = text.partition(b"?")
        return Target(path if path.startswith(b"/") else b"/" + path, query)

    replace(parsing, "target", target)


@mutant("http/request-line/absolute-form")
def absolute_form_refused() -> None:
    """The server rejects a whole URL as the target."""
    replace(parsing, "_ABSOLUTE", re.compile(rb"\Zx"))


@mutant("http/request-line/absolute-form")
def absolute_form_as_path() -> None:
    """The server uses a whole URL in the target as the path for the app."""

    def target(right: Any, method: bytes, text: bytes) -> Target:
        return Target(b"/" + text) if text.startswith(b"http") else right(method, text)

    wrap_function(parsing, "target", target)


@mutant("http/request-line/absolute-form-no-path")
def absolute_form_needs_path() -> None:
    """A whole URL as the target must have a path."""

    def target(right: Any, method: bytes, text: bytes) -> Target:
        if text.startswith(b"http") and text.count(b"/") < 3:
            raise RequestRejected(400, "the target has no path")
        found: Target = right(method, text)
        return found

    wrap_function(parsing, "target", target)


@mutant("http/request-line/absolute-form-host-wins")
def host_header_wins() -> None:
    """The Host header takes precedence over the host in the target."""
    replace(parsing, "named", lambda fields, _authority: fields)


@mutant("http/request-line/absolute-form-over-tls")
def https_not_known() -> None:
    """The server rejects a whole https URL as the target, even over TLS."""
    wrap_function(parsing, "target", _without_https)


def _without_https(right: Any, method: bytes, text: bytes) -> Target:
    found: Target = right(method, text)
    if found.secure:
        raise RequestRejected(400, "the target's scheme is not known")
    return found


@mutant("http/request-line/https-in-the-clear")
def https_in_the_clear_served() -> None:
    """The server serves a request for an https URL over an unencrypted connection."""
    replace(Connection, "check_scheme", lambda _self, _target: None)


@mutant("http/request-line/connect-good")
def connect_a_mistake() -> None:
    """CONNECT gets 400."""

    def connect(_text: bytes) -> Target:
        raise RequestRejected(400, "this is no proxy")

    replace(parsing, "connect", connect)


@mutant("http/request-line/connect-good/ipv6")
def connect_to_names_only() -> None:
    """CONNECT to an address in brackets gets 400."""
    replace(parsing, "_AUTHORITY", re.compile(rb"[^:/?#@]+:([0-9]+)\Z"))


@mutant("http/request-line/connect", "http/request-line/connect-bad-port", "http/request-line/connect-bad-port-forms")
def connect_to_the_app() -> None:
    """The app gets CONNECT, and the server sends its response like any other."""
    replace(parsing, "connect", lambda _text: Target(b"/"))


@mutant("http/request-line/options-star")
def star_refused() -> None:
    """The server rejects `OPTIONS *`."""

    def target(right: Any, method: bytes, text: bytes) -> Target:
        if text == b"*":
            raise RequestRejected(400, "the target is no path")
        found: Target = right(method, text)
        return found

    wrap_function(parsing, "target", target)


@mutant("http/request-line/non-ascii-target", "http/request-line/non-ascii-path")
def bytes_as_utf_8() -> None:
    """The server accepts raw bytes above 0x7F in the path and decodes them as UTF-8."""
    path = rb"(?:[A-Za-z0-9._~!$&'()*+,;=:@/\x80-\xff-]|%[0-9A-Fa-f]{2})*"
    replace(parsing, "_ORIGIN", re.compile(rb"(/" + path + rb")(?:\?(" + parsing.QUERY + rb"))?\Z"))

    def cgi(right: Any, *about: Any) -> Any:
        variables = right(*about)
        variables["PATH_INFO"] = variables["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        return variables

    wrap_function(environ, "cgi", cgi)


@mutant("http/request-line/encoded-crlf")
def path_in_a_header() -> None:
    """A header of the response contains the decoded path."""
    from wsgi_gauntlet.servers.reference_server.gateway import Gateway

    def framed(right: Any, self: Gateway, first: Any) -> Any:
        path = environ.latin1(unquote_to_bytes(self.request.target.path))
        return [*right(self, first), ("Content-Location", path)]

    wrap_function(Gateway, "framed", framed)
