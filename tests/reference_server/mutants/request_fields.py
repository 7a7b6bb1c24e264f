"""Faults in parsing header fields, including Host."""

from __future__ import annotations

import re
import time
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ, parsing
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected
from wsgi_gauntlet.servers.reference_server.server import Connection
from wsgi_gauntlet.servers.reference_server.stream import ClientDisconnected

from .lenient_parsing import drop_broken_fields
from .mutation import mutant, replace, wrap_function

DESYNC = "http/framing/desync"

# ---------------------------------------------------------------------- Host


@mutant("http/host/missing")
def host_not_needed() -> None:
    """The server accepts HTTP/1.1 without Host."""
    wrap_function(parsing, "check_host", lambda right, fields, _used: right(fields, (1, 0)))


@mutant(
    "http/host/duplicate-different",
    "http/host/duplicate-same",
    "http/host/duplicate-on-http10",
    "http/host/duplicate-forms",
)
def first_host_counts() -> None:
    """Only the first of several Host fields counts."""

    def check(right: Any, fields: Any, used: Any) -> None:
        hosts = [field for field in fields if field[0].lower() == b"host"]
        right(hosts[:1], used)

    wrap_function(parsing, "check_host", check)


@mutant("http/host/invalid", "http/host/invalid-forms")
def any_host() -> None:
    """The server accepts any Host, and ignores the part after a comma."""
    replace(parsing, "valid_host", lambda _value: True)

    def headers(right: Any, fields: Any) -> Any:
        variables = right(fields)
        variables["HTTP_HOST"] = variables.get("HTTP_HOST", "").partition(",")[0]
        return variables

    wrap_function(environ, "headers", headers)


@mutant("http/host/invalid/ipv6-colons", "http/host/invalid/ipv6-groups")
def brackets_not_looked_into() -> None:
    """Any hexadecimal digits, colons and dots between brackets are an address."""
    replace(parsing, "address", lambda _text: True)


@mutant("http/host/missing-on-http10")
def host_always_needed() -> None:
    """The server requires Host in HTTP/1.0."""
    wrap_function(parsing, "check_host", lambda right, fields, _used: right(fields, (1, 1)))


# ---------------------------------------------------------------------- fields


@mutant("http/headers/space-before-colon")
def space_before_colon() -> None:
    """The server ignores whitespace between a field name and the colon."""
    wrap_function(parsing, "field", lambda right, line: right(re.sub(rb"^([^:\s]+)[ \t]+:", rb"\1:", line)))


@mutant("http/headers/bad-name-characters/vt-at-the-end", "http/headers/bad-name-characters/nbsp-at-the-end")
def names_stripped_as_text() -> None:
    """The server strips Unicode whitespace from the end of a field name."""
    wrap_function(
        parsing, "field", lambda right, line: right(re.sub(rb"^([A-Za-z-]+)[\x0b\x0c\x85\xa0]+:", rb"\1:", line))
    )


@mutant("http/headers/space-before-first")
def lines_stripped() -> None:
    """The server ignores whitespace at the beginning of a field line."""
    wrap_function(parsing, "field", lambda right, line: right(line.lstrip()))


@mutant(
    "http/headers/obs-fold",
    "http/headers/no-colon",
    "http/headers/empty-name",
    "http/headers/bad-name-characters",
    "http/headers/nul-in-value",
    f"{DESYNC}/length-space-before-colon",
    f"{DESYNC}/coding-space-before-colon",
)
def broken_fields_dropped() -> None:
    """The server ignores lines that are not fields."""
    drop_broken_fields()


@mutant("http/headers/obs-text")
def values_stripped_as_text() -> None:
    """The server strips Unicode whitespace from both ends of a value."""
    wrap_function(
        environ, "headers", lambda right, fields: {name: value.strip() for name, value in right(fields).items()}
    )


def _untrimmed(strip: Any) -> None:
    def field(right: Any, line: bytes) -> Any:
        name, _ = right(line)
        return name, strip(line.partition(b":")[2])

    wrap_function(parsing, "field", field)


@mutant(
    "http/headers/ows-trimmed/both",
    "http/headers/ows-trimmed/before",
    "http/headers/ows-trimmed/after",
    "http/framing/cl-whitespace/tab",
    "http/framing/cl-whitespace/around",
)
def tabs_kept() -> None:
    """The server keeps tabs around a value."""
    _untrimmed(lambda value: value.strip(b" "))


@mutant(
    "http/headers/ows-trimmed/both",
    "http/headers/ows-trimmed/none",
    "http/headers/ows-trimmed/after",
    "http/framing/cl-whitespace/none",
    "http/framing/te-whitespace/none",
)
def one_character_cut() -> None:
    """A value begins at the second character after the colon."""
    _untrimmed(lambda value: value[1:])


@mutant("http/headers/name-case")
def field_names_exact() -> None:
    """The server recognizes field names only in their usual case."""
    replace(parsing, "values", lambda fields, name: [value for key, value in fields if key == name.title()])


@mutant("http/headers/repeats-joined")
def last_field_counts() -> None:
    """Only the last of several fields with one name counts."""
    wrap_function(environ, "headers", lambda right, fields: right(list(dict(fields).items())))


@mutant("http/headers/underscore-alias")
def underscores_taken() -> None:
    """A name with an underscore becomes the variable of the name with a hyphen."""
    replace(environ, "hidden", lambda _name: False)


@mutant("http/headers/underscore-framing")
def underscores_frame() -> None:
    """The server treats Content_Length and Transfer_Encoding like the fields with a hyphen."""
    wrap_function(
        parsing, "values", lambda right, fields, name: right([(k.replace(b"_", b"-"), v) for k, v in fields], name)
    )


# ---------------------------------------------------------------------- too much


@mutant(
    "http/limits/header-too-large",
    "http/limits/too-many-headers",
    "http/limits/header-name-64k/64k",
    "http/limits/header-name-64k/256k",
    "http/limits/repeated-headers",
)
def large_heads_reset() -> None:
    """The server resets the connection if the headers are too large."""

    def refuse(right: Any, self: Connection, refused: RequestRejected) -> None:
        if refused.status == 431:
            time.sleep(0.05)  # the client is to be in the middle of it
            self.stream.abort()
            raise ClientDisconnected("too large")
        right(self, refused)

    wrap_function(Connection, "refuse", refuse)
