"""Verbs that a case states its requirement with. Each raises `Violation(expected, actual)` and returns nothing else.

A case reads as a list of what is true of a good server; the verbs turn the first untrue line into evidence that a
person can read. They compare values only and touch no socket.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container
from typing import Any

LONGEST = 400
"""Characters of a value that a message shows; the transcript has the rest."""


class Violation(Exception):
    """The server did not do what the case states. `expected` and `actual` are sentences for people."""

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f"expected {expected}; got {actual}")
        self.expected = expected
        self.actual = actual


def show(value: object) -> str:
    """Return `value` as a person reads it, cut to `LONGEST` characters."""
    text = value if isinstance(value, str) and value.isprintable() and value else repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def violated(expected: str, actual: object) -> None:
    """Say outright that the server broke the requirement."""
    raise Violation(expected, show(actual))


def that(condition: object, expected: str, actual: object) -> None:
    """Expect `condition` to hold."""
    if not condition:
        violated(expected, actual)


def equal(actual: object, wanted: object, what: str) -> None:
    """Expect `what` to be equal to `wanted`, and of the same type where both are numbers or text."""
    if actual != wanted:
        violated(f"{what} to be {show(wanted)}", actual)


def one_of(actual: object, wanted: Collection[Any], what: str) -> None:
    """Expect `what` to be one of `wanted`."""
    if actual not in wanted:
        violated(f"{what} to be one of {', '.join(show(each) for each in wanted)}", actual)


def contains(haystack: Container[Any], needle: object, what: str) -> None:
    """Expect `what` to contain `needle`."""
    if needle not in haystack:
        violated(f"{what} to contain {show(needle)}", haystack)


def lacks(haystack: Container[Any], needle: object, what: str) -> None:
    """Expect `what` not to contain `needle`."""
    if needle in haystack:
        violated(f"{what} not to contain {show(needle)}", haystack)


def every(values: Collection[Any], holds: Callable[[Any], object], what: str) -> None:
    """Expect `holds` to be true of every one of `values`; the message shows those of which it is not."""
    if wrong := [each for each in values if not holds(each)]:
        violated(f"every one of them to be {what}", wrong)
