"""One answer of a server: its parts as they came, and what is wrong with it. Values only; response.py reads them."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from wsgi_gauntlet.harness.http.lint.kinds import LintKind


class Framing(enum.StrEnum):
    """How the end of a body is known."""

    NONE = "no body"
    LENGTH = "Content-Length"
    CHUNKED = "chunked"
    CLOSE = "until the connection closes"


class ConnectionState(enum.StrEnum):
    """What became of a connection, seen from the client."""

    OPEN = "open"
    EOF = "closed"
    RESET = "reset"


class ParseIssue(NamedTuple):
    """One thing that is wrong with an answer, in words; `kind` is None where it is not the answer's doing."""

    kind: LintKind | None
    text: str


@dataclass(frozen=True)
class Response:
    """One answer as it came. `status` is None where no status line did; `complete` where its end is certain.

    `length` counts the body's bytes without their framing, `expected` is what Content-Length promised. `trailers` are
    the fields after a chunked body. `ended` is the connection's state when the answer was done with.
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
        """What is wrong with it, in words with the bytes at fault."""
        return tuple(issue.text for issue in self.issues)

    def header(self, name: str) -> bytes | None:
        """Return the first value of the field `name`, None where there is none. Case does not matter."""
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
        """Whether the answer announces that its connection ends with it (RFC 9112, section 9.3)."""
        options = self.options("connection")
        return "close" in options or (self.version == b"HTTP/1.0" and "keep-alive" not in options)

    @property
    def is_empty(self) -> bool:
        """Whether not one byte of an answer came."""
        return not self.raw

    def describe(self) -> str:
        """Return one line for people, as `200 OK, 12 bytes` or `no answer, connection reset`."""
        if self.status is None:
            what = "no answer" if self.is_empty else f"no status line but {shorten(self.raw)}"
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
    """Return the members of a list-valued field that came as `values`, in lower case."""
    members = b",".join(values).decode("latin-1").lower().split(",")
    return [stripped for member in members if (stripped := member.strip(" \t"))]


def shorten(data: bytes, longest: int = 60) -> str:
    """Return `data` as a person reads it, cut to `longest` bytes."""
    return repr(data) if len(data) <= longest else f"{data[:longest]!r}… ({len(data)} bytes)"


HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client of HTTP/2 says first (RFC 9113, section 3.4)."""


def starts_with_h2_settings(received: bytes) -> bool:
    """Say whether `received` begins with a SETTINGS frame, as a server's preface must (RFC 9113, section 3.4)."""
    return len(received) >= 9 and received[3:5] == b"\x04\0" and received[5:9] == bytes(4)
