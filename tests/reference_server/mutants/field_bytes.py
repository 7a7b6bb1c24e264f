"""Faults in reading field lines byte by byte, and in the variables that their names become."""

from __future__ import annotations

import re
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ, parsing, response
from wsgi_gauntlet.servers.reference_server.gateway import Gateway
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected
from wsgi_gauntlet.servers.reference_server.stream import ClientDisconnected, Stream

from .mutation import mutant, replace, wrap_function

ANY_VALUE = re.compile(rb".*", re.DOTALL)

# ---------------------------------------------------------------------- CR and other control characters


@mutant("http/headers/cr-in-name")
def cr_left_out_of_names() -> None:
    """The server removes CR from a field name, and accepts LF alone as the end of a line."""

    def terminated(right: Any, line: bytes) -> bytes:
        name, colon, value = line.rstrip(b"\r\n").partition(b":")
        content: bytes = right(name.replace(b"\r", b"") + colon + value + b"\r\n")
        return content

    wrap_function(parsing, "terminated", terminated)


@mutant("http/headers/cr-line")
def lines_of_whitespace_end_heads() -> None:
    """A line with nothing but whitespace and CR ends the headers; LF alone ends a line."""
    wrap_function(parsing, "terminated", lambda right, line: right(line.strip() + b"\r\n"))


@mutant("http/headers/cr-or-nul-around-value")
def cr_and_nul_kept() -> None:
    """The app gets CR and NUL as parts of a value."""
    replace(parsing, "terminated", lambda line: line.removesuffix(b"\r\n"))
    replace(parsing, "_VALUE", ANY_VALUE)


@mutant("http/headers/other-line-separators")
def unicode_separators_end_lines() -> None:
    """Characters that end lines in Unicode end a field line."""
    replace(parsing, "_VALUE", ANY_VALUE)

    def headers(right: Any, fields: Any) -> Any:
        found = []
        for name, value in fields:
            first, *others = re.split(rb"[\x0b\x0c\x1c-\x1e\x85]|\xe2\x80\xa8", value)
            found += [(name, first), *((each.partition(b": ")[0], each.partition(b": ")[2]) for each in others)]
        return right(found)

    wrap_function(environ, "headers", headers)


@mutant("http/host/invalid-control")
def control_characters_left_out_of_hosts() -> None:
    """The server removes control characters and line breaks from Host."""
    unwanted = re.compile(rb"(\nHost: [^\n]*?)(?:\r\n[ \t]+|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n|\Z))")

    def fill(right: Any, self: Stream, deadline: float) -> bool:
        found: bool = right(self, deadline)
        self.buffer[:] = unwanted.sub(rb"\1", bytes(self.buffer))
        return found

    wrap_function(Stream, "fill", fill)


@mutant("http/host/invalid-on-http10")
def any_host_in_http10() -> None:
    """The server accepts any Host in HTTP/1.0."""

    def check_host(right: Any, fields: Any, used: tuple[int, int]) -> None:
        if used >= (1, 1) or len(parsing.values(fields, b"host")) > 1:
            right(fields, used)

    wrap_function(parsing, "check_host", check_host)


# ---------------------------------------------------------------------- names


@mutant("http/headers/name-tchars")
def names_of_words() -> None:
    """A field name that does not consist of words and hyphens gets 400."""

    def field(right: Any, line: bytes) -> Any:
        name, value = right(line)
        if len(name) < 2 or not re.fullmatch(rb"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*", name):
            raise RequestRejected(400, "this is no name of a field")
        return name, value

    wrap_function(parsing, "field", field)


@mutant("http/headers/punctuation-alias")
def punctuation_as_underscore() -> None:
    """Every character of a name that is no letter or digit becomes an underscore, as in CGI programs."""
    wrap_function(environ, "variable", lambda right, name: right(re.sub(rb"[^A-Za-z0-9]", b"-", name)))


@mutant("http/headers/cookie-two-lines")
def cookies_joined_by_comma() -> None:
    """The server joins two Cookie fields with a comma."""
    replace(environ, "separator", lambda _key: ", ")


def _taken(name: bytes, variable: str) -> None:
    """Let the field `name` set `variable`."""

    def headers(right: Any, fields: Any) -> Any:
        taken = [value.decode("latin-1") for key, value in fields if key == name]
        return right(fields) | ({variable: taken[-1]} if taken else {})

    wrap_function(environ, "headers", headers)


@mutant("http/headers/cgi-like-names")
def remote_user_believed() -> None:
    """A client's Remote-User becomes REMOTE_USER."""
    _taken(b"Remote-User", "REMOTE_USER")


@mutant("http/headers/cgi-like-names-underscore")
def script_name_believed() -> None:
    """A client's SCRIPT_NAME becomes the variable of that name."""
    _taken(b"SCRIPT_NAME", "SCRIPT_NAME")


@mutant("http/headers/forwarded")
def forwarded_for_believed() -> None:
    """REMOTE_ADDR is the address in X-Forwarded-For."""
    _taken(b"X-Forwarded-For", "REMOTE_ADDR")


@mutant("http/limits/header-name-64k/8k")
def long_names_reset() -> None:
    """The server closes the connection without a response if a field name is long."""

    def field(right: Any, line: bytes) -> Any:
        if len(line.partition(b":")[0]) > 1000:
            raise ClientDisconnected("the name is too long")
        return right(line)

    wrap_function(parsing, "field", field)


# ---------------------------------------------------------------------- Connection: close


@mutant(
    *(
        f"http/connection/close-said/{variant}"
        for variant in (
            *("get", "head", "http10", "no-length", "no-length-http10", "empty", "no-content", "not-modified"),
            "in-list",
        )
    )
)
def close_kept_quiet() -> None:
    """The response does not say that the connection closes."""
    wrap_function(Gateway, "connection", lambda right, self: right(self) if self.keep_alive else "")


@mutant("http/connection/close-said/rejected", "http/connection/close-said/app-failed")
def close_kept_quiet_in_errors() -> None:
    """An error response does not say that the connection closes."""
    wrap_function(response, "refusal", lambda right, *about: right(*about).replace(b"Connection: close\r\n", b"", 1))
