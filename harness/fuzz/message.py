"""A request as its parts: the seams at which parsers disagree are parts of their own. Pure."""

from __future__ import annotations

from dataclasses import dataclass

CRLF = b"\r\n"


@dataclass(frozen=True)
class Field:
    """One field line. `gap` is all that is between name and value; `before` is in front of the name."""

    name: bytes
    value: bytes
    gap: bytes = b": "
    end: bytes = CRLF
    before: bytes = b""

    def encode(self) -> bytes:
        """Return its bytes."""
        return self.before + self.name + self.gap + self.value + self.end


@dataclass(frozen=True)
class Chunk:
    """One chunk. `extension` is all between the size and the end of its line."""

    size: bytes
    data: bytes = b""
    extension: bytes = b""
    size_end: bytes = CRLF
    data_end: bytes = CRLF

    def encode(self) -> bytes:
        """Return its bytes."""
        return self.size + self.extension + self.size_end + self.data + self.data_end


@dataclass(frozen=True)
class Message:
    """One request. A chunked body is `chunks`, with the last chunk, then `trailers`, then `body_end`.

    `after` is what follows the request on the connection.
    """

    method: bytes = b"GET"
    target: bytes = b"/"
    version: bytes = b"HTTP/1.1"
    fields: tuple[Field, ...] = (Field(b"Host", b"a"),)
    body: bytes = b""
    chunks: tuple[Chunk, ...] = ()
    trailers: tuple[Field, ...] = ()
    before: bytes = b""
    method_gap: bytes = b" "
    version_gap: bytes = b" "
    line_end: bytes = CRLF
    head_end: bytes = CRLF
    body_end: bytes = b""
    after: bytes = b""

    def encode(self) -> bytes:
        """Return its bytes."""
        line = self.method + self.method_gap + self.target + self.version_gap + self.version + self.line_end
        head = self.before + line + b"".join(each.encode() for each in self.fields) + self.head_end
        chunks = b"".join(each.encode() for each in self.chunks)
        trailers = b"".join(each.encode() for each in self.trailers)
        return head + self.body + chunks + trailers + self.body_end + self.after
