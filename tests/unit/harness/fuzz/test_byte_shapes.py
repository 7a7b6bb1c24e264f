"""Shapes and escapes of bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.fuzz.byte_shapes import escaped, shape, unescaped


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"+5", "+9"),
        (b"0", "0"),
        (b"0005", "09"),
        (b"18446744073709551621", "9..."),
        (b"a,b", "a,a"),
        (b"5\x0b", "9<VT or FF>"),
        (b"\xa05", "<NEL or NBSP>9"),
        (b"   ", "<SP><SP>"),
    ],
)
def test_shapes(data: bytes, expected: str) -> None:
    assert shape(data) == expected


def test_words_stay_and_show_another_case() -> None:
    assert shape(b"gzip, CHUNKED", [b"chunked", b"gzip"]) == "gzip,<SP><chunked in another case>"


def test_hexadecimal_digits_are_digits() -> None:
    assert shape(b"0aF;x", hexadecimal=True) == "09;a"


@given(st.binary())
def test_escapes_can_be_read_back(data: bytes) -> None:
    text = escaped(data)
    assert text.isascii()
    assert text.isprintable()
    assert unescaped(text) == data


@pytest.mark.parametrize(("text", "message"), [("\\q", "no escape"), ("\\x1", "no escape"), ("é", "not ASCII")])
def test_wrong_escapes_are_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unescaped(text)
