"""Estimate the width of text, so that no text of a chart leaves its place.

A chart does not know the reader's font. The widths are those of DejaVu Sans, wider than the other fonts of the list, so
the text is never wider than the estimate.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from wsgi_gauntlet.reports.text.escaping import line

_DEFAULT_EM, _FULL_WIDTH_EM, _BOLD_FACTOR = 0.64, 1.05, 1.12


class _Widths(dict[str, float]):
    """The widths of characters in em."""

    def __missing__(self, character: str) -> float:
        return _DEFAULT_EM if character.isascii() else _wide(character)


_EM = _Widths()
for _characters, _em in (
    ("ijl'|", 0.29), ("It.,:;!()[] /\\\u00a0f-·", 0.40), ("rs\"*cz_kvxy", 0.6),
    ("ABCEFGJKLPRSTVXYZ", 0.70), ("DHNOQU&", 0.8), ("mwMW@%+=<>~", 1.0), ("…—→≥", 1.0),
):  # fmt: skip
    _EM |= dict.fromkeys(_characters, _em)


@lru_cache(maxsize=8192)
def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return an upper estimate of the width of `text` in a font of `size` pixels."""
    return sum(map(_EM.__getitem__, text)) * size * (_BOLD_FACTOR if bold else 1.0)


@lru_cache(maxsize=8192)
def fit(text: str, size: float, room: float, *, bold: bool = False, smallest: float = 9.0) -> tuple[str, float]:
    """Return `text` and a font size for which it fits into `room` pixels.

    The text is first set smaller, down to `smallest`. Then its middle is left out: a server name differs at both ends.
    """
    text = line(text)
    needed = text_width(text, size, bold=bold)
    if needed <= room:
        return text, size
    reduced = max(smallest, size * room / needed)
    if text_width(text, reduced, bold=bold) <= room + 0.01:
        return text, reduced
    em_pixels = reduced * (_BOLD_FACTOR if bold else 1.0)
    widths = [_EM[each] * em_pixels for each in text]
    left = room - text_width("…", reduced, bold=bold)
    head = tail = 0
    while head + tail < len(text):
        # The head and the tail grow in turn.
        width = widths[head] if head <= tail else widths[len(text) - 1 - tail]
        if width > left:
            break
        left -= width
        head, tail = (head + 1, tail) if head <= tail else (head, tail + 1)
    return f"{text[:head]}…{text[len(text) - tail :]}", reduced


def _wide(character: str) -> float:
    if unicodedata.combining(character):
        return 0.1
    return _FULL_WIDTH_EM if unicodedata.east_asian_width(character) in "WF" else 0.95
