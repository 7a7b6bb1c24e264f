"""A request's lines: bytes in, values out (RFC 9112, sections 2, 3 and 5).

Where the RFC lets a server choose between refusing and repairing, this one refuses.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from .rejection import RequestRejected

REQUEST_LINE_LIMIT = 16 * 1024
"""Bytes; RFC 9112, section 3, recommends 8000 at least."""

HEAD_LIMIT = 64 * 1024
"""Bytes of the header section, and of a trailer section. nginx takes 32 KiB, Apache 8 KiB a line."""

FIELDS_LIMIT = 100
"""Header fields of a request: what gunicorn, Apache and http.server take."""

EMPTY_LINES_LIMIT = 4
"""Empty lines before a request line that are passed over; section 2.2 asks for one at least."""

LENGTH_LIMIT = 2**63 - 1
"""The longest body that a signed 64-bit file size can express."""

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
"""RFC 9110, section 5.6.2."""

PATH = rb"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*"
QUERY = rb"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*"
NAME = rb"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})"
LITERAL = rb"\[(?:[0-9A-Fa-f:.]+|[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\]"
HOST = rb"(?:" + LITERAL + rb"|" + NAME + rb"*)(?::[0-9]*)?"
"""RFC 3986, section 3.2.2, but for the groups of an IPv6 address, which `valid_host` counts."""

_BEGINNING = re.compile(rb"(?:\r?\n?|" + TOKEN + rb"(?: .*)?)\Z", re.DOTALL)
_REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([^ ]+) ([^ ]+)\Z", re.DOTALL)
_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])\Z")
_ORIGIN = re.compile(rb"(/" + PATH + rb")(?:\?(" + QUERY + rb"))?\Z")
_ABSOLUTE = re.compile(rb"http(s?)://(" + HOST + rb")(/" + PATH + rb")?(?:\?(" + QUERY + rb"))?\Z", re.IGNORECASE)
_AUTHORITY = re.compile(rb"(?:" + LITERAL + rb"|" + NAME + rb"+):([0-9]+)\Z")
_HOST = re.compile(HOST + rb"\Z")
_FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*(.*?)[ \t]*\Z", re.DOTALL)
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z", re.DOTALL)

Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class RequestLine:
    """Method, target and version as they came; `version` is (major, minor)."""

    method: bytes
    target: bytes
    version: tuple[int, int]


@dataclass(frozen=True)
class Target:
    """A target's parts. `authority` is that of the absolute form, None in the others; `secure` where that is https."""

    path: bytes
    query: bytes = b""
    authority: bytes | None = None
    secure: bool = False


def plausible(beginning: bytes) -> bool:
    """Say whether a request may begin so; what is no HTTP at all is not waited for to end."""
    return bool(_BEGINNING.match(beginning))


def terminated(line: bytes) -> bytes:
    """Return `line`, which ends with LF, without its CRLF.

    Section 2.2 lets a server take LF alone for the end; of a bare CR it says that the element is invalid.
    """
    if not line.endswith(b"\r\n"):
        raise RequestRejected(400, "a line ends with LF alone")
    content = line[:-2]
    if b"\r" in content:
        raise RequestRejected(400, "there is a CR in the middle of a line")
    return content


def request_line(line: bytes) -> RequestLine:
    """Return the parts of a request line (section 3), separated by single spaces."""
    match = _REQUEST_LINE.match(line)
    if not match:
        raise RequestRejected(400, "this is no request line")
    return RequestLine(match[1], match[2], version(match[3]))


def version(text: bytes) -> tuple[int, int]:
    """Return (major, minor) of an HTTP-version (section 2.3), which must be one of HTTP/1's."""
    match = _VERSION.match(text)
    if not match:
        raise RequestRejected(400, "this is no version of HTTP")
    major, minor = int(match[1]), int(match[2])
    if major != 1:
        raise RequestRejected(505, "only HTTP/1 is spoken here")
    return major, minor


def too_long(line: bytes) -> RequestRejected:
    """Return what is to be said of a request line that begins with `line` and has gone past the limit (section 3)."""
    if b" " not in line:
        return RequestRejected(501, "the method is longer than any that is implemented")
    return RequestRejected(414, f"the request line is longer than {REQUEST_LINE_LIMIT} bytes")


def target(method: bytes, text: bytes) -> Target:
    """Return the parts of a target in that of the four forms (section 3.2) that `method` goes with."""
    if method == b"CONNECT":
        return connect(text)
    if text == b"*" and method == b"OPTIONS":
        return Target(b"*")
    if match := _ORIGIN.match(text):
        return Target(match[1], match[2] or b"")
    if match := _ABSOLUTE.match(text):
        if not match[2] or match[2].startswith(b":") or not valid_host(match[2]):
            raise RequestRejected(400, "the target names no host")
        nothing = b"*" if method == b"OPTIONS" and match[4] is None else b"/"
        return Target(match[3] or nothing, match[4] or b"", match[2], secure=bool(match[1]))
    raise RequestRejected(400, "the target has none of the forms that RFC 9112 knows for this method")


def connect(text: bytes) -> Target:
    """Refuse CONNECT; RFC 9110, section 9.3.6: "most origin servers do not implement CONNECT"."""
    match = _AUTHORITY.match(text)
    if not match or not valid_host(text) or int(match[1]) not in range(1, 65536):
        raise RequestRejected(400, "CONNECT names no host and port")
    raise RequestRejected(501, "there is no proxy here")


def field(line: bytes) -> tuple[bytes, bytes]:
    """Return name and value of a field line (section 5); only SP and HTAB around the value are left out."""
    if line[:1] in (b" ", b"\t"):
        raise RequestRejected(400, "a line of the header section begins with whitespace")
    match = _FIELD.match(line)
    if not match:
        raise RequestRejected(400, "a line of the header section is no field")
    if not _VALUE.match(match[2]):
        raise RequestRejected(400, "a field's value holds a control character")
    return match[1], match[2]


def values(fields: Fields, name: bytes) -> list[bytes]:
    """Return every value of the field `name`, in order."""
    return [value for key, value in fields if key.lower() == name]


def members(fields: Fields, name: bytes) -> list[bytes]:
    """Return the members of a list-valued field in lower case; empty ones do not count (RFC 9110, section 5.6.1)."""
    found = b",".join(values(fields, name)).lower().split(b",")
    return [member.strip(b" \t") for member in found if member.strip(b" \t")]


def check_host(fields: Fields, used: tuple[int, int]) -> None:
    """Refuse a request without Host, with more than one, or with an invalid one (section 3.2)."""
    hosts = values(fields, b"host")
    if len(hosts) > 1:
        raise RequestRejected(400, "there is more than one Host field")
    if not hosts and used >= (1, 1):
        raise RequestRejected(400, "there is no Host field")
    if hosts and not valid_host(hosts[0]):
        raise RequestRejected(400, "the Host field is invalid")


def valid_host(value: bytes) -> bool:
    """Say whether `value` is a host with or without a port; an empty one is valid (section 3.2)."""
    if not _HOST.match(value):
        return False
    literal = value[1:].partition(b"]")[0].decode() if value.startswith(b"[") else ""
    return not literal or literal[0] in "vV" or address(literal)


def address(text: str) -> bool:
    """Say whether `text` is an IPv6 address (RFC 3986, section 3.2.2)."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def named(fields: Fields, authority: bytes | None) -> Fields:
    """Return `fields` with the host that an absolute target names, in place of the Host field's (section 3.2.2)."""
    if authority is None:
        return fields
    return [(b"Host", authority), *((name, value) for name, value in fields if name.lower() != b"host")]
