"""A parser that reads any response and records what is wrong with it. No I/O; no input makes it raise.

The grammar is that of RFC 9112. If a response breaks it, the parser does what browsers do and records an issue.
`ResponseParser` reads one final response and the interim responses before it:

    start --> status line --> fields --> (1xx: start again) --> body by length | chunks | until close --> done
                  `--> junk (not HTTP/1) until close

The result does not depend on how the bytes were cut into pieces. The constants below limit the memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from wsgi_gauntlet.harness.http.lint.kinds import LintKind
from wsgi_gauntlet.harness.http.response import ConnectionState, Framing, ParseIssue, Response, list_members, shorten

__all__ = [
    "BODY_LIMIT",
    "HEAD_LIMIT",
    "RAW_LIMIT",
    "ConnectionState",
    "Framing",
    "Response",
    "ResponseParser",
    "shorten",
]

HEAD_LIMIT = 256 * 1024
"""Bytes of a head, with its interim responses, and of a trailer section that are read. Chromium stops at 256 KiB, curl
at 300 KiB."""

BODY_LIMIT = 8 * 1024 * 1024
"""Bytes of a body that are kept; further bytes are only counted. The largest body of a case has 4 MiB. With its copy,
and a head and trailers full of field names, one response stays below 64 MB."""

FEED_SIZE_BYTES = 64 * 1024
"""Bytes that are processed at a time, however many are fed."""

RAW_LIMIT = 1024 * 1024
"""Received bytes that `Response.raw` keeps."""

INTERIM_LIMIT = 32
"""Interim responses before a final one. Firefox and curl have no limit; no server needs more than a few."""

CHUNK_LINE_LIMIT = 64 * 1024
"""Bytes of one chunk-size line, extensions included."""

PARSE_ISSUES_LIMIT = 32
"""Issues that one response keeps."""

MAX_CONTENT_LENGTH_DIGITS = 18
"""Decimal digits of a length that still fits 63 bits."""

MAX_CHUNK_SIZE_DIGITS = 15
"""Hexadecimal digits of a chunk size that still fits 63 bits."""

CACHED_HEAD_BYTES = 2048
"""Bytes of the largest head whose parts are kept for a while."""

CACHED_HEADS = 256
"""Heads whose parts are kept. A server sends the same head again and again within a second, and lint reads it too."""

_STATUS_LINE = re.compile(rb"HTTP/(\S*)[ \t]+([0-9]{3})(?:([ \t])(.*))?", re.DOTALL)
_EXACT_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] [1-9][0-9]{2} [\t \x21-\x7e\x80-\xff]*", re.DOTALL)
_VERSION = re.compile(rb"[0-9]\.[0-9]")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PLAIN_HEAD = re.compile(
    rb"HTTP/([0-9]\.[0-9]) ([1-9][0-9]{2}) ([\t \x21-\x7e\x80-\xff]*)\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n)*)\r\n"
)
"""A whole head without any fault of form, as most are. It is read in one step and not line by line."""

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]+)([ \t]*)(;.*)?", re.DOTALL)


@dataclass(frozen=True)
class _Framed:
    """What a head says about the body: where it ends, the value of Content-Length, and what is wrong with that."""

    framing: Framing
    expected: int | None
    issues: tuple[ParseIssue, ...]


@dataclass(frozen=True)
class _PlainHead:
    """The parts of a head without any fault of form."""

    status: int
    reason: bytes
    version: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    framed: _Framed


class ResponseParser:
    """Reads one final response from the bytes it is fed. `head` says that the request was a HEAD: no body follows."""

    def __init__(self, *, head: bool = False) -> None:
        self.done = False
        self._head = head
        self._buffer = bytearray()
        self._search_from = 0
        self._ended = ConnectionState.OPEN
        self._interim: list[Response] = []
        self._section_size = 0
        self._begin()

    def _begin(self) -> None:
        # A function of the class: with a bound method, only the garbage collector would free the bodies.
        self._step: Callable[[ResponseParser], bool] = ResponseParser._start
        self._status: int | None = None
        self._reason = self._version = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._trailers: list[tuple[bytes, bytes]] = []
        self._section = self._fields
        self._body = bytearray()
        self._length = 0
        self._expected: int | None = None
        self._remaining = 0
        self._framing = Framing.NONE
        self._complete = False
        self._issues: list[ParseIssue] = []
        self._raw = bytearray()

    # ------------------------------------------------------------------ what callers use

    def feed(self, data: bytes) -> bytes:
        """Process `data` and return the bytes after the end of the response: none while `done` is false."""
        at = 0
        while not self.done and at < len(data):
            self._buffer += data[at : at + FEED_SIZE_BYTES]
            at += FEED_SIZE_BYTES
            while not self.done and self._step(self):
                pass
        if not self.done:
            return b""
        rest = bytes(self._buffer) + data[at:]
        self._buffer.clear()
        return rest

    def eof(self, ending: ConnectionState = ConnectionState.EOF) -> None:
        """Report that no more bytes will come: the connection ended so, or the caller stops waiting (OPEN)."""
        if self.done:
            return
        self._ended = ending
        if self._framing is Framing.CLOSE and self._step is ResponseParser._body_until_close:
            self._complete = ending is ConnectionState.EOF and self._status is not None
        elif self._buffer or self._raw or self._interim:
            self._add_issue(LintKind.INCOMPLETE_RESPONSE, f"the response is not complete: {self._describe_position()}")
        self._append_raw(bytes(self._buffer))
        self._buffer.clear()
        self.done = True

    def response(self) -> Response:
        """Return the response as far as it has been read."""
        return Response(
            status=self._status,
            reason=self._reason,
            version=self._version,
            headers=tuple(self._fields),
            body=bytes(self._body),
            framing=self._framing,
            complete=self._complete,
            issues=tuple(self._issues),
            interim=tuple(self._interim),
            raw=bytes(self._raw),
            ended=self._ended,
            length=self._length,
            expected=self._expected,
            trailers=tuple(self._trailers),
        )

    # ------------------------------------------------------------------ the steps: each returns whether to go on

    def _start(self) -> bool:
        beginning = bytes(self._buffer[:5])
        if beginning[:1] in (b"\r", b"\n"):
            if beginning == b"\r":
                return False
            if beginning.startswith((b"\r\n", b"\n")) and len(self._raw) < HEAD_LIMIT:
                self._add_issue(LintKind.LEADING_EMPTY_LINE, "an empty line precedes the status line")
                self._consume(2 if beginning.startswith(b"\r\n") else 1)
                return True
        if not b"HTTP/".startswith(beginning):
            self._add_issue(LintKind.MISSING_STATUS_LINE, "the response does not begin with a status line")
            self._framing = Framing.CLOSE
            return self._next_step(ResponseParser._body_until_close)
        end = self._buffer.find(b"\r\n\r\n") + 4
        if 4 <= end <= HEAD_LIMIT - self._section_size and (head := self._plain_head(end)):
            self._status, self._reason, self._version = head.status, head.reason, head.version
            self._fields.extend(head.fields)
            self._section_size += end
            self._consume(end)
            return self._after_head(head.status, head.framed)
        line = self._line()
        if line is None:
            return False
        self._read_status_line(line)
        if self._status is None:
            self._framing = Framing.CLOSE
            return self._next_step(ResponseParser._body_until_close)
        return self._next_step(ResponseParser._field_line)

    def _plain_head(self, end: int) -> _PlainHead | None:
        data = bytes(self._buffer[:end])
        return (_small_plain_head if end <= CACHED_HEAD_BYTES else _plain_head)(data, to_head_request=self._head)

    def _field_line(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if line:
            self._read_field(line)
            return True
        if self._section is self._trailers:
            return self._after_trailers()
        assert self._status is not None
        return self._after_head(self._status, _choose_framing(self._status, self._fields, to_head_request=self._head))

    def _after_head(self, status: int, framed: _Framed) -> bool:
        self._framing, self._expected = framed.framing, framed.expected
        for each in framed.issues:
            self._add_issue(*each)
        if 100 <= status < 200 and status != 101:
            return self._after_interim()
        if self._framing is Framing.NONE:
            return self._finish()
        if self._framing is Framing.LENGTH:
            self._remaining = self._expected or 0
            return self._next_step(ResponseParser._body_by_length)
        return self._next_step(
            ResponseParser._chunk_size if self._framing is Framing.CHUNKED else ResponseParser._body_until_close
        )

    def _after_interim(self) -> bool:
        if len(self._interim) >= INTERIM_LIMIT:
            return self._abandon(LintKind.TOO_LARGE_TO_READ, f"more than {INTERIM_LIMIT} interim responses")
        self._complete = True
        self._interim.append(replace(self.response(), interim=()))
        self._begin()
        return True

    def _body_by_length(self) -> bool:
        self._take_body()
        return self._finish() if not self._remaining else False

    def _body_until_close(self) -> bool:
        self._remaining = len(self._buffer)
        self._take_body()
        return False

    def _chunk_size(self) -> bool:
        line = self._line(CHUNK_LINE_LIMIT)
        if line is None:
            return False
        match = _CHUNK_SIZE.fullmatch(line)
        if not match or len(match[1].lstrip(b"0")) > MAX_CHUNK_SIZE_DIGITS:
            return self._abandon(LintKind.INVALID_CHUNK, f"{shorten(line)} is not a chunk size")
        if match[2] and not match[3]:
            self._add_issue(LintKind.INVALID_CHUNK, "white space follows a chunk size")
        self._remaining = int(match[1], 16)
        if self._remaining:
            return self._next_step(ResponseParser._chunk_data)
        self._section, self._section_size = self._trailers, 0
        return self._next_step(ResponseParser._field_line)

    def _chunk_data(self) -> bool:
        self._take_body()
        return self._next_step(ResponseParser._chunk_end) if not self._remaining else False

    def _chunk_end(self) -> bool:
        ending = bytes(self._buffer[:2])
        if ending == b"\r\n":
            self._consume(2)
        elif ending[:1] == b"\n":
            self._add_issue(LintKind.INVALID_CHUNK, "a chunk's data ends with a bare LF")
            self._consume(1)
        elif ending in (b"", b"\r"):
            return False
        else:
            # Show only the first byte unless it is a CR: the issue must not depend on how much has come.
            shown = ending if ending[:1] == b"\r" else ending[:1]
            return self._abandon(LintKind.INVALID_CHUNK, f"a chunk's data is followed by {shorten(shown)}, not by CRLF")
        return self._next_step(ResponseParser._chunk_size)

    def _after_trailers(self) -> bool:
        return self._finish()

    # ------------------------------------------------------------------ reading

    def _read_status_line(self, line: bytes) -> None:
        match = _STATUS_LINE.fullmatch(line)
        if not match:
            self._add_issue(LintKind.MALFORMED_STATUS_LINE, f"{shorten(line)} is not a status line")
            return
        self._version = b"HTTP/" + match[1]
        self._status = int(match[2])
        self._reason = match[4] or b""
        if match[3] is None:
            self._add_issue(LintKind.MISSING_STATUS_SPACE, "no space follows the status code")
        elif not _EXACT_STATUS_LINE.fullmatch(line):
            self._add_issue(_status_line_issue(match), f"the status line {shorten(line)} breaks the grammar")

    def _read_field(self, line: bytes) -> None:
        section = self._section
        if line[:1] in b" \t":
            self._add_issue(LintKind.OBS_FOLD, f"the line {shorten(line)} begins with white space (obs-fold)")
            if section:
                name, value = section[-1]
                section[-1] = (name, (value + b" " + line.strip(b" \t")).strip(b" \t"))
            return
        name, colon, value = line.partition(b":")
        if not colon:
            self._add_issue(LintKind.MISSING_COLON, f"the field line {shorten(line)} has no colon")
            return
        if name != name.rstrip(b" \t"):
            self._add_issue(LintKind.SPACE_BEFORE_COLON, f"white space precedes the colon of {shorten(line)}")
            name = name.rstrip(b" \t")
        if not _TOKEN.fullmatch(name):
            self._add_issue(LintKind.INVALID_HEADER_NAME, f"{shorten(name)} is not a field name")
        if b"\0" in value:
            self._add_issue(LintKind.INVALID_HEADER_VALUE, f"the value of {shorten(line)} contains NUL")
        section.append((name, value.strip(b" \t")))

    # ------------------------------------------------------------------ bytes

    def _line(self, limit: int = HEAD_LIMIT) -> bytes | None:
        """Take one line without its end; None if it is not complete yet, or too long (then the response is lost)."""
        at = self._buffer.find(b"\n", self._search_from)
        size = at + 1 if at >= 0 else len(self._buffer)
        used = self._section_size if limit == HEAD_LIMIT else 0
        if size + used > limit:
            self._abandon(
                LintKind.TOO_LARGE_TO_READ, f"a head, trailer or chunk-size line is longer than {limit} bytes"
            )
            return None
        if at < 0:
            self._search_from = size
            return None
        line = bytes(self._buffer[:at])
        self._consume(size)
        if limit == HEAD_LIMIT:
            self._section_size += size
        if line.endswith(b"\r"):
            line = line[:-1]
        else:
            self._add_issue(LintKind.BARE_LF, "a line ends with a bare LF")
        if b"\r" in line:
            self._add_issue(LintKind.BARE_CR, "a line contains a bare CR")
        return line

    def _take_body(self) -> None:
        data = self._consume(min(self._remaining, len(self._buffer)))
        self._remaining -= len(data)
        self._length += len(data)
        room = BODY_LIMIT - len(self._body)
        if len(data) > room:
            self._add_issue(None, f"only the first {BODY_LIMIT} bytes of the body were kept")
        self._body += data[: max(room, 0)]

    def _consume(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._search_from = 0
        self._append_raw(data)
        return data

    def _append_raw(self, data: bytes) -> None:
        self._raw += data[: max(RAW_LIMIT - len(self._raw), 0)]

    # ------------------------------------------------------------------ moving on

    def _next_step(self, step: Callable[[ResponseParser], bool]) -> bool:
        self._step = step
        return True

    def _finish(self) -> bool:
        self._complete = self.done = True
        return False

    def _abandon(self, kind: LintKind, why: str) -> bool:
        self._add_issue(kind, why)
        self.done = True
        return False

    def _add_issue(self, kind: LintKind | None, text: str) -> None:
        issue = ParseIssue(kind, text)
        if len(self._issues) < PARSE_ISSUES_LIMIT and issue not in self._issues:
            self._issues.append(issue)

    def _describe_position(self) -> str:
        if self._status is None:
            return "it ends in the status line" if self._raw or self._buffer else "only interim responses came"
        if self._step is ResponseParser._field_line:
            return "it ends in the trailers" if self._section is self._trailers else "it ends in the header fields"
        if self._framing is Framing.LENGTH:
            return f"{self._length} of {self._expected} bytes of body came"
        return f"no last chunk came, after {self._length} bytes of body"


def _status_line_issue(line: re.Match[bytes]) -> LintKind:
    """Return the fault of a status line that can be read: its version, its reason, or its form."""
    if not _VERSION.fullmatch(line[1]):
        return LintKind.INVALID_HTTP_VERSION
    put_together = b"HTTP/%s %s%s" % (line[1], line[2], line[3])
    return (
        LintKind.INVALID_REASON_PHRASE
        if _EXACT_STATUS_LINE.fullmatch(put_together) and line[0].startswith(put_together)
        else LintKind.MALFORMED_STATUS_LINE
    )


def _plain_head(head: bytes, *, to_head_request: bool) -> _PlainHead | None:
    """Return the parts of a whole head; None if its form has a fault, so that it must be read line by line."""
    match = _PLAIN_HEAD.fullmatch(head)
    if match is None:
        return None
    version, status, reason, lines = match.groups()
    fields = []
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        fields.append((name, value.strip(b" \t")))
    framed = _choose_framing(int(status), fields, to_head_request=to_head_request)
    return _PlainHead(int(status), reason, b"HTTP/" + version, tuple(fields), framed)


_small_plain_head = lru_cache(CACHED_HEADS)(_plain_head)


def _choose_framing(status: int, headers: Iterable[tuple[bytes, bytes]], *, to_head_request: bool) -> _Framed:
    issues: list[ParseIssue] = []

    def add(kind: LintKind, text: str) -> None:
        issues.append(ParseIssue(kind, text))

    fields = [(name.lower(), value) for name, value in headers]
    lengths = [part.strip(b" \t") for name, value in fields if name == b"content-length" for part in value.split(b",")]
    codings = list_members(value for name, value in fields if name == b"transfer-encoding")
    if lengths and codings:
        add(
            LintKind.CONTENT_LENGTH_AND_TRANSFER_ENCODING,
            "the response has both Transfer-Encoding and Content-Length",
        )
    if len(lengths) > 1:
        add(
            LintKind.DUPLICATE_CONTENT_LENGTH,
            f"Content-Length comes {len(lengths)} times" + ("" if len(set(lengths)) == 1 else ", differing"),
        )
    bodiless = status < 200 or status == 204
    if bodiless and (lengths or codings):
        kind = LintKind.FORBIDDEN_TRANSFER_ENCODING if codings else LintKind.FORBIDDEN_CONTENT_LENGTH
        add(kind, f"a {status} response has {'Transfer-Encoding' if codings else 'Content-Length'}")
    valid = bool(lengths) and lengths[0].isdigit() and len(lengths[0].lstrip(b"0")) <= MAX_CONTENT_LENGTH_DIGITS
    if lengths and not valid:
        add(LintKind.INVALID_CONTENT_LENGTH, f"Content-Length {shorten(lengths[0])} is not a length")
    expected = int(lengths[0].lstrip(b"0") or b"0") if valid and not codings else None
    if to_head_request or bodiless or status == 304:
        framing = Framing.NONE
    elif codings:
        if "chunked" in codings[:-1] or codings[-1] != "chunked":
            add(
                LintKind.INVALID_TRANSFER_ENCODING,
                f"Transfer-Encoding {shorten(', '.join(codings).encode())} does not end with one chunked",
            )
        framing = Framing.CHUNKED if codings[-1] == "chunked" else Framing.CLOSE
    else:
        framing = Framing.LENGTH if valid else Framing.CLOSE
    return _Framed(framing, expected, tuple(issues))
