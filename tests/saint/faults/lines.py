"""Faults of reading a request's line and fields."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from .. import environ, message, parsing
from ..parsing import RequestLine, Target
from ..refusal import Refused
from ..serving import Connection
from ..stream import Gone, Stream
from .committing import around, fault, replace
from .leniencies import cr_ends_lines, drop_broken_fields, end_completes_heads

# ---------------------------------------------------------------------- lines


@fault("http/request-line/leading-crlf", "http/request-line/crlf-after-body")
def no_empty_line() -> None:
    """An empty line before a request is refused."""
    replace(parsing, "EMPTY_LINES_LIMIT", 0)


@fault("http/request-line/bare-cr", "http/headers/cr-in-value", "http/chunked/trailer-hidden")
def cr_ends_a_line() -> None:
    """A bare CR ends a line."""
    cr_ends_lines()


@fault("http/connection/cut-anywhere")
def no_cut_behind_the_target() -> None:
    """A segment that ends right behind the request target is refused."""

    def fill(right: Any, self: Stream, deadline: float) -> bool:
        more: bool = right(self, deadline)
        if re.fullmatch(rb"[A-Z]+ /[a-z]+", self.buffer):
            raise Refused(400, "nothing follows the target")
        return more

    around(Stream, "fill", fill)


@fault("http/connection/fragmented-head")
def head_in_one_piece() -> None:
    """A head must come in one piece."""

    def opening(right: Any, self: Stream, limit: int, deadline: float) -> bytes:
        if self.buffer and b"\r\n\r\n" not in self.buffer:
            raise Refused(400, "the head is not complete")
        line: bytes = right(self, limit, deadline)
        return line

    around(Stream, "opening", opening)


@fault("http/limits/half-request-then-fin")
def end_completes_the_head() -> None:
    """A connection that ends in the middle of a head completes it."""
    end_completes_heads()
    drop_broken_fields()


@fault("http/limits/garbage", "http/limits/tls-hello", "http/limits/h2-preface")
def anything_is_a_request() -> None:
    """What cannot be read is taken for GET /."""
    end_completes_heads()
    drop_broken_fields()
    replace(parsing, "plausible", lambda _beginning: True)

    def request_line(right: Any, line: bytes) -> RequestLine:
        try:
            found: RequestLine = right(line)
        except Refused:
            return RequestLine(b"GET", b"/", (1, 0))
        return found

    def target(right: Any, method: bytes, text: bytes) -> Target:
        try:
            found: Target = right(method, text)
        except Refused:
            return Target(b"/")
        return found

    around(parsing, "request_line", request_line)
    around(parsing, "target", target)
    replace(parsing, "terminated", bytes.strip)


# ---------------------------------------------------------------------- the request line


@fault("http/request-line/http09")
def bare_bytes() -> None:
    """A line without a version is answered with bytes that have no head."""

    def refuse(right: Any, self: Connection, refused: Refused) -> None:
        if refused.why == "this is no request line":
            self.stream.send(b"gauntlet\n")
        else:
            right(self, refused)

    around(Connection, "refuse", refuse)


@fault("http/request-line/version-lowercase")
def version_in_any_case() -> None:
    """`http/1.1` is taken for HTTP/1.1."""
    around(parsing, "version", lambda right, text: right(text.upper()))


@fault("http/request-line/version-minor-2")
def version_1_2_refused() -> None:
    """HTTP/1.2 is refused."""

    def version(right: Any, text: bytes) -> Any:
        if text == b"HTTP/1.2":
            raise Refused(505, "HTTP/1.1 it must be")
        return right(text)

    around(parsing, "version", version)


@fault("http/request-line/version-major-2", "http/responses/response-version/1.2")
def version_echoed() -> None:
    """The answer's version is the request's."""
    last = ["HTTP/1.1"]

    def version(right: Any, text: bytes) -> Any:
        last[0] = text.decode("latin-1")
        return right(text)

    around(parsing, "version", version)
    around(message, "status_line", lambda right, status: right(status).replace("HTTP/1.1", last[0]))


@fault("http/request-line/version-junk")
def version_unread() -> None:
    """Any word will do for the version."""

    def version(right: Any, text: bytes) -> Any:
        try:
            return right(text)
        except Refused:
            return (1, 1)

    around(parsing, "version", version)


@fault("http/request-line/method-case")
def method_in_capitals() -> None:
    """`get` is taken for GET."""

    def request_line(right: Any, line: bytes) -> RequestLine:
        found = right(line)
        return RequestLine(found.method.upper(), found.target, found.version)

    around(parsing, "request_line", request_line)


@fault("http/request-line/method-unknown")
def methods_listed() -> None:
    """A method that is not known gets 400."""

    def request_line(right: Any, line: bytes) -> RequestLine:
        found: RequestLine = right(line)
        if found.method not in (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT"):
            raise Refused(400, "the method is not known")
        return found

    around(parsing, "request_line", request_line)


@fault("http/request-line/method-not-token")
def any_method() -> None:
    """Any word will do for the method."""
    replace(parsing, "plausible", lambda _beginning: True)
    replace(parsing, "_REQUEST_LINE", re.compile(rb"([^ ]+) ([^ ]+) ([^ ]+)\Z", re.DOTALL))


@fault("http/request-line/method-100k", "http/request-line/uri-huge")
def long_lines_cut_off() -> None:
    """A request line that is too long ends the connection without an answer."""

    def too_long(_line: bytes) -> Refused:
        raise Gone("too long")

    replace(parsing, "too_long", too_long)


@fault("http/request-line/uri-8000")
def lines_of_4096() -> None:
    """A request line may have 4096 bytes."""
    replace(parsing, "REQUEST_LINE_LIMIT", 4096)


@fault(
    "http/request-line/space-in-target",
    "http/request-line/relative-target",
    "http/request-line/authority-form-only-connect",
    "http/request-line/get-star",
    "http/request-line/fragment",
    "http/request-line/nul-ctl-target",
)
def any_target() -> None:
    """Anything will do for the target."""
    replace(parsing, "_REQUEST_LINE", re.compile(rb"([^ ]+) (.+) ([^ ]+)\Z", re.DOTALL))

    def target(_method: bytes, text: bytes) -> Target:
        path, _, query = text.partition(b"?")
        return Target(path if path.startswith(b"/") else b"/" + path, query)

    replace(parsing, "target", target)


@fault("http/request-line/absolute-form")
def absolute_form_refused() -> None:
    """A whole URL as the target is refused."""
    replace(parsing, "_ABSOLUTE", re.compile(rb"\Zx"))


@fault("http/request-line/absolute-form")
def absolute_form_as_path() -> None:
    """A whole URL as the target is the app's path."""

    def target(right: Any, method: bytes, text: bytes) -> Target:
        return Target(b"/" + text) if text.startswith(b"http") else right(method, text)

    around(parsing, "target", target)


@fault("http/request-line/absolute-form-no-path")
def absolute_form_needs_path() -> None:
    """A whole URL as the target must have a path."""

    def target(right: Any, method: bytes, text: bytes) -> Target:
        if text.startswith(b"http") and text.count(b"/") < 3:
            raise Refused(400, "the target has no path")
        found: Target = right(method, text)
        return found

    around(parsing, "target", target)


@fault("http/request-line/absolute-form-host-wins")
def host_header_wins() -> None:
    """The Host header counts, whatever the target's host."""
    replace(parsing, "named", lambda fields, _authority: fields)


@fault("http/request-line/absolute-form-over-tls")
def https_not_known() -> None:
    """A whole https URL as the target is refused, over TLS too."""
    around(parsing, "target", _without_https)


def _without_https(right: Any, method: bytes, text: bytes) -> Target:
    found: Target = right(method, text)
    if found.secure:
        raise Refused(400, "the target's scheme is not known")
    return found


@fault("http/request-line/https-in-the-clear")
def https_in_the_clear_served() -> None:
    """A request for an https URL is served in the clear."""
    replace(Connection, "check_scheme", lambda _self, _target: None)


@fault("http/request-line/connect-good")
def connect_a_mistake() -> None:
    """CONNECT is answered with 400."""

    def connect(_text: bytes) -> Target:
        raise Refused(400, "this is no proxy")

    replace(parsing, "connect", connect)


@fault("http/request-line/connect-good/ipv6")
def connect_to_names_only() -> None:
    """CONNECT to an address in brackets is answered with 400."""
    replace(parsing, "_AUTHORITY", re.compile(rb"[^:/?#@]+:([0-9]+)\Z"))


@fault("http/request-line/connect", "http/request-line/connect-bad-port")
def connect_to_the_app() -> None:
    """CONNECT goes to the app, and its answer out as any other."""
    replace(parsing, "connect", lambda _text: Target(b"/"))


@fault("http/request-line/options-star")
def star_refused() -> None:
    """`OPTIONS *` is refused."""

    def target(right: Any, method: bytes, text: bytes) -> Target:
        if text == b"*":
            raise Refused(400, "the target is no path")
        found: Target = right(method, text)
        return found

    around(parsing, "target", target)


@fault("http/request-line/non-ascii-target")
def bytes_as_utf_8() -> None:
    """Raw bytes above 0x7F in the path are taken, and decoded as UTF-8."""
    path = rb"(?:[A-Za-z0-9._~!$&'()*+,;=:@/\x80-\xff-]|%[0-9A-Fa-f]{2})*"
    replace(parsing, "_ORIGIN", re.compile(rb"(/" + path + rb")(?:\?(" + parsing.QUERY + rb"))?\Z"))

    def cgi(right: Any, *about: Any) -> Any:
        variables = right(*about)
        variables["PATH_INFO"] = variables["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        return variables

    around(environ, "cgi", cgi)


@fault("http/request-line/encoded-crlf")
def path_in_a_header() -> None:
    """The path stands, decoded, in a header of the answer."""
    from ..gateway import Gateway

    def framed(right: Any, self: Gateway, first: Any) -> Any:
        path = environ.latin1(unquote_to_bytes(self.request.target.path))
        return [*right(self, first), ("Content-Location", path)]

    around(Gateway, "framed", framed)
