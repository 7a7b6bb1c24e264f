"""Short descriptions of bytes: two inputs with equal descriptions differ in nothing that a parser looks at. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

HUGE_DIGITS = 16
"""Digits from which a number is called huge: it may not fit into 64 bits."""

_RUN = re.compile(rb"[0-9]+|[A-Za-z]+|[^0-9A-Za-z]", re.DOTALL)
_HEXADECIMAL_RUN = re.compile(rb"[0-9A-Fa-f]+|[G-Zg-z]+|[^0-9A-Za-z]", re.DOTALL)

_NAMED_BYTES = {0: "NUL", 9: "HTAB", 10: "LF", 13: "CR", 32: "SP", 127: "DEL"}


def byte_class(byte: int) -> str:
    """Return the class of a byte: a printable ASCII character is its own class."""
    if byte in _NAMED_BYTES:
        return _NAMED_BYTES[byte]
    if byte in (11, 12):
        return "VT or FF"
    if 28 <= byte <= 31:
        return "FS to US"  # whitespace for str.split of Python
    if byte < 32:
        return "control"
    if byte in (0x85, 0xA0):
        return "NEL or NBSP"  # likewise
    return chr(byte) if byte < 127 else "byte above 7F"


def byte_classes(data: bytes, allowed: bytes) -> list[str]:
    """Return the classes of the bytes of `data` that are not `allowed`, sorted, each once."""
    return sorted({byte_class(each) for each in data if each not in allowed})


def shape(data: bytes, words: Iterable[bytes] = (), *, hexadecimal: bool = False) -> str:
    """Return `data` with its runs of digits and letters shortened to `9` and `a`.

    `words` stay as they are; in another case they are marked. A number with leading zeros is `09`, a long one `9...`.
    With `hexadecimal` the letters A to F are digits.
    """
    kept = {each.lower(): each for each in words}
    found: list[str] = []
    for match in (_HEXADECIMAL_RUN if hexadecimal else _RUN).finditer(data):
        run = match[0]
        text = _run_shape(run, kept, hexadecimal=hexadecimal)
        # A repeated sign is written once more only: `,,,` and `,,` are the same.
        if found[-2:] != [text, text]:
            found.append(text)
    return "".join(found)


def _run_shape(run: bytes, kept: dict[bytes, bytes], *, hexadecimal: bool) -> str:
    if run.lower() in kept:
        word = kept[run.lower()]
        return run.decode("ascii") if run == word else f"<{word.decode('ascii')} in another case>"
    if run.isdigit() or (hexadecimal and re.fullmatch(rb"[0-9A-Fa-f]+", run)):
        digits = run.lstrip(b"0")
        number = "9..." if len(digits) >= HUGE_DIGITS else "9" if digits else "0"
        return number if run[:1] != b"0" or run == b"0" else f"0{number}"
    if run.isalpha():
        return "a"
    name = byte_class(run[0])
    return name if len(name) == 1 else f"<{name}>"


def escaped(data: bytes) -> str:
    r"""Return `data` as ASCII text: backslash escapes for what is not printable, and for the backslash."""
    return "".join(_escape(byte) for byte in data)


def _escape(byte: int) -> str:
    if byte in _ESCAPES:
        return _ESCAPES[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"


_ESCAPES = {9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|([tnr\\'\"0]))")


def unescaped(text: str) -> bytes:
    r"""Return the bytes of `text`: the escapes are \r, \n, \t, \0, \\, \', \" and \xNN.

    Raises ValueError for another escape, and for a character above ASCII.
    """
    if not text.isascii():
        bad = next(each for each in text if not each.isascii())
        raise ValueError(f"{bad!r} is not ASCII; write its bytes as \\xNN")
    rest = _ESCAPE.sub("", text)
    if "\\" in rest:
        at = rest.index("\\")
        raise ValueError(rf"{rest[at : at + 4]!r} is no escape; write \r, \n, \t, \\ or \xNN")
    simple = {"t": "\t", "n": "\n", "r": "\r", "0": "\0"}
    return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else simple.get(m[2], m[2]), text).encode("latin-1")
