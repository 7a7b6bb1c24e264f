"""Whether what a case sent on one connection is a row of whole, well-formed HTTP/1 requests of ordinary size.

Strict where a server may be lenient: what is not plainly good is "no", and then a way of sending it proves nothing
(a server may refuse it at the first byte that is wrong). Grammar of RFC 9112, sections 2 to 7, and RFC 9110, section 5.
"""

from __future__ import annotations

import ipaddress
import re

ORDINARY_LIMIT_BYTES = 8000
"""Bytes of a head, or of a chunk's line. RFC 9112, section 3: "It is RECOMMENDED that all HTTP senders and recipients
support, at a minimum, request-line lengths of 8000 octets." A longer one may be refused before it has come whole."""

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") (\S+) HTTP/1\.([01])")
_TARGET = re.compile(rb"(?:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*((?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[ \t]*")
_HOST = re.compile(
    rb"(?:(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})*"
    rb"|\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|\[[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+\])(?::[0-9]*)?"
)
"""RFC 3986, section 3.2.2; of a name's characters all but the comma, which two Host fields in one would bring in."""

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


def well_formed(sent: bytes, unrecorded_bytes: int = 0) -> bool:
    """Say whether `sent` is one or more whole, well-formed requests and nothing else.

    `unseen` is how many bytes more went out that were not kept; they may only be the rest of a body.
    """
    rest: bytes | None = sent
    while rest:
        rest = after_request(rest, unrecorded_bytes)
    return bool(sent) and rest is not None


def first_message(data: bytes) -> tuple[int, int] | None:
    """Return where the head and where the body ends of the request that `data` begins with; None where that is unclear.

    A body that goes on after `data` ends with it.
    """
    end = data.find(b"\r\n\r\n") + 4
    if end < 4:
        return None
    rest = after_request(data, None)
    return None if rest is None else (end, len(data) - len(rest))


def after_request(data: bytes, unrecorded_bytes: int | None) -> bytes | None:
    """Return what follows the request that `data` begins with; None where it is not whole and well-formed.

    `unseen` is as for `well_formed`, None where any number of bytes may follow.
    """
    end = data.find(b"\r\n\r\n")
    if not 0 <= end <= ORDINARY_LIMIT_BYTES:
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


def _is_target(method: bytes, target: bytes) -> bool:
    if not _TARGET.fullmatch(target):
        return False
    if method == b"CONNECT":
        return _is_host(target) and re.search(rb":[0-9]+\Z", target) is not None
    return target[:1] == b"/" or target.lower().startswith((b"http://", b"https://"))


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
        size = _CHUNK_LINE.fullmatch(data[:end]) if 0 <= end <= ORDINARY_LIMIT_BYTES else None
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
