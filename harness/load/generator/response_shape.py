"""The shape of a correct response: the bytes that are always the same, and the places of those that differ.

    HTTP/1.1 200 OK\\r\\nDate: ########\\r\\nContent-Length: 24\\r\\n\\r\\n<input value="########">
    piece                    hole      piece                                        hole    piece

Another response is recognised if it has the same length and the same pieces. This takes a microsecond or two, and
parsing takes a hundred. A response that is not recognised is parsed and checked in full. So a shape may be too strict,
but never too lax: a hole is only where nothing is checked, or where the shape checks it itself. shape_learning.py makes
shapes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.traffic.template import Template
from wsgi_gauntlet.harness.traffic.visit import MAX_CAPTURED_CHARACTERS, Visit, json_value

COOKIE_VALUE = re.compile(rb"[!#-+\--:<-\[\]-~\"]+")
"""The value of a cookie without white space, commas, semicolons and backslashes: it is taken as it is."""


@dataclass(frozen=True, slots=True)
class BodyCapture:
    """A value of the body: the regular expression that matches at the offset `at`, and the length of the value."""

    name: str
    pattern: re.Pattern[bytes]
    at: int
    length: int
    unescape: bool


@dataclass(frozen=True, slots=True)
class JsonCapture:
    """A value at a JSON pointer of the body, which is at `begin` to `end`."""

    name: str
    pointer: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class CookieCapture:
    """The value of the cookie `source`."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class CookiePlace:
    """A cookie whose value is at `begin` to `end`. Without a `name` the whole header is there, which must be parsed."""

    begin: int
    end: int
    name: bytes = b""
    path: bytes = b"/"


@dataclass(frozen=True, slots=True)
class OwnerText:
    """A text that a correct response has at the offset `at`, for example with a value of the user."""

    template: Template
    at: int


@dataclass(frozen=True, slots=True)
class ResponseShape:
    """One shape of the responses to one step.

    `pieces` have their begin, end and bytes. The head ends at `head_end` and has `head_lines`. `closes` says that the
    connection ends after such a response. `redirect` is the response, without its cookies, if the visit follows it.
    `exact` says that it has no hole but its Date.
    """

    length: int
    pieces: tuple[tuple[int, int, bytes], ...]
    head_end: int
    head_lines: int
    closes: bool
    exact: bool = False
    redirect: Response | None = None
    cookies: tuple[CookiePlace, ...] = ()
    captures: tuple[BodyCapture, ...] = ()
    json_captures: tuple[JsonCapture, ...] = ()
    cookie_captures: tuple[CookieCapture, ...] = ()
    owners: tuple[OwnerText, ...] = ()

    def matches(self, data: bytes | bytearray) -> bool:
        """Return whether `data`, which has the right length, has the pieces."""
        for begin, end, piece in self.pieces:
            if data[begin:end] != piece:
                return False
        return data.count(b"\n", 0, self.head_end) == self.head_lines

    def may_begin_with(self, data: bytes | bytearray) -> bool:
        """Return whether `data`, which is shorter, is the beginning of such a response.

        A complete response of another length has a head of another length, or another Content-Length or chunk size,
        which is part of a piece.
        """
        length = len(data)
        if data.find(b"\r\n\r\n", 0, self.head_end - 1) >= 0:
            return False  # the head is shorter: a hole of this shape hides its end
        for begin, end, piece in self.pieces:
            if begin >= length:
                break
            if data[begin:end] != piece[: length - begin]:
                return False
        return data.count(b"\n", 0, self.head_end) <= self.head_lines

    def take(self, data: bytes | bytearray, visit: Visit, path: bytes) -> Mapping[str, str] | None:
        """Check what belongs to the user of `visit`, put the cookies into its jar, and return the captured values.

        `data` matches, and answers a request for `path`. Return None if it must be parsed; that does everything again.
        """
        for owner in self.owners:
            text = owner.template.render(visit.values)
            if data[owner.at : owner.at + len(text)] != text:
                return None
        captured: dict[str, str] = {}
        for each in self.captures:
            found = each.pattern.match(data, each.at)
            if found is None or found[1] is None or len(found[1]) != each.length:
                return None
            value = found[1].decode(errors="replace")
            captured[each.name] = html.unescape(value) if each.unescape and "&" in value else value
        for member in self.json_captures:
            text_of_member = json_value(bytes(data[member.begin : member.end]), member.pointer)
            if text_of_member is None or len(text_of_member) > MAX_CAPTURED_CHARACTERS:
                return None
            captured[member.name] = text_of_member
        for cookie in self.cookies:
            value_of_cookie = bytes(data[cookie.begin : cookie.end])
            if not cookie.name:
                visit.jar.store(value_of_cookie, path)
            elif COOKIE_VALUE.fullmatch(value_of_cookie):
                visit.jar.put(cookie.name, cookie.path, value_of_cookie)
            else:
                return None
        for wanted in self.cookie_captures:
            text_of_cookie = visit.jar.value(wanted.source)
            if text_of_cookie is None:
                return None
            captured[wanted.name] = text_of_cookie
        return captured
