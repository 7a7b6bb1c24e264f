"""Nothing that a server sent reaches a terminal or a page as it is."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.reports.text.escaping import escape_bytes, escape_text, first_sentence, line


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\\r\\n\n\\r\\n"),
        (b"\x00\x1b[2J\xff", "\\x00\\x1b[2J\\xff"),
        (b"a\\x00", "a\\\\x00"),
        (b"", ""),
    ],
)
def test_bytes_are_shown_as_python_writes_them(data: bytes, shown: str) -> None:
    """A line on the wire is a line of text; an escape cannot be mistaken for the characters it is written with."""
    assert escape_bytes(data) == shown


def test_every_byte_is_shown_in_printable_ascii() -> None:
    """All 256 of them, and no two alike."""
    shown = {escape_bytes(bytes([value])) for value in range(256)}
    assert len(shown) == 256
    assert all(each.isascii() and each.isprintable() for each in shown)


def test_text_loses_what_could_act() -> None:
    """Control characters, direction overrides, zero-width characters and lone surrogates are written out."""
    assert (
        escape_text("a\x1b[31m\x07\u202e\u200b\ud800\x85b\tc\nd") == "a\\x1b[31m\\x07\\u202e\\u200b\\ud800\\x85b\tc\nd"
    )
    assert escape_text("naïve 日本 ✓") == "naïve 日本 ✓"


def test_a_line_is_one_line() -> None:
    """Breaks become spaces, what is too long ends in an ellipsis, a no-break space stays one."""
    assert line(" a \n b\tc ") == "a b c"
    assert line("a\r\nb") == "a\\r b"
    assert line("5\u00a0ms") == "5\u00a0ms"
    assert line("abcdef", 4) == "abc…"


def test_the_opening_is_one_sentence() -> None:
    """Or the question and its answer."""
    assert first_sentence("They come. Then they go.") == "They come."
    assert first_sentence("What do they get? A page e.g. this. More.") == "What do they get? A page e.g. this."
    assert first_sentence("v1.5 is one word") == "v1.5 is one word"
