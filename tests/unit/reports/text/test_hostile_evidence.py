"""Whatever a server sent or an app saw: what a report shows of it is printable, escaped, and loses nothing silently."""

from __future__ import annotations

import ast
import sys
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from wsgi_gauntlet.harness.model import AppEvent, ConnectionEvent, ConnectionEventKind, Evidence
from wsgi_gauntlet.reports.text.escaping import escape_bytes, escape_text, first_sentence, line
from wsgi_gauntlet.reports.text.timeline import timeline

VISIBLE_FORMAT_CHARACTERS = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Format characters that are drawn: signs that stand around the numbers after them."""

quickly = settings(max_examples=300, deadline=None, derandomize=True, database=None)

texts = st.text(st.characters(), max_size=60)  # lone surrogates too
details = st.dictionaries(
    texts, st.recursive(st.one_of(texts, st.none(), st.integers(), st.floats(), st.binary()), st.lists, max_leaves=5)
)
wire = st.builds(
    ConnectionEvent,
    st.floats(0, 1e6),
    st.integers(0, 3),
    st.sampled_from(ConnectionEventKind),
    st.binary(max_size=80),
    texts,
)
app = st.builds(AppEvent, st.floats(0, 1e6), texts, st.integers(0, 9), st.integers(0, 9), texts, detail=details)


def harmless(text: str) -> bool:
    """Say whether `text` can move neither a cursor nor a reader's eye; line feeds and tabs are the caller's."""
    return not any(
        unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        for each in text
        if each not in VISIBLE_FORMAT_CHARACTERS + "\n\t"
    )


def test_no_character_at_all_does_harm() -> None:
    assert [hex(number) for number in range(sys.maxunicode + 1) if not harmless(escape_text(chr(number)))] == []
    assert escape_text("\U000e0041\u180e") == "\\U000e0041\\u180e"


@quickly
@given(st.binary(max_size=300))
def test_visible_bytes_can_be_read_back(data: bytes) -> None:
    shown = escape_bytes(data)
    assert shown.replace("\n", "").isascii()
    assert shown.replace("\n", "").isprintable()
    literal = shown.replace("\n", "").replace("'", "\\'")
    assert ast.literal_eval(f"b'{literal}'") == data


@quickly
@given(texts, st.integers(1, 40))
def test_text_is_harmless(text: str, limit: int) -> None:
    assert harmless(escape_text(text))
    assert harmless(first_sentence(escape_text(text)))
    one = line(text, limit)
    assert harmless(one)
    assert "\n" not in one
    assert len(one) <= limit
    escape_text(text).encode()


@settings(quickly, max_examples=100)  # an example has many texts, and the tests above try each character
@given(st.lists(wire, max_size=4), st.lists(app, max_size=4), st.integers(0, 200))
def test_rows_are_harmless_and_in_order(sent: list[ConnectionEvent], reported: list[AppEvent], detail: int) -> None:
    rows = timeline(Evidence(tuple(sent), tuple(reported)), detail)
    assert len(rows) == len(sent) + len(reported)
    assert [row.at for row in rows] == sorted(row.at for row in rows)
    for row in rows:
        assert harmless(row.label + row.text)
        (row.label + row.text).encode()
