"""The request heads of the harness, and a check whether sent bytes are whole, well-formed HTTP/1 requests.

The check is strict where a server may be lenient. If a request is not clearly good, the way of sending it proves
nothing: a server may reject it at the first wrong byte. Grammar of RFC 9112, sections 2 to 7, and RFC 9110, section 5.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from wsgi_gauntlet.harness.http.address import Address

HEAD_SIZE_LIMIT_BYTES = 8000
"""Bytes of a head, or of a chunk's line. RFC 9112, section 3: "It is RECOMMENDED that all HTTP senders and recipients
support, at a minimum, request-line lengths of 8000 octets." A server may reject a longer one before it is complete."""

CACHED_REQUEST_BYTES = 4096
"""Bytes of the largest request whose result is kept for a while."""

CACHED_REQUESTS = 256
"""Results that are kept: those of the attempts that run at the same time."""

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") (\S+) HTTP/1\.([01])")
_TARGET = re.compile(rb"(?:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_ABSOLUTE = re.compile(rb"(?i)https?://(?!:)([^/?]+)(?:[/?].*)?")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*((?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[ \t]*")
_HOST = re.compile(
    rb"(?:(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})*"
    rb"|\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|\[[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+\])(?::[0-9]*)?"
)
"""RFC 3986, section 3.2.2, without the comma: two Host fields joined into one would contain it."""

_CONTENT_LENGTH = re.compile(rb"[0-9]{1,18}")
_QUOTED_STRING = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,15})((?:[ \t]*;[ \t]*"
    + _TOKEN
    + rb"(?:[ \t]*=[ \t]*(?:"
    + _TOKEN
    + rb"|"
    + _QUOTED_STRING
    + rb"))?)*)"
)


def get_request(address: Address, target: str, *fields: str) -> bytes:
    """Return a GET request for `target` with the Host of `address` and the header lines `fields`."""
    return "\r\n".join((f"GET {target} HTTP/1.1", f"Host: {address.authority}", *fields, "", "")).encode("latin-1")


def well_formed(sent: bytes, unrecorded_bytes: int = 0) -> bool:
    """Return whether `sent` is one or more whole, well-formed requests and nothing else.

    `unrecorded_bytes` more were sent and not kept; they may only be the rest of a body.
    """
    rest: bytes | None = sent
    while rest:
        rest = after_request(rest, unrecorded_bytes)
    return bool(sent) and rest is not None


def first_message(data: bytes) -> tuple[int, int] | None:
    """Return the offsets of the end of the head and of the body of the first request in `data`; None if unclear.

    If the body is longer than `data`, its end is the end of `data`.
    """
    end = data.find(b"\r\n\r\n") + 4
    if end < 4:
        return None
    rest = after_request(data, None)
    return None if rest is None else (end, len(data) - len(rest))


def after_request(data: bytes, unrecorded_bytes: int | None) -> bytes | None:
    """Return the bytes after the first request in `data`; None if that is not whole and well-formed.

    `unrecorded_bytes` is as for `well_formed`; None means any number.
    """
    if len(data) <= CACHED_REQUEST_BYTES:
        return _after_small_request(data, unrecorded_bytes)
    return _after_request(data, unrecorded_bytes)


def _after_request(data: bytes, unrecorded_bytes: int | None) -> bytes | None:
    end = data.find(b"\r\n\r\n")
    if not 0 <= end <= HEAD_SIZE_LIMIT_BYTES:
        return None
    line, *lines = data[:end].split(b"\r\n")
    request_line = _REQUEST_LINE.fullmatch(line)
    if not request_line or not _is_target(request_line[1], request_line[2]):
        return None
    fields: dict[bytes, list[bytes]] = {}
    for each in lines:
        field = _FIELD.fullmatch(each)
        if not field:
            return None
        fields.setdefault(field[1].lower(), []).append(field[2])
    hosts = fields.get(b"host", [])
    if len(hosts) != 1 and (request_line[3] == b"1" or len(hosts) > 1):
        return None
    if not all(_is_host(each) for each in hosts):
        return None
    return _after_body(data[end + 4 :], fields, is_http11=request_line[3] == b"1", unrecorded_bytes=unrecorded_bytes)


_after_small_request = lru_cache(CACHED_REQUESTS)(_after_request)
"""An attempt asks for the same bytes up to three times: to cut them, to know whether they may be cut, and for lint."""


def _is_target(method: bytes, target: bytes) -> bool:
    if not _TARGET.fullmatch(target):
        return False
    if method == b"CONNECT":
        return _is_host(target) and re.search(rb":[0-9]+\Z", target) is not None
    absolute = _ABSOLUTE.fullmatch(target)
    return target[:1] == b"/" or (absolute is not None and _is_host(absolute[1]))


def _is_host(value: bytes) -> bool:
    found = _HOST.fullmatch(value)
    if found is None or found["ipv6"] is None:
        return found is not None
    try:
        ipaddress.IPv6Address(found["ipv6"].decode("ascii"))
    except ValueError:
        return False
    return True


def _after_body(
    data: bytes, fields: dict[bytes, list[bytes]], *, is_http11: bool, unrecorded_bytes: int | None
) -> bytes | None:
    lengths, codings = fields.get(b"content-length", []), fields.get(b"transfer-encoding", [])
    if codings:
        chunked = is_http11 and not lengths and len(codings) == 1 and codings[0].lower() == b"chunked"
        return _after_chunks(data, unrecorded_bytes) if chunked else None
    if not lengths:
        return data
    if len(lengths) > 1 or not _CONTENT_LENGTH.fullmatch(lengths[0]):
        return None
    length = int(lengths[0])
    if length > len(data):
        return b"" if unrecorded_bytes is None or length == len(data) + unrecorded_bytes else None
    return data[length:]


def _after_chunks(data: bytes, unrecorded_bytes: int | None) -> bytes | None:
    more = unrecorded_bytes is None or unrecorded_bytes > 0
    while True:
        end = data.find(b"\r\n")
        size = _CHUNK_LINE.fullmatch(data[:end]) if 0 <= end <= HEAD_SIZE_LIMIT_BYTES else None
        if not size:
            return b"" if more and end < 0 else None
        length, data = int(size[1], 16), data[end + 2 :]
        if not length:
            return _after_trailers(data)
        if len(data) < length + 2:
            return b"" if more else None
        if data[length : length + 2] != b"\r\n":
            return None
        data = data[length + 2 :]


def _after_trailers(data: bytes) -> bytes | None:
    while True:
        line, found, data = data.partition(b"\r\n")
        if not found:
            return None
        if not line:
            return data
        if not _FIELD.fullmatch(line):
            return None
