"""Standard output and standard error that take every character, whatever the locale's encoding has."""

from __future__ import annotations

import codecs
import io
import sys

ERROR_HANDLER_NAME = "wsgi-gauntlet"
_ASCII_LOOKALIKES = str.maketrans(
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


def replace_unencodable(error: UnicodeError) -> tuple[str, int]:
    r"""Return what stands for characters that an encoding lacks: one that looks like it, else its number, as \u4e2d."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_ASCII_LOOKALIKES)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


def configure_output_encoding() -> None:
    """Have both streams print what their encoding has no bytes for in other characters, instead of failing."""
    codecs.register_error(ERROR_HANDLER_NAME, replace_unencodable)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERROR_HANDLER_NAME)
