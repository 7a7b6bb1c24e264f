"""Bytes whose values depend on their position, so that every lost, doubled or moved byte shows."""

from __future__ import annotations

import random
from typing import List

PERIOD_BYTES = 1048583
"""The pattern repeats after this many bytes: the first prime number above 1 MiB, so that no buffer size divides it."""

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_TO_LETTERS = bytes(_LETTERS[number % len(_LETTERS)] for number in range(256))

_cache: List[bytes] = []


def pattern(size: int, offset: int = 0) -> bytes:
    """Return `size` bytes of the pattern from `offset` on."""
    if not _cache:
        # The same numbers in every version of Python; Random.randbytes() needs Python 3.9.
        _cache.append(random.Random(3333).getrandbits(8 * PERIOD_BYTES).to_bytes(PERIOD_BYTES, "little"))
    start = offset % PERIOD_BYTES
    found = _cache[0][start : start + size]
    while len(found) < size:
        found += _cache[0][: size - len(found)]
    return found


def letters(size: int, offset: int = 0) -> str:
    """Return `size` letters and digits of a pattern from `offset` on; they need no encoding in a URL or a header."""
    return pattern(size, offset).translate(_TO_LETTERS).decode("ascii")
