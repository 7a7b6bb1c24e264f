"""The traits of a request: all in it that a parser may read in two ways, or that is no plain GET or POST. Pure.

Two requests with the same traits test the same thing. So the traits group the disagreements, keep the shrinker from
going over to another cause, and show whether a case of the catalogue sends the same.

The scanner is tolerant: it never fails. It reads each part as the most lenient server does.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from wsgi_gauntlet.harness.fuzz.byte_shapes import byte_classes, shape

MAX_REQUESTS = 4
"""Requests of one input whose traits are looked for."""

MAX_CHUNKS = 20
"""Chunks of one body whose traits are looked for."""

TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""RFC 9110, section 5.6.2."""

VALUE_BYTES = bytes(range(0x20, 0x7F))
"""RFC 9110, section 5.5, without HTAB and obs-text, which some servers treat differently."""

PLAIN_PATH_BYTES = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~/"
TARGET_BYTES = PLAIN_PATH_BYTES + b"?%:@!$&'()*+,;="
"""The characters of RFC 3986 in a path and a query."""

HOST = re.compile(rb"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?\Z")
"""A host with or without a port, in its plain form."""

CODINGS = (b"chunked", b"identity", b"gzip", b"deflate", b"compress")
"""Transfer codings that have a meaning to some servers."""


class Place(enum.StrEnum):
    """The part of the message that has a trait. The value is for people."""

    BEFORE = "before the request line"
    REQUEST_LINE = "request line"
    METHOD = "method"
    TARGET = "target"
    VERSION = "version"
    FIELD_NAME = "field name"
    FIELD_LINE = "field line"
    FIELD_VALUE = "field value"
    HOST = "Host"
    CONTENT_LENGTH = "Content-Length"
    TRANSFER_ENCODING = "Transfer-Encoding"
    CONNECTION = "Connection"
    EXPECT = "Expect"
    BODY = "body"
    CHUNK_SIZE = "chunk size"
    CHUNK_EXTENSION = "chunk extension"
    CHUNK_DATA = "chunk data"
    TRAILER = "trailer section"
    AFTER = "after the request"


@dataclass(frozen=True, order=True)
class Trait:
    """One trait: where it is and what it is."""

    place: Place
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


SECTIONS = {
    Place.BEFORE: ("RFC 9112, 2.2",),
    Place.REQUEST_LINE: ("RFC 9112, 3", "RFC 9112, 2.2"),
    Place.METHOD: ("RFC 9112, 3.1", "RFC 9110, 9.1"),
    Place.TARGET: ("RFC 9112, 3.2", "RFC 3986, 3.3"),
    Place.VERSION: ("RFC 9112, 2.3",),
    Place.FIELD_NAME: ("RFC 9110, 5.1", "RFC 9112, 5.1"),
    Place.FIELD_LINE: ("RFC 9112, 5.1", "RFC 9112, 5.2", "RFC 9112, 2.2"),
    Place.FIELD_VALUE: ("RFC 9110, 5.5",),
    Place.HOST: ("RFC 9112, 3.2", "RFC 9110, 7.2"),
    Place.CONTENT_LENGTH: ("RFC 9110, 8.6", "RFC 9112, 6.3"),
    Place.TRANSFER_ENCODING: ("RFC 9112, 6.1", "RFC 9112, 6.3"),
    Place.CONNECTION: ("RFC 9112, 9.3", "RFC 9110, 7.6.1"),
    Place.EXPECT: ("RFC 9110, 10.1.1",),
    Place.BODY: ("RFC 9112, 6", "RFC 9112, 8"),
    Place.CHUNK_SIZE: ("RFC 9112, 7.1",),
    Place.CHUNK_EXTENSION: ("RFC 9112, 7.1.1",),
    Place.CHUNK_DATA: ("RFC 9112, 7.1",),
    Place.TRAILER: ("RFC 9112, 7.1.2", "RFC 9110, 6.5"),
    Place.AFTER: ("RFC 9112, 9.3.2",),
}
"""The sections of the RFCs about each place."""


def traits(data: bytes) -> frozenset[Trait]:
    """Return the traits of the bytes of one connection."""
    scanner = _Scanner(data)
    scanner.scan()
    return frozenset(scanner.found)


def sections(found: frozenset[Trait]) -> tuple[str, ...]:
    """Return the sections that are about `found`, each once; for a plain request those about requests in general."""
    named = [each for trait in sorted(found) for each in SECTIONS[trait.place]]
    return tuple(dict.fromkeys(named)) or ("RFC 9112, 3", "RFC 9110, 9")


class _Scanner:
    def __init__(self, data: bytes) -> None:
        self.found: set[Trait] = set()
        self._rest = data

    def scan(self) -> None:
        """Collect the traits of all requests."""
        for number in range(MAX_REQUESTS):
            if number:
                self._after()
            if not self._rest:
                return
            self._request()

    def _add(self, place: Place, what: str) -> None:
        self.found.add(Trait(place, what))

    # ------------------------------------------------------------------ lines

    def _line(self, place: Place) -> bytes | None:
        """Return the next line without its end, and collect how it ends; None if its end is missing."""
        line, end, rest = self._rest.partition(b"\n")
        if not end:
            return None
        self._rest = rest
        if line.endswith(b"\r"):
            return line[:-1]
        self._add(place, "ends with LF alone")
        return line

    def _cut(self, place: Place) -> None:
        self._add(place, "is cut")
        self._rest = b""

    # ------------------------------------------------------------------ the head

    def _request(self) -> None:
        empty_lines = re.match(rb"(?:\r\n)+", self._rest)
        if empty_lines:
            self._add(Place.BEFORE, "an empty line" if len(empty_lines[0]) == 2 else "several empty lines")
            self._rest = self._rest[len(empty_lines[0]) :]
        line = self._line(Place.REQUEST_LINE)
        if line is None:
            self._cut(Place.REQUEST_LINE)
            return
        version = self._request_line(line)
        fields = self._fields(Place.FIELD_LINE)
        if fields is None:
            self._cut(Place.FIELD_LINE)
            return
        self._named_fields(fields, version)
        self._body(fields)

    def _request_line(self, line: bytes) -> bytes:
        """Collect the traits of the request line; return the version."""
        for each in byte_classes(line, bytes(range(0x20, 0x7F))):
            if each in ("CR", "HTAB", "VT or FF", "NEL or NBSP", "FS to US", "NUL", "LF"):
                self._add(Place.REQUEST_LINE, f"has {each}")
        parts = re.split(rb" ", line)
        if len(parts) != 3 or not all(parts):
            spaces = re.sub(rb"[^ ]+", b"x", line).decode("ascii")
            self._add(Place.REQUEST_LINE, f"parts are {re.sub('   +', '  ', spaces)!r}")
        words = line.split()
        method = words[0] if words else b""
        # HTTP/0.9 had no version.
        version = words[-1] if len(words) > 2 or (len(words) == 2 and words[1][:4].upper() == b"HTTP") else b""
        content = line.strip()
        target = content[len(method) : len(content) - len(version)]
        self._method(method)
        self._target(target.strip())
        self._version(version)
        return version

    def _method(self, method: bytes) -> None:
        bad = byte_classes(method, TOKEN_BYTES)
        for each in bad:
            self._add(Place.METHOD, f"has {'a delimiter' if len(each) == 1 else each}")
        if bad or method in (b"GET", b"POST"):
            return
        if method.upper() in (b"GET", b"POST"):
            self._add(Place.METHOD, "in another case")
        elif method in (b"HEAD", b"OPTIONS", b"CONNECT", b"TRACE", b"PUT", b"DELETE", b"PATCH"):
            self._add(Place.METHOD, method.decode("ascii"))
        elif method.isalpha() and method.isupper():
            self._add(Place.METHOD, "unknown")
        else:
            self._add(Place.METHOD, "an unknown token with signs or lower case" if method else "empty")

    def _target(self, target: bytes) -> None:
        path, question, query = target.partition(b"?")
        form = self._target_form(target)
        if form:
            self._add(Place.TARGET, form)
        for each in byte_classes(target, TARGET_BYTES):
            self._add(Place.TARGET, f"has {each}")
        checks = {
            "an empty query": question and not query,
            "a second ?": b"?" in query,
            "a doubled slash": re.match(rb"(?:[a-zA-Z]+://)?[^?]*?(?<!:)//", path),
            "a dot segment": re.search(rb"/\.\.?(?:/|\Z)", path),
            "a percent sign without two digits": re.search(rb"%(?![0-9A-Fa-f]{2})", target),
            "%00": b"%00" in target,
            "an encoded CR or LF": re.search(rb"%0[aAdD]", target),
            "an encoded slash": re.search(rb"%2[fF]", path),
            "an encoded dot": re.search(rb"%2[eE]", path),
            "an encoded byte above 7F": re.search(rb"%[89a-fA-F][0-9A-Fa-f]", target),
            "an encoded character": re.search(rb"%(?!2[fFeE]|0)[1-7][0-9A-Fa-f]", target),
            "a sign of sub-delims in the path": re.search(rb"[!$&'()*+,;=@]", path),
            "a colon in the path": b":" in path and path.startswith(b"/"),
        }
        for what, is_there in checks.items():
            if is_there:
                self._add(Place.TARGET, f"has {what}")

    def _target_form(self, target: bytes) -> str:
        if target.startswith(b"/"):
            return ""
        if not target or target == b"*":
            return "is empty" if not target else "is *"
        absolute = re.match(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)([^?]*)", target)
        if not absolute:
            return "has no slash at its start" if b":" not in target else "has a colon and no slash at its start"
        scheme, authority, path = absolute.groups()
        known = {b"http": "absolute", b"https": "absolute, https"}.get(scheme.lower(), "absolute, unknown scheme")
        parts = [known, "" if scheme.islower() else "scheme in another case"]
        if not HOST.match(authority):
            parts.append(f"host {shape(authority)}" if authority else "no host")
        if not path:
            parts.append("no path")
        return ", ".join(filter(None, parts))

    def _version(self, version: bytes) -> None:
        if version == b"HTTP/1.1":
            return
        exact = re.fullmatch(rb"HTTP/([0-9])\.([0-9])", version)
        if not exact:
            self._add(Place.VERSION, f"is {shape(version, [b'HTTP'])!r}")
        elif exact[1] != b"1":
            self._add(Place.VERSION, "has major number 0" if exact[1] == b"0" else "has a major number above 1")
        else:
            self._add(Place.VERSION, "is HTTP/1.0" if exact[2] == b"0" else "has a minor number above 1")

    def _fields(self, place: Place) -> list[tuple[bytes, bytes]] | None:
        """Collect the traits of field lines up to an empty line; return names in lower case and values.

        None if the empty line is missing.
        """
        fields: list[tuple[bytes, bytes]] = []
        first = True
        while True:
            line = self._line(place)
            if line is None:
                return None
            if not line:
                return fields
            if line[:1] in (b" ", b"\t"):
                self._folded(place, line, fields, first=first)
            else:
                fields.append(self._field(place, line))
            first = False

    def _folded(self, place: Place, line: bytes, fields: list[tuple[bytes, bytes]], *, first: bool) -> None:
        empty = "" if line.strip() else ", empty"
        if first:
            self._add(place, f"whitespace before the first field{empty}")
            name, colon, value = line.partition(b":")
            if colon:
                fields.append((name.strip().lower(), value.strip()))
        else:
            name, value = fields[-1] if fields else (b"", b"")
            self._add(place, f"folded line{_of(name)}{empty}")
            if fields:
                fields[-1] = (name, (value + b" " + line.strip()).strip())

    def _field(self, place: Place, line: bytes) -> tuple[bytes, bytes]:
        name, colon, value = line.partition(b":")
        where = Place.TRAILER if place is Place.TRAILER else Place.FIELD_NAME
        if not colon:
            self._add(place, "no colon")
            return line.strip().lower(), b""
        stripped = name.rstrip(b" \t\x0b\x0c\x00\xa0\x85\r\x1c\x1d\x1e\x1f")
        if stripped != name:
            between = " and ".join(byte_classes(name[len(stripped) :], b""))
            self._add(place, f"{between} before the colon{_of(stripped)}")
        if not stripped:
            self._add(where, "empty")
        elif place is Place.TRAILER:
            self._add(where, "has a field")
        for each in byte_classes(stripped, TOKEN_BYTES):
            self._add(where, f"has {'a delimiter' if len(each) == 1 else each}")
        if b"_" in stripped:
            self._add(where, f"has an underscore{_of(stripped.replace(b'_', b'-'))}")
        self._value(place, stripped, value)
        return stripped.lower(), value.strip(b" \t")

    def _value(self, place: Place, name: bytes, value: bytes) -> None:
        of = _of(name)
        where = Place.TRAILER if place is Place.TRAILER else Place.FIELD_VALUE
        content = value.strip(b" \t")
        before = value[: len(value) - len(value.lstrip(b" \t"))]
        after = value[len(value.rstrip(b" \t")) :] if content else b""
        if before != b" ":
            self._add(place, "no space after the colon" if not before else "more whitespace after the colon")
        if after:
            self._add(place, f"whitespace at its end{of}")
        if not content and not of:
            self._add(where, "empty")
        for each in byte_classes(content[:1] + content[-1:], VALUE_BYTES):
            self._add(where, f"has {each} at its edge{of}")
        for each in byte_classes(content[1:-1], VALUE_BYTES):
            self._add(where, f"has {_WITHIN.get(each, each)}{of}")

    def _named_fields(self, fields: list[tuple[bytes, bytes]], version: bytes) -> None:
        """Collect the traits of the fields that the server itself uses."""
        for name, place in _NAMED_FIELDS.items():
            repeated = [value for field, value in fields if field == name]
            if len(repeated) > 1:
                self._add(place, "twice, equal" if len(set(repeated)) == 1 else "twice, different")
        values = dict(reversed(fields))
        if b"host" in values:
            self._host(values[b"host"])
        elif version != b"HTTP/1.0":
            self._add(Place.HOST, "missing")
        length, coding = values.get(b"content-length"), values.get(b"transfer-encoding")
        if length is not None and not re.fullmatch(rb"0|[1-9][0-9]{0,14}", length):
            self._add(Place.CONTENT_LENGTH, f"is {_list_shape(length)!r}")
        if coding is not None and coding != b"chunked":
            self._add(Place.TRANSFER_ENCODING, f"is {shape(coding, CODINGS)!r}")
        if coding is not None and length is not None:
            self._add(Place.TRANSFER_ENCODING, "with Content-Length")
        if b"connection" in values:
            self._add(Place.CONNECTION, f"is {shape(values[b'connection'], [b'close', b'keep', b'alive'])!r}")
        if b"expect" in values:
            self._add(Place.EXPECT, f"is {shape(values[b'expect'], [b'100', b'continue'])!r}")

    def _host(self, value: bytes) -> None:
        if not value:
            self._add(Place.HOST, "empty")
        elif not HOST.match(value):
            signs = byte_classes(value, PLAIN_PATH_BYTES.replace(b"/", b""))
            self._add(Place.HOST, f"has {', '.join(signs)}" if signs else "malformed")

    # ------------------------------------------------------------------ the body

    def _body(self, fields: list[tuple[bytes, bytes]]) -> None:
        coding = b",".join(value for name, value in fields if name == b"transfer-encoding")
        lengths = [value for name, value in fields if name == b"content-length"]
        if b"chunked" in coding.lower():
            self._add(Place.BODY, "chunked")
            self._chunks()
            return
        digits = re.search(rb"[0-9]+", lengths[0]) if lengths else None
        if digits is None:
            return
        length = int(digits[0].lstrip(b"0")[:20] or 0)
        if length > len(self._rest):
            self._add(Place.BODY, "shorter than Content-Length")
        elif length:
            self._add(Place.BODY, "of a length")
        self._rest = self._rest[length:]

    def _chunks(self) -> None:
        for _ in range(MAX_CHUNKS):
            line = self._line(Place.CHUNK_SIZE)
            if line is None:
                self._cut(Place.CHUNK_SIZE)
                return
            size = self._chunk_line(line)
            if size is None:
                return
            if size == 0:
                if self._fields(Place.TRAILER) is None:
                    self._cut(Place.TRAILER)
                return
            if not self._chunk_data(size):
                return

    def _chunk_line(self, line: bytes) -> int | None:
        """Collect the traits of the first line of a chunk; return the size that it gives, None if it gives none."""
        before, semicolon, after = line.partition(b";")
        size = before.rstrip(b" \t")
        space, extension = before[len(size) :], semicolon + after
        digits = re.search(rb"[0-9A-Fa-f]+", size)
        if not re.fullmatch(rb"[1-9A-Fa-f][0-9A-Fa-f]{0,7}|0", size) or (space and not extension):
            self._add(Place.CHUNK_SIZE, f"is {shape(size + space, hexadecimal=True)!r}")
        if extension:
            if space:
                self._add(Place.CHUNK_EXTENSION, "whitespace before the semicolon")
            self._add(Place.CHUNK_EXTENSION, f"is {shape(extension)!r}" if len(extension) < 40 else "long")
        return int(digits[0], 16) if digits else None

    def _chunk_data(self, size: int) -> bool:
        """Collect the traits of the data of a chunk; return whether another chunk may follow."""
        if len(self._rest) < size:
            self._cut(Place.CHUNK_DATA)
            return False
        self._rest = self._rest[size:]
        if self._rest.startswith(b"\r\n"):
            self._rest = self._rest[2:]
            return True
        if not self._rest:
            self._cut(Place.CHUNK_DATA)
            return False
        line, end, rest = self._rest.partition(b"\n")
        self._add(Place.CHUNK_DATA, f"is followed by {shape(line + end)[:20]!r}")
        self._rest = rest
        return bool(end)

    def _after(self) -> None:
        """Collect what follows a whole request."""
        if not self._rest:
            return
        if re.match(rb"(?:\r\n)*[A-Z]+ /", self._rest):
            self._add(Place.AFTER, "another request")
            return
        empty = re.fullmatch(rb"[\r\n]+", self._rest)
        self._add(Place.AFTER, shape(self._rest[:12]) if empty else f"bytes that begin with {shape(self._rest[:1])}")
        self._rest = b""


_NAMED_FIELDS = {
    b"host": Place.HOST,
    b"content-length": Place.CONTENT_LENGTH,
    b"transfer-encoding": Place.TRANSFER_ENCODING,
    b"connection": Place.CONNECTION,
    b"expect": Place.EXPECT,
    b"content-type": Place.FIELD_NAME,
}


_WITHIN = {"VT or FF": "control", "FS to US": "control", "NEL or NBSP": "byte above 7F"}
"""Classes of bytes that count only at the edge of a value: some servers take them for whitespace."""


def _of(name: bytes) -> str:
    """Return ` of Content-Length` and the like for a field that the server itself uses, '' for another one."""
    place = _NAMED_FIELDS.get(name.lower())
    return f" of {place}" if place and place is not Place.FIELD_NAME else ""


def _list_shape(value: bytes) -> str:
    """Return the shape of a Content-Length; a list says whether its members are equal."""
    members = [each.strip() for each in value.split(b",")]
    found = shape(value)
    if len(members) > 1 and all(each.isdigit() for each in members):
        return f"{found}, {'equal' if len(set(members)) == 1 else 'different'}"
    return found
