"""Escape text and bytes from servers, so that they can act on neither a terminal nor a reader.

Bytes are written as in Python's bytes literals (`\\r`, `\\x1b`), with a line break after each LF. In text, control,
bidirectional-override and zero-width characters and lone surrogates become escapes.
"""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff"
    # Characters without width, which could hide in other text: fillers, selectors, tags, joiners of rare scripts.
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_WHITESPACE = re.compile(r"[ \t\n]+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")
_BYTES = [chr(value) if 0x20 <= value < 0x7F else f"\\x{value:02x}" for value in range(256)]
_BYTES[0x5C], _BYTES[0x0D], _BYTES[0x0A], _BYTES[0x09] = "\\\\", "\\r", "\\n\n", "\\t"


def escape_bytes(data: bytes) -> str:
    """Return `data` with every byte that is not printable ASCII as an escape, and a line break after each LF."""
    return "".join([_BYTES[value] for value in data]).removesuffix("\n")


def escape_text(text: str) -> str:
    """Return `text` with escapes for all characters that could act on a terminal or a page. LF and HTAB stay."""
    if text.isascii() and text.isprintable():
        return text  # the usual case, and several times faster
    return _UNPRINTABLE.sub(_escape, text)


def line(text: str, limit: int = 0) -> str:
    """Return `text` escaped and on one line, with at most `limit` characters (0: any length)."""
    flat = _WHITESPACE.sub(" ", escape_text(text)).strip(" ")
    return flat if not limit or len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def first_sentence(text: str) -> str:
    """Return the first sentence of `text`, or two if the first is a question."""
    parts = _SENTENCE.split(text, maxsplit=2)
    return text if len(parts) == 1 else " ".join(parts[: 2 if parts[0].endswith("?") else 1])


def _escape(found: re.Match[str]) -> str:
    number = ord(found.group())
    named = {0x0D: "\\r", 0x0B: "\\v", 0x0C: "\\f"}.get(number)
    if number > 0xFFFF:
        return f"\\U{number:08x}"
    return named or (f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}")
