"""Standard output and standard error that take every character, whatever the locale's encoding has."""

from __future__ import annotations

import codecs
import io
import sys

ERRORS = "wsgi-gauntlet"
_ALIKE = str.maketrans(
    {
        "“": "'",
        "”": "'",
        "‘": "'",
        "’": "'",
        "…": "...",
        "–": "-",
        "—": "-",
        "×": "x",
        "·": "*",
        "•": "*",
        "→": "->",
        "←": "<-",
        "≥": ">=",
        "≤": "<=",
        "✓": "+",
        "✔": "+",
        "✗": "x",
        "✘": "x",
        "\u00a0": " ",
        "\u202f": " ",
    }
)


def spelled(error: UnicodeError) -> tuple[str, int]:
    r"""Return what stands for characters that an encoding lacks: one that looks like it, else its number, as \u4e2d."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_ALIKE)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


def take_every_character() -> None:
    """Have both streams print what their encoding has no bytes for in other characters, instead of failing."""
    codecs.register_error(ERRORS, spelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)
