"""Faults that appear in a sequence of requests: bodies by method, closing, forbidden responses of the app."""

from __future__ import annotations

import re
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ, framing, parsing, response
from wsgi_gauntlet.servers.reference_server.gateway import Gateway
from wsgi_gauntlet.servers.reference_server.input_stream import InputStream
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected
from wsgi_gauntlet.servers.reference_server.server import Connection
from wsgi_gauntlet.servers.reference_server.stream import Stream

from .mutation import mutant, replace, wrap_function
from .request_framing import chunks_win

DESYNC = "http/framing/desync"

# ---------------------------------------------------------------------- bodies


@mutant("http/framing/body-of-any-method", "http/framing/unread-of-any-method")
def bodies_of_posts_only() -> None:
    """Only POST, PUT and PATCH have bodies."""

    def read(right: Any, self: Connection) -> Any:
        request = right(self)
        if request is not None and self.method not in ("POST", "PUT", "PATCH"):
            framed_by = (b"content-length", b"transfer-encoding")
            request.fields[:] = [(n, v) for n, v in request.fields if n.lower() not in framed_by]
        return request

    wrap_function(Connection, "read_request", read)


@mutant("http/framing/unread-expected")
def expected_body_not_counted() -> None:
    """If the server sent no 100, it does not expect the body any more."""
    clean: Any = vars(InputStream)["clean"].fget
    replace(InputStream, "clean", property(lambda self: self._invite is not None or clean(self)))
    wrap_function(InputStream, "drain", lambda right, self: None if self._invite is not None else right(self))


@mutant(f"{DESYNC}/coding-behind-lf")
def chunks_behind_lf() -> None:
    """LF alone ends a line, and with both Content-Length and Transfer-Encoding the chunks count."""
    wrap_function(
        parsing, "terminated", lambda right, line: right(line if line.endswith(b"\r\n") else line[:-1] + b"\r\n")
    )
    chunks_win()
    replace(InputStream, "clean", True)


@mutant("http/framing/te-whitespace/tab", "http/framing/te-whitespace/around")
def coding_with_its_tabs() -> None:
    """The server keeps tabs around a value and recognizes chunked only without them."""

    def field(right: Any, line: bytes) -> Any:
        name, _ = right(line)
        return name, line.partition(b":")[2].strip(b" ")

    def coded(right: Any, fields: Any, used: Any) -> int:
        if parsing.values(fields, b"transfer-encoding") != [b"chunked"]:
            raise RequestRejected(501, "the transfer coding is not known")
        found: int = right(fields, used)
        return found

    wrap_function(parsing, "field", field)
    wrap_function(framing, "coded", coded)


@mutant("http/chunked/extension-whitespace")
def blanks_in_extensions_refused() -> None:
    """The server rejects a chunk line that contains a blank."""

    def size(right: Any, line: bytes) -> int:
        if re.search(rb"[ \t]", line):
            raise RequestRejected(400, "no blanks, please")
        found: int = right(line)
        return found

    wrap_function(framing, "chunk_size", size)


# ---------------------------------------------------------------------- connections

UNCLOSED_STREAMS: list[Stream] = []


@mutant("http/connection/error-closes")
def closing_forgotten() -> None:
    """A connection that should close stays open."""
    replace(Stream, "close", UNCLOSED_STREAMS.append)


# ---------------------------------------------------------------------- requests


@mutant("http/headers/empty-value")
def empty_values_dropped() -> None:
    """The environ misses a header without a value."""
    wrap_function(
        environ, "headers", lambda right, fields: {name: value for name, value in right(fields).items() if value}
    )


@mutant("http/host/valid")
def own_address_only() -> None:
    """The server accepts only its own address as a host."""
    replace(parsing, "valid_host", lambda value: value.startswith((b"127.", b"[::1]:", b"localhost:")))


@mutant(
    "http/host/valid/percent",
    "http/host/valid/sub-delims",
    "http/host/valid/unreserved",
)
def letters_and_digits_only() -> None:
    """The server rejects a host that is not an IPv6 address or letters, digits, dots and hyphens."""
    wrap_function(
        parsing, "valid_host", lambda right, value: right(value) and not re.search(rb"[^A-Za-z0-9.:\[\]-]", value)
    )


@mutant("http/request-line/encoded-nul")
def nul_ends_the_path() -> None:
    """A path ends at an encoded NUL."""

    def cgi(right: Any, *about: Any) -> Any:
        variables = right(*about)
        variables["PATH_INFO"] = variables["PATH_INFO"].partition("\0")[0]
        return variables

    wrap_function(environ, "cgi", cgi)


# ---------------------------------------------------------------------- answers


@mutant("http/responses/head-error-no-body")
def refusals_with_a_body() -> None:
    """A rejection has a body, even for HEAD."""
    wrap_function(response, "refusal", lambda right, refused, _method: right(refused, "GET"))


@mutant("http/responses/no-length-204")
def length_of_204_kept() -> None:
    """A 204 has the Content-Length of the app."""
    replace(response, "unmeasured", lambda _code: False)


@mutant("http/responses/interim-status")
def interim_statuses_taken() -> None:
    """The server sends a 1xx of the app as the final response."""
    replace(response, "_STATUS", re.compile(r"[1-9][0-9]{2}(?: .*)?\Z"))


@mutant("http/responses/length-or-coding")
def coding_beside_length() -> None:
    """The server sends the Transfer-Encoding of the app and a Content-Length."""
    replace(response, "HOP_BY_HOP", frozenset())


@mutant("http/responses/codings-offered")
def gzip_claimed() -> None:
    """The response claims gzip for each client that accepts it."""

    def framed(right: Any, self: Gateway, first: Any) -> Any:
        taken = b"gzip" in parsing.members(self.request.fields, b"te")
        coding = "gzip, chunked" if taken else "chunked"
        return [(name, coding if name == "Transfer-Encoding" else value) for name, value in right(self, first)]

    wrap_function(Gateway, "framed", framed)
