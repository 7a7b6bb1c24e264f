"""One response of a server: its parts, and what is wrong with it. Values only; parser.py makes them."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from wsgi_gauntlet.harness.http.lint.kinds import LintKind


class Framing(enum.StrEnum):
    """The way in which the end of a body is known."""

    NONE = "no body"
    LENGTH = "Content-Length"
    CHUNKED = "chunked"
    CLOSE = "until the connection closes"


class ConnectionState(enum.StrEnum):
    """The state of a connection, seen from the client."""

    OPEN = "open"
    EOF = "closed"
    RESET = "reset"


class ParseIssue(NamedTuple):
    """One fault of a response, in words; `kind` is None if the cause is not the response."""

    kind: LintKind | None
    text: str


@dataclass(frozen=True)
class Response:
    """One response. `status` is None if it has no status line; `complete` means that its end is certain.

    `length` counts the bytes of the body without framing, `expected` is the value of Content-Length. `trailers` are
    the fields after a chunked body. `ended` is the state of the connection at the end of the response.
    """

    status: int | None = None
    reason: bytes = b""
    version: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    framing: Framing = Framing.NONE
    complete: bool = False
    issues: tuple[ParseIssue, ...] = ()
    interim: tuple[Response, ...] = ()
    raw: bytes = b""
    ended: ConnectionState = ConnectionState.OPEN
    length: int = 0
    expected: int | None = None
    trailers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def findings(self) -> tuple[str, ...]:
        """The faults of the response, in words, with the bytes at fault."""
        return tuple(issue.text for issue in self.issues)

    def header(self, name: str) -> bytes | None:
        """Return the first value of the field `name`, None if there is none. Case does not matter."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[bytes]:
        """Return every value of the field `name`, in order."""
        wanted = name.lower().encode("latin-1")
        return [value for field, value in self.headers if field.lower() == wanted]

    def options(self, name: str) -> list[str]:
        """Return the members of a list-valued field such as Connection, in lower case."""
        return list_members(self.all(name))

    @property
    def announces_close(self) -> bool:
        """Whether the response announces the end of its connection (RFC 9112, section 9.3)."""
        options = self.options("connection")
        return "close" in options or (self.version == b"HTTP/1.0" and "keep-alive" not in options)

    @property
    def is_empty(self) -> bool:
        """Whether not one byte of a response came."""
        return not self.raw

    def describe(self) -> str:
        """Return one line for people, as `200 OK, 12 bytes` or `no response, connection reset`."""
        if self.status is None:
            what = "no response" if self.is_empty else f"no status line but {shorten(self.raw)}"
            return f"{what}, connection {self.ended}"
        reason = self.reason.decode("latin-1").strip()
        status_text = f"{self.status} {reason}".strip() if reason.isprintable() else f"{self.status} {self.reason!r}"
        if self.complete:
            return (
                f"{status_text}, {self.length} bytes" if self.framing is not Framing.NONE else f"{status_text}, no body"
            )
        of = "" if self.expected is None else f" of {self.expected}"
        return f"{status_text}, incomplete: {self.length}{of} bytes of body, connection {self.ended}"


def list_members(values: Iterable[bytes]) -> list[str]:
    """Return the members of a list-valued field with the given values, in lower case."""
    members = b",".join(values).decode("latin-1").lower().split(",")
    return [stripped for member in members if (stripped := member.strip(" \t"))]


def shorten(data: bytes, longest: int = 60) -> str:
    """Return `data` for people, cut to `longest` bytes."""
    return repr(data) if len(data) <= longest else f"{data[:longest]!r}… ({len(data)} bytes)"


HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""The first bytes of an HTTP/2 client (RFC 9113, section 3.4)."""


def starts_with_h2_settings(received: bytes) -> bool:
    """Return whether `received` begins with a SETTINGS frame, as a server's preface must (RFC 9113, section 3.4)."""
    return len(received) >= 9 and received[3:5] == b"\x04\0" and received[5:9] == bytes(4)
