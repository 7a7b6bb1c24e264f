"""Pack the data of the page: a block is JSON, deflated (RFC 1951), as base64."""

from __future__ import annotations

import base64
import json
import zlib


def pack(value: object) -> str:
    """Return `value` as a block. Lone surrogates become escapes of JSON."""
    data = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return base64.b64encode(compressor.compress(data) + compressor.flush()).decode("ascii")


def unpack(text: str) -> object:
    """Return the value of a block."""
    return json.loads(zlib.decompress(base64.b64decode(text), -zlib.MAX_WBITS))
