"""Where a request's body ends (RFC 9112, sections 6 and 7.1). Values in, values out."""

from __future__ import annotations

import re

from . import parsing
from .parsing import TOKEN, Fields
from .rejection import RequestRejected

CHUNK_LINE_LIMIT = 4 * 1024
"""Bytes of a chunk-size line with its extensions, which nobody uses."""

CHUNK_DIGITS = 15
"""Hexadecimal digits of a chunk's size that fit 63 bits, leading zeros left out."""

CHUNKED = -1
"""In place of a length: the body is chunked."""

_LENGTH = re.compile(rb"[0-9]+\Z")
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]+)(?:[ \t]*;[ \t]*" + TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + TOKEN + rb'|"(?:[\t !#-\[\]-~\x80-\xff]|'
    rb'\\[\t -~\x80-\xff])*"))?)*\Z'
)


def length(fields: Fields, used: tuple[int, int]) -> int:
    """Return the body's length, or CHUNKED. Refuses whatever leaves room for two opinions."""
    if parsing.values(fields, b"transfer-encoding"):
        return coded(fields, used)
    return declared(fields)


def coded(fields: Fields, used: tuple[int, int]) -> int:
    """Return CHUNKED where that is what Transfer-Encoding says, alone (section 6.1)."""
    if used < (1, 1):
        raise RequestRejected(400, "there is no Transfer-Encoding in HTTP/1.0")
    if parsing.values(fields, b"content-length"):
        raise RequestRejected(400, "there are both Transfer-Encoding and Content-Length")
    codings = parsing.members(fields, b"transfer-encoding")
    if not codings or codings[-1] != b"chunked":
        raise RequestRejected(400, "the last transfer coding is not chunked")
    if b"chunked" in codings[:-1]:
        raise RequestRejected(400, "chunked is applied twice")
    if len(codings) > 1:
        raise RequestRejected(501, "only the transfer coding chunked is known here")
    return CHUNKED


def declared(fields: Fields) -> int:
    """Return what Content-Length says; 0 where there is none (section 6.3)."""
    lengths = parsing.values(fields, b"content-length")
    if not lengths:
        return 0
    if len(lengths) > 1:
        raise RequestRejected(400, "there is more than one Content-Length")
    return decimal(lengths[0])


def decimal(text: bytes) -> int:
    """Return the value of a Content-Length."""
    if not _LENGTH.match(text):
        raise RequestRejected(400, "the Content-Length is no number")
    if len(text.lstrip(b"0")) > 19 or int(text) > parsing.LENGTH_LIMIT:
        raise RequestRejected(413, "no file has such a length")
    return int(text)


def chunk_size(line: bytes) -> int:
    """Return the size that a chunk's first line gives; its extensions must be well-formed, and are ignored."""
    match = _CHUNK_LINE.match(line)
    if not match:
        raise RequestRejected(400, "a chunk does not begin with its size")
    return hexadecimal(match[1])


def hexadecimal(digits: bytes) -> int:
    """Return the value of a chunk's size."""
    if len(digits.lstrip(b"0")) > CHUNK_DIGITS:
        raise RequestRejected(413, "a chunk is larger than any file")
    return int(digits, 16)


def persistent(fields: Fields, used: tuple[int, int]) -> bool:
    """Say whether the connection is to outlive this request (section 9.3)."""
    options = parsing.members(fields, b"connection")
    if b"close" in options:
        return False
    return used >= (1, 1) or b"keep-alive" in options
