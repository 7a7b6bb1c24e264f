"""The generator of texts from ABNF."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.fuzz.abnf import parse
from wsgi_gauntlet.harness.fuzz.grammar import GRAMMAR

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        ("token", TOKEN),
        ("origin-form", rb"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*)+(?:\?.*)?"),
        ("absolute-form", rb"http://[A-Za-z0-9\-._~]+(?::[0-9]{1,2})?(?:/.*)?(?:\?.*)?"),
        ("chunk-size", rb"[0-9A-Fa-f]+"),
        ("quoted-string", rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t -~\x80-\xff])*"'),
        ("field-content", rb"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?"),
    ],
)
@given(seed=st.integers())
def test_a_rule_generates_its_own_texts(rule: str, pattern: bytes, seed: int) -> None:
    assert re.fullmatch(pattern, GRAMMAR.generate(rule, Random(seed)), re.DOTALL)


@given(seed=st.integers())
def test_the_same_seed_gives_the_same_text(seed: int) -> None:
    assert GRAMMAR.generate("chunk-ext", Random(seed)) == GRAMMAR.generate("chunk-ext", Random(seed))


def test_repetition_keeps_its_bounds() -> None:
    grammar = parse('a = 2"x"\nb = 1*2"y"\nc = ["z"]\nd = %x0D.0A')
    assert grammar.generate("a", Random(1)) == b"xx"
    assert {grammar.generate("b", Random(seed)) for seed in range(50)} == {b"y", b"yy"}
    assert {grammar.generate("c", Random(seed)) for seed in range(50)} == {b"", b"z"}
    assert grammar.generate("D", Random(1)) == b"\r\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "'a' is no rule"),
        ("a = b", "no rule b"),
        ('a = ( "x"', "does not close a ("),
        ('a = "x" )', "unexpected )"),
        ("a = <prose>", "no ABNF"),
        ("a = 2*", "repeats nothing"),
    ],
)
def test_wrong_grammars_are_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse(text)
