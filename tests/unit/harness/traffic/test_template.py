"""Texts with placeholders: the right bytes at each place of a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.traffic.template import (
    MissingValue,
    Place,
    Template,
    escape_placeholders,
    names_user,
    parse_text,
    pieces,
    target_pieces,
)

VALUE = 'a/b c&d=é"\\\r\n'


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place.PATH, b"<a/b%20c&d=%C3%A9%22%5C%0D%0A>"),
        (Place.QUERY, b"<a%2Fb%20c%26d%3D%C3%A9%22%5C%0D%0A>"),
        (Place.JSON, b'<a/b c&d=\\u00e9\\"\\\\\\r\\n>'),
        (Place.HEADER, '<a/b c&d=é"\\ >'.encode()),
        (Place.TEXT, f"<{VALUE}>".encode()),
    ],
)
def test_values_are_encoded_for_their_place(place: Place, expected: bytes) -> None:
    assert Template(pieces("<${v}>", place)).render({"v": VALUE}) == expected


def test_literal_texts_of_a_form_are_encoded() -> None:
    assert Template(pieces("a b&${v}", Place.FORM)).render({"v": "c d"}) == b"a+b%26c+d"


def test_a_value_after_the_question_mark_is_one_of_a_query() -> None:
    made = Template(target_pieces("/x/${v}?q=${v}"))
    assert made.render({"v": "a/b"}) == b"/x/a/b?q=a%2Fb"
    assert made.names == ("v",)


def test_a_text_without_placeholders_is_made_once() -> None:
    made = Template(pieces("a $${b} $5 {c}", Place.TEXT))
    assert made.constant == b"a ${b} $5 {c}"
    assert made.render({}) is made.constant


def test_a_missing_value_is_named() -> None:
    with pytest.raises(MissingValue, match=r"^users\.name$"):
        Template(pieces("${users.name}", Place.TEXT)).render({"users": "x"})


@pytest.mark.parametrize("text", ["${", "${}", "${a b}", "${1a}", "${a.}", "${a.b.c}", "${a", "x${é}"])
def test_wrong_placeholders_are_explained(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no placeholder: write"):
        parse_text(text)


def test_the_origin_names_no_user() -> None:
    assert names_user("Hello ${users.name} at ${origin}")
    assert not names_user("${origin}/x $${a}")


@given(st.text())
def test_an_escaped_text_stands_for_itself(text: str) -> None:
    assert "".join(str(each) for each in parse_text(escape_placeholders(text))) == text


@given(st.text(alphabet="${}a"))
def test_texts_of_dollars_and_braces_are_escaped(text: str) -> None:
    assert "".join(map(str, parse_text(escape_placeholders(text)))) == text
