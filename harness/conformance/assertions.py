"""Assertions for cases. Each raises `Violation(expected, actual)` if it does not hold, and returns nothing.

A case is a list of statements about a good server. The first false statement becomes evidence for people. Assertions
compare values only and use no socket.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container
from typing import Any

MAX_SHOWN_CHARACTERS = 400
"""Characters of a value that a message shows; the transcript has the rest."""


class Violation(Exception):
    """The server broke the requirement of the case. `expected` and `actual` are sentences for people."""

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f"expected {expected}; got {actual}")
        self.expected = expected
        self.actual = actual


def format_value(value: object) -> str:
    """Return `value` as text for people, cut to `MAX_SHOWN_CHARACTERS` characters."""
    text = value if isinstance(value, str) and value.isprintable() and value else repr(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}… ({len(text)} characters)"


def fail_case(expected: str, actual: object) -> None:
    """Say that the server broke the requirement."""
    raise Violation(expected, format_value(actual))


def assert_that(condition: object, expected: str, actual: object) -> None:
    """Expect `condition` to hold."""
    if not condition:
        fail_case(expected, actual)


def assert_equal(actual: object, wanted: object, subject: str) -> None:
    """Expect `subject` to be equal to `wanted`."""
    if actual != wanted:
        fail_case(f"{subject} to be {format_value(wanted)}", actual)


def assert_one_of(actual: object, wanted: Collection[Any], subject: str) -> None:
    """Expect `subject` to be one of `wanted`."""
    if actual not in wanted:
        fail_case(f"{subject} to be one of {', '.join(format_value(each) for each in wanted)}", actual)


def assert_lacks(haystack: Container[Any], needle: object, subject: str) -> None:
    """Expect `subject` not to contain `needle`."""
    if needle in haystack:
        fail_case(f"{subject} not to contain {format_value(needle)}", haystack)


def assert_every(values: Collection[Any], holds: Callable[[Any], object], subject: str) -> None:
    """Expect `holds` to be true for each of `values`; the message shows the others."""
    if wrong := [each for each in values if not holds(each)]:
        fail_case(f"every one of them to be {subject}", wrong)
