"""The place of a recorded value in an earlier page of a recording: a form field, JSON or a cookie. Pure."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from wsgi_gauntlet.harness.traffic.model import Capture
from wsgi_gauntlet.harness.traffic.toml_file import input_pattern

MIN_SECRET_CHARACTERS, MIN_VALUE_CHARACTERS = 6, 16
"""Characters of the shortest value that is looked for: of a secret, and of any other value."""

_TAG = re.compile(r"<(?:input|meta|button)\b[^>]*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\s(name|value|content)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)


@dataclass(frozen=True)
class RecordedPage:
    """The response of a step in the recording. `cookies` are the values of Set-Cookie."""

    text: str
    mime_type: str
    cookies: tuple[str, ...] = ()

    @cached_property
    def values(self) -> dict[str, Capture]:
        """The values of the page, each with its capture."""
        found: dict[str, Capture] = {}
        if "html" in self.mime_type:
            for value, name in _fields(self.text):
                found.setdefault(value, Capture(_identifier(name), input_pattern(name)))
        elif "json" in self.mime_type:
            try:
                document: object = json.loads(self.text)
            except (ValueError, RecursionError):
                document = None
            for value, pointer in _texts(document, ""):
                found.setdefault(value, Capture(_identifier(pointer.rpartition("/")[2]), pointer, "json"))
        for each in self.cookies:
            name, _, value = each.partition(";")[0].strip().partition("=")
            if name and value:
                found.setdefault(value, Capture(_identifier(name), "", "cookie", name))
        return found

    def gives(self, value: str, capture: Capture) -> bool:
        """Return whether `capture` takes `value` out of this page."""
        if capture.where != "body":
            return True
        found = re.search(capture.pattern, self.text, re.DOTALL)
        return found is not None and html.unescape(found[1]) == value


def find_capture(pages: Sequence[RecordedPage], value: str, *, secret: bool) -> tuple[int, Capture] | None:
    """Return the number of the last page that has `value`, and how to capture it there; None if none has it."""
    if len(value) < (MIN_SECRET_CHARACTERS if secret else MIN_VALUE_CHARACTERS):
        return None
    for at in range(len(pages) - 1, -1, -1):
        if (capture := pages[at].values.get(value)) and pages[at].gives(value, capture):
            return at, capture
    return None


def _fields(page: str) -> Iterator[tuple[str, str]]:
    """Yield the values and names that `input_pattern` finds: of each name the first one."""
    seen: set[str] = set()
    for tag in _TAG.finditer(page):
        attributes = {each[1].lower(): each[2] or each[3] or each[4] or "" for each in _ATTRIBUTE.finditer(tag[0])}
        name = attributes.get("name", "")
        if not name or name in seen:
            continue
        first = re.match(input_pattern(name), tag[0], re.DOTALL)
        if first is not None:
            seen.add(name)
            yield html.unescape(first[1]), name


def _texts(value: object, pointer: str) -> Iterator[tuple[str, str]]:
    stack = [(value, pointer)]
    while stack:
        each, at = stack.pop()
        if isinstance(each, str):
            yield each, at
        elif isinstance(each, dict):
            stack += [(item, f"{at}/{key.replace('~', '~0').replace('/', '~1')}") for key, item in each.items()]
        elif isinstance(each, list):
            stack += [(item, f"{at}/{number}") for number, item in enumerate(each)]


def _identifier(name: str) -> str:
    cleaned = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")[:40]
    return cleaned if re.match(r"[A-Za-z_]", cleaned) and cleaned != "origin" else f"value_{cleaned}".rstrip("_")
