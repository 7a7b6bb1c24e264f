"""Generate texts from ABNF (RFC 5234). Pure.

The subset is the one that RFC 3986, 9110 and 9112 use: alternation, concatenation, groups, options, repetition, quoted
strings, and numeric values with ranges or concatenation. Comments and prose values are not supported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

MAX_REPEATS = 4
"""Repetitions beyond the least number that a rule asks for. Requests stay short, so that a person can read them."""

_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"[^\"]*\")|(?P<number>%x[0-9A-Fa-f.-]+)|(?P<repeat>[0-9]*\*[0-9]*|[0-9]+)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9-]*)|(?P<sign>[()\[\]/]))"
)


@dataclass(frozen=True)
class Literal:
    """A fixed text."""

    data: bytes


@dataclass(frozen=True)
class ByteRange:
    """One byte from `first` to `last`."""

    first: int
    last: int


@dataclass(frozen=True)
class Name:
    """A rule."""

    rule: str


@dataclass(frozen=True)
class Repeated:
    """`least` to `most` times the same element; `most` is None if there is no limit."""

    element: Element
    least: int
    most: int | None


@dataclass(frozen=True)
class Sequence:
    """Elements, one after the other."""

    elements: tuple[Element, ...]


@dataclass(frozen=True)
class Choice:
    """One of several elements."""

    elements: tuple[Element, ...]


Element = Literal | ByteRange | Name | Repeated | Sequence | Choice


@dataclass(frozen=True)
class Grammar:
    """Rules by name, in lower case: the names of ABNF are not case-sensitive."""

    rules: Mapping[str, Element]

    def generate(self, rule: str, random: Random) -> bytes:
        """Return a text of `rule`. The same state of `random` gives the same text. Raises KeyError."""
        return self._text(self.rules[rule.lower()], random)

    def _text(self, element: Element, random: Random) -> bytes:
        match element:
            case Literal(data):
                return data
            case ByteRange(first, last):
                return bytes([random.randint(first, last)])
            case Name(rule):
                return self._text(self.rules[rule.lower()], random)
            case Repeated(inner, least, most):
                longest = least + MAX_REPEATS if most is None else min(most, least + MAX_REPEATS)
                return b"".join(self._text(inner, random) for _ in range(random.randint(least, longest)))
            case Sequence(elements):
                return b"".join(self._text(each, random) for each in elements)
            case Choice(elements):
                return self._text(random.choice(elements), random)


def parse(text: str) -> Grammar:
    """Return the grammar of `text`, one rule a line; a line that begins with a space continues the rule.

    Raises ValueError for a line that is no rule, and for a name without a rule.
    """
    rules = {}
    for line in re.sub(r"\n[ \t]+", " ", text.strip()).splitlines():
        if not line.strip():
            continue
        name, equals, definition = line.partition("=")
        if not equals:
            raise ValueError(f"{line!r} is no rule: it has no =")
        rules[name.strip().lower()] = _Parser(definition).parse()
    grammar = Grammar(rules)
    for each in rules.values():
        _require_rules(each, rules)
    return grammar


def _require_rules(element: Element, rules: Mapping[str, Element]) -> None:
    match element:
        case Name(rule) if rule.lower() not in rules:
            raise ValueError(f"there is no rule {rule}")
        case Repeated(inner, _, _):
            _require_rules(inner, rules)
        case Sequence(elements) | Choice(elements):
            for each in elements:
                _require_rules(each, rules)


class _Parser:
    def __init__(self, definition: str) -> None:
        self._definition = definition
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while definition[at:].strip():
            match = _TOKEN.match(definition, at)
            if match is None or match.lastgroup is None:
                raise ValueError(f"{definition[at:].strip()!r} is no ABNF that this program reads")
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()

    def parse(self) -> Element:
        element = self._choice()
        if self._tokens:
            raise ValueError(f"{self._definition.strip()!r} has an unexpected {self._tokens[0][1]}")
        return element

    def _choice(self) -> Element:
        found = [self._sequence()]
        while self._tokens[:1] == [("sign", "/")]:
            self._tokens.pop(0)
            found.append(self._sequence())
        return found[0] if len(found) == 1 else Choice(tuple(found))

    def _sequence(self) -> Element:
        found = []
        while self._tokens and self._tokens[0] not in (("sign", "/"), ("sign", ")"), ("sign", "]")):
            found.append(self._repetition())
        return found[0] if len(found) == 1 else Sequence(tuple(found))

    def _repetition(self) -> Element:
        if self._tokens[0][0] != "repeat":
            return self._element()
        least, star, most = self._tokens.pop(0)[1].partition("*")
        if not self._tokens:
            raise ValueError(f"{self._definition.strip()!r} repeats nothing")
        if not star:
            return Repeated(self._element(), int(least), int(least))
        return Repeated(self._element(), int(least or 0), int(most) if most else None)

    def _element(self) -> Element:
        kind, text = self._tokens.pop(0)
        if kind == "text":
            return Literal(text[1:-1].encode("ascii"))
        if kind == "number":
            return _numeric(text[2:])
        if kind == "name":
            return Name(text)
        inner = self._choice()
        if not self._tokens or self._tokens.pop(0)[1] != {"(": ")", "[": "]"}.get(text):
            raise ValueError(f"{self._definition.strip()!r} does not close a {text}")
        return Repeated(inner, 0, 1) if text == "[" else inner


def _numeric(text: str) -> Element:
    first, dash, last = text.partition("-")
    if dash:
        return ByteRange(int(first, 16), int(last, 16))
    return Literal(bytes(int(each, 16) for each in text.split(".")))
