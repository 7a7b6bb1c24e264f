"""Reads any answer of a server and records what is wrong with it. No I/O, never raises on what it is fed.

The grammar is RFC 9112's; where an answer departs from it the parser does what browsers do, if they go on at all, and
writes a finding. `ResponseParser` reads one final answer and the interim ones before it:

    start --> status line --> fields --> (1xx: start again) --> body by length | chunks | until close --> done
                  `--> junk (not HTTP/1) until close

What comes out does not depend on how the bytes were cut into pieces. Memory is bounded by the constants below.
"""

from __future__ import annotations

import re
from dataclasses import replace

from .answer import Ending, Framing, Note, Response, listed, shorten
from .attempts.lint_kinds import Kind

__all__ = ["BODY_LIMIT", "HEAD_LIMIT", "RAW_LIMIT", "Ending", "Framing", "Response", "ResponseParser", "shorten"]

HEAD_LIMIT = 256 * 1024
"""Bytes of a head, with the interim ones before it, and of a trailer section that are read. Chromium stops at 256 KiB,
curl at 300 KiB."""

BODY_LIMIT = 8 * 1024 * 1024
"""Bytes of a body that are kept; what follows is counted only. The cases' largest is 4 MiB. With its copy, and a head
and trailers that are all field names, one answer stays below 64 MB."""

PIECE = 64 * 1024
"""Bytes that are read at a time, however many are fed."""

RAW_LIMIT = 1024 * 1024
"""Bytes as they came that `Response.raw` keeps."""

INTERIM_LIMIT = 32
"""Interim answers before a final one. Firefox and curl have no limit; no server has a use for more than a few."""

CHUNK_LINE_LIMIT = 64 * 1024
"""Bytes of one chunk-size line, extensions included."""

FINDINGS_LIMIT = 32
"""Findings that one answer keeps."""

LONGEST_LENGTH = 18
"""Decimal digits of a length that still fits 63 bits."""

LONGEST_SIZE = 15
"""Hexadecimal digits of a chunk size that still fits 63 bits."""

_STATUS_LINE = re.compile(rb"HTTP/(\S*)[ \t]+([0-9]{3})(?:([ \t])(.*))?", re.DOTALL)
_EXACT_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] [1-9][0-9]{2} [\t \x21-\x7e\x80-\xff]*", re.DOTALL)
_VERSION = re.compile(rb"[0-9]\.[0-9]")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]+)([ \t]*)(;.*)?", re.DOTALL)


class ResponseParser:
    """Reads one final answer from the bytes it is fed. `head` says that the request was a HEAD: no body follows."""

    def __init__(self, *, head: bool = False) -> None:
        self.done = False
        self._head = head
        self._buffer = bytearray()
        self._searched = 0
        self._ended = Ending.OPEN
        self._interim: list[Response] = []
        self._section_size = 0
        self._begin()

    def _begin(self) -> None:
        self._step = self._start
        self._status: int | None = None
        self._reason = self._version = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._trailers: list[tuple[bytes, bytes]] = []
        self._section = self._fields
        self._body = bytearray()
        self._length = 0
        self._expected: int | None = None
        self._left = 0
        self._framing = Framing.NONE
        self._complete = False
        self._notes: list[Note] = []
        self._raw = bytearray()

    # ------------------------------------------------------------------ what callers use

    def feed(self, data: bytes) -> bytes:
        """Read `data` and return what of it lies past the answer's end: nothing, as long as `done` is false."""
        at = 0
        while not self.done and at < len(data):
            self._buffer += data[at : at + PIECE]
            at += PIECE
            while not self.done and self._step():
                pass
        if not self.done:
            return b""
        rest = bytes(self._buffer) + data[at:]
        self._buffer.clear()
        return rest

    def eof(self, ending: Ending = Ending.EOF) -> None:
        """Say that no more bytes will come, because the connection ended so or the caller will not wait (OPEN)."""
        if self.done:
            return
        self._ended = ending
        if self._framing is Framing.CLOSE and self._step == self._until_close:
            self._complete = ending is Ending.EOF and self._status is not None
        elif self._buffer or self._raw or self._interim:
            self._note(Kind.INCOMPLETE, f"the answer is not complete: {self._where()}")
        self._raw_add(bytes(self._buffer))
        self._buffer.clear()
        self.done = True

    def response(self) -> Response:
        """Return the answer as far as it has been read."""
        return Response(
            status=self._status,
            reason=self._reason,
            version=self._version,
            headers=tuple(self._fields),
            body=bytes(self._body),
            framing=self._framing,
            complete=self._complete,
            notes=tuple(self._notes),
            interim=tuple(self._interim),
            raw=bytes(self._raw),
            ended=self._ended,
            length=self._length,
            expected=self._expected,
            trailers=tuple(self._trailers),
        )

    # ------------------------------------------------------------------ the steps: each says whether to go on

    def _start(self) -> bool:
        beginning = bytes(self._buffer[:5])
        if beginning[:1] in (b"\r", b"\n"):
            if beginning == b"\r":
                return False
            if beginning.startswith((b"\r\n", b"\n")) and len(self._raw) < HEAD_LIMIT:
                self._note(Kind.EMPTY_LINE, "an empty line stands before the status line")
                self._take(2 if beginning.startswith(b"\r\n") else 1)
                return True
        if not b"HTTP/".startswith(beginning):
            self._note(Kind.NO_STATUS_LINE, "the answer does not begin with a status line")
            self._framing = Framing.CLOSE
            return self._go(self._until_close)
        line = self._line()
        if line is None:
            return False
        self._read_status_line(line)
        if self._status is None:
            self._framing = Framing.CLOSE
            return self._go(self._until_close)
        return self._go(self._fields_line)

    def _fields_line(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if line:
            self._read_field(line)
            return True
        return self._end_of_trailers() if self._section is self._trailers else self._end_of_head()

    def _end_of_head(self) -> bool:
        assert self._status is not None
        self._choose_framing(self._status)
        if 100 <= self._status < 200 and self._status != 101:
            return self._end_of_interim()
        if self._framing is Framing.NONE:
            return self._finish()
        if self._framing is Framing.LENGTH:
            self._left = self._expected or 0
            return self._go(self._by_length)
        return self._go(self._chunk_size if self._framing is Framing.CHUNKED else self._until_close)

    def _end_of_interim(self) -> bool:
        if len(self._interim) >= INTERIM_LIMIT:
            return self._lost(Kind.TOO_LARGE, f"more than {INTERIM_LIMIT} interim answers")
        self._complete = True
        self._interim.append(replace(self.response(), interim=()))
        self._begin()
        return True

    def _by_length(self) -> bool:
        self._take_body()
        return self._finish() if not self._left else False

    def _until_close(self) -> bool:
        self._left = len(self._buffer)
        self._take_body()
        return False

    def _chunk_size(self) -> bool:
        line = self._line(CHUNK_LINE_LIMIT)
        if line is None:
            return False
        match = _CHUNK_SIZE.fullmatch(line)
        if not match or len(match[1].lstrip(b"0")) > LONGEST_SIZE:
            return self._lost(Kind.CHUNK_FORM, f"{shorten(line)} is not a chunk size")
        if match[2] and not match[3]:
            self._note(Kind.CHUNK_FORM, "white space follows a chunk size")
        self._left = int(match[1], 16)
        if self._left:
            return self._go(self._chunk_data)
        self._section, self._section_size = self._trailers, 0
        return self._go(self._fields_line)

    def _chunk_data(self) -> bool:
        self._take_body()
        return self._go(self._chunk_end) if not self._left else False

    def _chunk_end(self) -> bool:
        ending = bytes(self._buffer[:2])
        if ending == b"\r\n":
            self._take(2)
        elif ending[:1] == b"\n":
            self._note(Kind.CHUNK_FORM, "a chunk's data ends with a bare LF")
            self._take(1)
        elif ending in (b"", b"\r"):
            return False
        else:
            # The first byte decides, unless it is a CR: what the finding shows must not hang on how much has come.
            shown = ending if ending[:1] == b"\r" else ending[:1]
            return self._lost(Kind.CHUNK_FORM, f"a chunk's data is followed by {shorten(shown)}, not by CRLF")
        return self._go(self._chunk_size)

    def _end_of_trailers(self) -> bool:
        return self._finish()

    # ------------------------------------------------------------------ reading

    def _read_status_line(self, line: bytes) -> None:
        match = _STATUS_LINE.fullmatch(line)
        if not match:
            self._note(Kind.STATUS_LINE, f"{shorten(line)} is not a status line")
            return
        self._version = b"HTTP/" + match[1]
        self._status = int(match[2])
        self._reason = match[4] or b""
        if match[3] is None:
            self._note(Kind.STATUS_SPACE, "no space follows the status code")
        elif not _EXACT_STATUS_LINE.fullmatch(line):
            self._note(_status_kind(match), f"the status line {shorten(line)} breaks the grammar")

    def _read_field(self, line: bytes) -> None:
        section = self._section
        if line[:1] in b" \t":
            self._note(Kind.FOLDED, f"the line {shorten(line)} begins with white space (obs-fold)")
            if section:
                name, value = section[-1]
                section[-1] = (name, (value + b" " + line.strip(b" \t")).strip(b" \t"))
            return
        name, colon, value = line.partition(b":")
        if not colon:
            self._note(Kind.NO_COLON, f"the field line {shorten(line)} has no colon")
            return
        if name != name.rstrip(b" \t"):
            self._note(Kind.SPACE_BEFORE_COLON, f"white space stands before the colon of {shorten(line)}")
            name = name.rstrip(b" \t")
        if not _TOKEN.fullmatch(name):
            self._note(Kind.FIELD_NAME, f"{shorten(name)} is not a field name")
        if b"\0" in value:
            self._note(Kind.FIELD_VALUE, f"the value of {shorten(line)} holds NUL")
        section.append((name, value.strip(b" \t")))

    def _choose_framing(self, status: int) -> None:
        named = [(name.lower(), value) for name, value in self._fields]
        lengths = [
            part.strip(b" \t") for name, value in named if name == b"content-length" for part in value.split(b",")
        ]
        codings = listed(value for name, value in named if name == b"transfer-encoding")
        if lengths and codings:
            self._note(Kind.LENGTH_AND_CODING, "the answer has both Transfer-Encoding and Content-Length")
        if len(lengths) > 1:
            self._note(
                Kind.LENGTH_TWICE,
                f"Content-Length comes {len(lengths)} times" + ("" if len(set(lengths)) == 1 else ", differing"),
            )
        bodiless = status < 200 or status == 204
        if bodiless and (lengths or codings):
            kind = Kind.CODING_FORBIDDEN if codings else Kind.LENGTH_FORBIDDEN
            self._note(kind, f"a {status} answer has {'Transfer-Encoding' if codings else 'Content-Length'}")
        good = bool(lengths) and lengths[0].isdigit() and len(lengths[0].lstrip(b"0")) <= LONGEST_LENGTH
        if lengths and not good:
            self._note(Kind.LENGTH_FORM, f"Content-Length {shorten(lengths[0])} is not a length")
        if good and not codings:
            self._expected = int(lengths[0].lstrip(b"0") or b"0")
        if self._head or bodiless or status == 304:
            self._framing = Framing.NONE
        elif codings:
            if "chunked" in codings[:-1] or codings[-1] != "chunked":
                self._note(
                    Kind.CODING_FORM,
                    f"Transfer-Encoding {shorten(', '.join(codings).encode())} does not end with one chunked",
                )
            self._framing = Framing.CHUNKED if codings[-1] == "chunked" else Framing.CLOSE
        else:
            self._framing = Framing.LENGTH if good else Framing.CLOSE

    # ------------------------------------------------------------------ bytes

    def _line(self, limit: int = HEAD_LIMIT) -> bytes | None:
        """Take one line without its end; None where it has not all come, or is too long (then the answer is lost)."""
        at = self._buffer.find(b"\n", self._searched)
        size = at + 1 if at >= 0 else len(self._buffer)
        used = self._section_size if limit == HEAD_LIMIT else 0
        if size + used > limit:
            self._lost(Kind.TOO_LARGE, f"a head, trailer or chunk-size line is longer than {limit} bytes")
            return None
        if at < 0:
            self._searched = size
            return None
        line = bytes(self._buffer[:at])
        self._take(size)
        if limit == HEAD_LIMIT:
            self._section_size += size
        if line.endswith(b"\r"):
            line = line[:-1]
        else:
            self._note(Kind.BARE_LF, "a line ends with a bare LF")
        if b"\r" in line:
            self._note(Kind.BARE_CR, "a bare CR stands in a line")
        return line

    def _take_body(self) -> None:
        data = self._take(min(self._left, len(self._buffer)))
        self._left -= len(data)
        self._length += len(data)
        room = BODY_LIMIT - len(self._body)
        if len(data) > room:
            self._note(None, f"only the first {BODY_LIMIT} bytes of the body were kept")
        self._body += data[: max(room, 0)]

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._searched = 0
        self._raw_add(data)
        return data

    def _raw_add(self, data: bytes) -> None:
        self._raw += data[: max(RAW_LIMIT - len(self._raw), 0)]

    # ------------------------------------------------------------------ moving on

    def _go(self, step: object) -> bool:
        self._step = step  # type: ignore[assignment]  # one of the bound methods above
        return True

    def _finish(self) -> bool:
        self._complete = self.done = True
        return False

    def _lost(self, kind: Kind, why: str) -> bool:
        self._note(kind, why)
        self.done = True
        return False

    def _note(self, kind: Kind | None, text: str) -> None:
        note = Note(kind, text)
        if len(self._notes) < FINDINGS_LIMIT and note not in self._notes:
            self._notes.append(note)

    def _where(self) -> str:
        if self._status is None:
            return "it ends in the status line" if self._raw or self._buffer else "only interim answers came"
        if self._step == self._fields_line:
            return "it ends in the trailers" if self._section is self._trailers else "it ends in the header fields"
        if self._framing is Framing.LENGTH:
            return f"{self._length} of {self._expected} bytes of body came"
        return f"no last chunk came, after {self._length} bytes of body"


def _status_kind(line: re.Match[bytes]) -> Kind:
    """Return what is wrong with a status line that can be read: its version, its reason, or how it is put together."""
    if not _VERSION.fullmatch(line[1]):
        return Kind.VERSION
    put_together = b"HTTP/%s %s%s" % (line[1], line[2], line[3])
    return (
        Kind.REASON
        if _EXACT_STATUS_LINE.fullmatch(put_together) and line[0].startswith(put_together)
        else Kind.STATUS_LINE
    )
