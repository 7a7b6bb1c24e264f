"""Texts with placeholders, made ready to become bytes for one visit. Pure.

A placeholder is `${NAME}` or `${LIST.COLUMN}`; `$${` stands for the text `${`. How a value is written depends on its
place: percent-encoded in a path, escaped in a JSON text, without control characters in a header.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

from wsgi_gauntlet.harness.errors import ConfigurationError

NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
"""The name of a captured value, a value list or a column, as a regular expression."""

ORIGIN = "origin"
"""The name of the value that every visit has: the scheme and the host that it sends requests to."""

_TOKEN = re.compile(r"\$\$\{|\$\{(" + NAME + r"(?:\." + NAME + r")?)\}|\$\{")
_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]+")

PATH_SAFE = "/:@!$&'()*+,;=~"
"""Characters of a value that stay as they are in a path, besides letters, digits and `_.-` (RFC 3986, section 3.3)."""


class Place(enum.Enum):
    """The place of a text in a request: it decides how values are written."""

    PATH = enum.auto()
    QUERY = enum.auto()
    FORM = enum.auto()
    JSON = enum.auto()
    HEADER = enum.auto()
    TEXT = enum.auto()


def _quote(value: str, safe: str) -> bytes:
    # Most values are tokens and numbers, for which this is ten times as fast.
    if value.isascii() and value.isalnum():
        return value.encode("ascii")
    return quote(value, safe, errors="replace").encode("ascii")


def _quote_plus(value: str) -> bytes:
    if value.isascii() and value.isalnum():
        return value.encode("ascii")
    return quote_plus(value, errors="replace").encode("ascii")


def _encode_header(value: str) -> bytes:
    return _CONTROLS.sub(b" ", value.encode(errors="replace"))


_ENCODERS: dict[Place, Callable[[str], bytes]] = {
    Place.PATH: lambda value: _quote(value, PATH_SAFE),
    Place.QUERY: lambda value: _quote(value, ""),
    Place.FORM: _quote_plus,
    Place.JSON: lambda value: json.dumps(value)[1:-1].encode("ascii"),
    Place.HEADER: _encode_header,
    Place.TEXT: lambda value: value.encode(errors="replace"),
}


class MissingValue(Exception):
    """A request needs a value that this visit does not have. The message is its name."""

    @property
    def reason(self) -> str:
        """The message as a part of a sentence."""
        return f"${{{self}}} has no value"


class OtherSite(MissingValue):
    """The value that is the whole target of a request is a link to another site. The message is its name."""

    @property
    def reason(self) -> str:
        """The message as a part of a sentence."""
        return f"${{{self}}} is a link to another site"


class Template:
    """A text with placeholders as pieces. `constant` is the text if it has no placeholders, else None."""

    __slots__ = ("constant", "names", "pieces")

    def __init__(self, pieces: list[bytes | tuple[str, Place]]) -> None:
        joined: list[bytes | tuple[str, Place]] = []
        for each in pieces:
            before = joined[-1] if joined else None
            if isinstance(each, bytes) and isinstance(before, bytes):
                joined[-1] = before + each
            elif each != b"":
                joined.append(each)
        self.pieces = tuple(joined)
        self.names = tuple(dict.fromkeys(each[0] for each in joined if isinstance(each, tuple)))
        self.constant = None if self.names else b"".join(each for each in joined if isinstance(each, bytes))

    def render(self, values: Mapping[str, str]) -> bytes:
        """Return the text with `values`. Raises MissingValue for a value that is not there."""
        if self.constant is not None:
            return self.constant
        try:
            return b"".join(
                [each if isinstance(each, bytes) else _ENCODERS[each[1]](values[each[0]]) for each in self.pieces]
            )
        except KeyError as missing:
            raise MissingValue(str(missing.args[0])) from None


def parse_text(text: str) -> list[str | tuple[str]]:
    """Return the literal parts of `text` as texts and its placeholders as tuples with the name.

    Raises ConfigurationError for `${` without a valid name.
    """
    parts: list[str | tuple[str]] = []
    at = 0
    for found in _TOKEN.finditer(text):
        parts.append(text[at : found.start()])
        at = found.end()
        if found[1]:
            parts.append((found[1],))
        elif found[0] == "$${":
            parts.append("${")
        else:
            raise ConfigurationError(
                f"{text[found.start() : found.start() + 30]!r} is no placeholder: write ${{NAME}} or ${{LIST.COLUMN}} "
                "with letters, digits, _ and -, or $${ for the text ${"
            )
    parts.append(text[at:])
    return [each for each in parts if each]


def placeholder_names(text: str) -> tuple[str, ...]:
    """Return the names of the placeholders in `text`. Raises the error of `parse_text`."""
    return tuple(each[0] for each in parse_text(text) if isinstance(each, tuple))


def names_user(text: str) -> bool:
    """Return whether `text` has a value of the visit. The origin is the same for all. Raises as `parse_text` does."""
    return any(each != ORIGIN for each in placeholder_names(text))


def escape_placeholders(text: str) -> str:
    """Return a text with placeholders that stands for exactly `text`."""
    return text.replace("${", "$${")


def pieces(text: str, place: Place) -> list[bytes | tuple[str, Place]]:
    """Return the pieces of `text` for a Template. Literal parts are taken as they are, except in forms.

    Raises the error of `parse_text`.
    """
    encode = _ENCODERS[Place.FORM if place is Place.FORM else Place.TEXT]
    return [(each[0], place) if isinstance(each, tuple) else encode(each) for each in parse_text(text)]


def target_pieces(text: str) -> list[bytes | tuple[str, Place]]:
    """Return the pieces of a request target: values after the first `?` of `text` are those of a query."""
    found: list[bytes | tuple[str, Place]] = []
    place = Place.PATH
    for each in parse_text(text):
        if isinstance(each, tuple):
            found.append((each[0], place))
        else:
            found.append(each.encode())
            place = Place.QUERY if "?" in each else place
    return found
