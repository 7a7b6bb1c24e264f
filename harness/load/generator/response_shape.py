"""The shape of a correct response: the bytes that are always the same, and the places of those that differ.

    HTTP/1.1 200 OK\r\nDate: ############\r\nSet-Cookie: ##########\r\nContent-Length: 24\r\n\r\n<input value="########">
    piece                    hole              hole                 piece                       piece       hole  piece

A shape is made from one response that was checked in full. Another response is recognised if it has the same length and
the same pieces. This takes a microsecond, and parsing takes a hundred. A response that is not recognised is parsed and
checked in full, so a shape may be too strict, but never too lax: a hole is only where nothing is checked, or where the
shape checks it itself.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.traffic.compiled import CompiledStep
from wsgi_gauntlet.harness.traffic.expected import ExpectedBody
from wsgi_gauntlet.harness.traffic.template import Template
from wsgi_gauntlet.harness.traffic.visit import MAX_CAPTURED_CHARACTERS, Visit, json_value

LITERAL_FIELDS = frozenset(
    (b"connection", b"content-encoding", b"content-length", b"content-type", b"keep-alive", b"location")
    + (b"transfer-encoding", b"trailer", b"upgrade")
)
"""Header fields that decide how a response is read. They are always part of the pieces."""

_FIELD = re.compile(rb"\r\n([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)")

Span = tuple[int, int]


@dataclass(frozen=True)
class _BodyCapture:
    """A value of the body: the regular expression that matches at the offset `at`, and the length of the value."""

    name: str
    pattern: re.Pattern[bytes]
    at: int
    length: int
    unescape: bool


@dataclass(frozen=True)
class _Owner:
    """A text with values of the user, which a correct response has at the offset `at`."""

    template: Template
    at: int


@dataclass(frozen=True)
class _JsonCapture:
    """A value at a JSON pointer of the body, which is at `span`."""

    name: str
    pointer: str
    span: Span


class ResponseShape:
    """One shape of the responses to one step. `closes` says that the connection ends after such a response.

    `redirect` is the response if the visit follows it. `exact` says that it has no hole but its Date.
    """

    __slots__ = (
        "_captures",
        "_cookie_names",
        "_cookies",
        "_head_end",
        "_head_lines",
        "_json_captures",
        "_owners",
        "_pieces",
        "closes",
        "exact",
        "length",
        "redirect",
    )

    def __init__(
        self,
        raw: bytes,
        holes: Iterable[Span],
        head_end: int,
        *,
        closes: bool,
        exact: bool,
        redirect: Response | None,
        cookies: Sequence[Span],
        cookie_names: Sequence[tuple[str, str]],
        captures: Sequence[_BodyCapture],
        json_captures: Sequence[_JsonCapture],
        owners: Sequence[_Owner],
    ) -> None:
        self.length = len(raw)
        self.closes = closes
        self.exact = exact
        self.redirect = redirect
        self._pieces = tuple(pieces_between(raw, holes))
        self._head_end = head_end
        self._head_lines = raw.count(b"\n", 0, head_end)
        self._cookies = tuple(cookies)
        self._cookie_names = tuple(cookie_names)
        self._captures = tuple(captures)
        self._json_captures = tuple(json_captures)
        self._owners = tuple(owners)

    def matches(self, data: bytes | bytearray) -> bool:
        """Return whether `data`, which has the right length, has the pieces."""
        for begin, end, piece in self._pieces:
            if data[begin:end] != piece:
                return False
        return data.count(b"\n", 0, self._head_end) == self._head_lines

    def may_begin_with(self, data: bytes | bytearray) -> bool:
        """Return whether `data`, which is shorter, is the beginning of such a response."""
        length = len(data)
        for begin, end, piece in self._pieces:
            if begin >= length:
                break
            if data[begin:end] != piece[: length - begin]:
                return False
        # A complete response of another length has another Content-Length or chunk size, which is part of a piece.
        return length > self._head_end or data.count(b"\n") <= self._head_lines

    def take(self, data: bytes | bytearray, visit: Visit, path: bytes) -> Mapping[str, str] | None:
        """Check what belongs to the user of `visit`, put the cookies into its jar, and return the captured values.

        `data` matches, and answers a request for `path`. Return None if it must be parsed; that does everything again.
        """
        for owner in self._owners:
            text = owner.template.render(visit.values)
            if data[owner.at : owner.at + len(text)] != text:
                return None
        captured: dict[str, str] = {}
        for each in self._captures:
            found = each.pattern.match(data, each.at)
            if found is None or found[1] is None or len(found[1]) != each.length:
                return None
            value = found[1].decode(errors="replace")
            captured[each.name] = html.unescape(value) if each.unescape and "&" in value else value
        for member in self._json_captures:
            text_of_member = json_value(bytes(data[member.span[0] : member.span[1]]), member.pointer)
            if text_of_member is None or len(text_of_member) > MAX_CAPTURED_CHARACTERS:
                return None
            captured[member.name] = text_of_member
        for begin, end in self._cookies:
            visit.jar.store(bytes(data[begin:end]), path)
        for name, source in self._cookie_names:
            cookie = visit.jar.value(source)
            if cookie is None:
                return None
            captured[name] = cookie
        return captured


def shape_of(
    response: Response,
    step: CompiledStep,
    expected: ExpectedBody | None,
    visit: Visit,
    *,
    closes: bool,
    redirected: bool,
    varying: frozenset[bytes] = frozenset(),
) -> ResponseShape | None:
    """Return the shape of a correct response to `step` in `visit`, None if such responses must always be parsed.

    `redirected` says that the visit follows it. `varying` are header fields, in lower case, whose values differ.
    """
    raw = response.raw
    head_end = raw.find(b"\r\n\r\n") + 4
    body_at = raw.find(response.body, head_end)
    if head_end < 4 or body_at < 0 or response.interim or response.trailers:
        return None
    holes: list[Span] = []
    cookies: list[Span] = []
    for field in _FIELD.finditer(raw, 0, head_end - 2):
        name = field[1].lower()
        if name == b"set-cookie":
            cookies.append(field.span(2))
        elif name != b"date" and name not in varying:
            continue
        holes.append(field.span(2))
    exact = all(raw[: begin].lower().endswith(b"\r\ndate: ") for begin, _ in holes)
    if redirected:
        return ResponseShape(
            raw,
            [*holes, (body_at, body_at + len(response.body))],
            head_end,
            closes=closes,
            exact=False,
            redirect=response,
            cookies=cookies,
            cookie_names=(),
            captures=(),
            json_captures=(),
            owners=(),
        )
    stable = _stable_spans(response.body, expected)
    if stable is None:
        return None
    encoded = response.header("content-encoding") is not None
    is_html = b"html" in b"".join(response.all("content-type")).lower()
    owners: list[_Owner] = []
    captures: list[_BodyCapture] = []
    json_captures: list[_JsonCapture] = []
    cookie_names: list[tuple[str, str]] = []
    for template, _ in step.contains:
        if encoded and stable != [(0, len(response.body))]:
            return None
        if encoded and not template.names:
            continue
        at = response.body.find(template.render(visit.values))
        if at < 0 or encoded:
            return None
        if template.names or not _is_inside(stable, (at, at + len(template.render(visit.values)))):
            owners.append(_Owner(template, body_at + at))
    for each in step.captures:
        where = each.capture.where
        if where == "cookie":
            cookie_names.append((each.capture.name, each.capture.source))
        elif where == "body" and each.in_bytes is not None and not encoded:
            found = each.in_bytes.search(response.body)
            if found is None or found[1] is None:
                return None
            captures.append(
                _BodyCapture(each.capture.name, each.in_bytes, body_at + found.start(), len(found[1]), is_html)
            )
        elif where == "json" and not encoded:
            span = (body_at, body_at + len(response.body))
            json_captures.append(_JsonCapture(each.capture.name, each.capture.pattern, span))
        else:
            return None
    body_holes = _gaps(stable, len(response.body))
    return ResponseShape(
        raw,
        [*holes, *((body_at + begin, body_at + end) for begin, end in body_holes)],
        head_end,
        closes=closes,
        exact=exact and not (body_holes or owners or step.captures),
        redirect=None,
        cookies=cookies,
        cookie_names=cookie_names,
        captures=captures,
        json_captures=json_captures,
        owners=owners,
    )


def varying_fields(first: Response, second: Response) -> frozenset[bytes]:
    """Return the names, in lower case, of header fields whose values differ between two responses to one step.

    Fields that decide how a response is read are not among them. Nothing is returned if the names themselves differ.
    """
    if [name.lower() for name, _ in first.headers] != [name.lower() for name, _ in second.headers]:
        return frozenset()
    return frozenset(
        name.lower()
        for (name, value), (_, other) in zip(first.headers, second.headers, strict=True)
        if value != other and name.lower() not in LITERAL_FIELDS
    )


def pieces_between(raw: bytes, holes: Iterable[Span]) -> Iterable[tuple[int, int, bytes]]:
    """Yield begin, end and bytes of each piece of `raw` outside the `holes`."""
    for begin, end in _gaps(sorted(holes), len(raw)):
        yield begin, end, raw[begin:end]


def _gaps(spans: Iterable[Span], length: int) -> list[Span]:
    """Return the parts of 0 to `length` that the ascending `spans` leave out."""
    found = []
    at = 0
    for begin, end in itertools.chain(spans, [(length, length)]):
        if begin > at:
            found.append((at, begin))
        at = max(at, end)
    return found


def _stable_spans(body: bytes, expected: ExpectedBody | None) -> list[Span] | None:
    """Return the parts of a correct body that are compared, None if they are not where they must be."""
    if expected is None:
        return []
    if expected.whole is not None:
        return [(0, len(body))] if body else []
    spans: list[Span] = []
    at = 0
    for piece in expected.pieces:
        found = body.find(piece, at)
        if found < 0:
            return None
        at = found + len(piece)
        spans.append((found, at))
    if expected.ends and spans and spans[-1][1] != len(body):
        last = len(body) - len(expected.pieces[-1])
        if last < (spans[-2][1] if len(spans) > 1 else 0):
            return None
        spans[-1] = (last, len(body))
    return spans


def _is_inside(spans: Iterable[Span], span: Span) -> bool:
    return any(begin <= span[0] and span[1] <= end for begin, end in spans)
