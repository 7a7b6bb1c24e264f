"""Make the shape of a response that a visit has checked in full and found correct (response_shape.py)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from wsgi_gauntlet.harness.http.parser import Framing, Response
from wsgi_gauntlet.harness.load.generator.response_shape import (
    COOKIE_VALUE,
    BodyCapture,
    CookieCapture,
    CookiePlace,
    JsonCapture,
    OwnerText,
    ResponseShape,
)
from wsgi_gauntlet.harness.traffic.compiled import CompiledStep
from wsgi_gauntlet.harness.traffic.cookie_jar import SetCookie
from wsgi_gauntlet.harness.traffic.expected import ExpectedBody
from wsgi_gauntlet.harness.traffic.visit import Visit

LITERAL_FIELDS = frozenset(
    (
        *(b"connection", b"content-encoding", b"content-length", b"content-type", b"keep-alive", b"location"),
        *(b"transfer-encoding", b"trailer", b"upgrade"),
    )
)
"""Header fields that decide how a response is read. They are always part of the pieces."""

NO_PATH = b"\0"
"""The folder of a request whose cookies have no path; no field can name it."""

_FIELD = re.compile(rb"\r\n([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)")

Span = tuple[int, int]


@dataclass(frozen=True)
class CorrectResponse:
    """A response to `step` in `visit` that is correct, and the request it answers.

    `path` is that of the request. The connection ends after the response if it `closes`. The visit follows it if it is
    `redirected`. `varying` are header fields, in lower case, whose values are known to differ.
    """

    response: Response
    step: CompiledStep
    expected: ExpectedBody | None
    visit: Visit
    path: bytes
    closes: bool
    redirected: bool
    varying: frozenset[bytes] = frozenset()


def shape_of(correct: CorrectResponse) -> ResponseShape | None:
    """Return the shape of a correct response, None if such responses must always be parsed."""
    response, raw = correct.response, correct.response.raw
    head_end = raw.find(b"\r\n\r\n") + 4
    # The size of a chunk may look like its body.
    first_byte = raw.find(b"\r\n", head_end) + 2 if response.framing is Framing.CHUNKED else head_end
    body_at = raw.find(response.body, first_byte)
    if head_end < 4 or body_at < 0 or response.interim or response.trailers:
        return None
    cookies, holes = _holes_of_head(correct, head_end)
    only_date = not cookies and not correct.varying
    if correct.redirected:
        holes.append((body_at, body_at + len(response.body)))
        return ResponseShape(
            len(raw),
            _pieces(raw, holes),
            head_end,
            raw.count(b"\n", 0, head_end),
            correct.closes,
            redirect=_without_cookies(response),
            cookies=cookies,
        )
    stable = _stable_spans(response.body, correct.expected)
    if stable is None:
        return None
    owners = _owner_texts(correct, stable, body_at)
    captures = _captures(correct, body_at)
    if owners is None or captures is None:
        return None
    gaps = _gaps(stable, len(response.body))
    holes += [(body_at + begin, body_at + end) for begin, end in gaps]
    return ResponseShape(
        len(raw),
        _pieces(raw, holes),
        head_end,
        raw.count(b"\n", 0, head_end),
        correct.closes,
        exact=only_date and not (gaps or owners or captures),
        cookies=cookies,
        captures=tuple(each for each in captures if isinstance(each, BodyCapture)),
        json_captures=tuple(each for each in captures if isinstance(each, JsonCapture)),
        cookie_captures=tuple(each for each in captures if isinstance(each, CookieCapture)),
        owners=owners,
    )


def _without_cookies(response: Response) -> Response:
    """Return the response for other users, whose cookies are not these."""
    return replace(response, headers=tuple(each for each in response.headers if each[0].lower() != b"set-cookie"))


def varying_fields(first: Response, second: Response) -> frozenset[bytes]:
    """Return the names, in lower case, of header fields whose values differ between two responses to one step.

    Fields that decide how a response is read are not among them. Nothing is returned if the names themselves differ.
    """
    if [name.lower() for name, _ in first.headers] != [name.lower() for name, _ in second.headers]:
        return frozenset()
    return frozenset(
        name.lower()
        for (name, value), (_, other) in zip(first.headers, second.headers, strict=True)
        if value != other and name.lower() not in LITERAL_FIELDS | {b"date", b"set-cookie"}
    )


def _holes_of_head(correct: CorrectResponse, head_end: int) -> tuple[tuple[CookiePlace, ...], list[Span]]:
    """Return the cookies of the head, and its holes: cookies, the Date, and fields whose values differ."""
    raw = correct.response.raw
    cookies: list[CookiePlace] = []
    holes: list[Span] = []
    for field in _FIELD.finditer(raw, 0, head_end - 2):
        name = field[1].lower()
        if name == b"set-cookie":
            cookies.append(_cookie_place(raw, field.span(2)))
            holes.append((cookies[-1].begin, cookies[-1].end))
        elif name == b"date" or name in correct.varying:
            holes.append(field.span(2))
    return tuple(cookies), holes


def _cookie_place(raw: bytes, span: Span) -> CookiePlace:
    """Return the place of the cookie in a Set-Cookie field at `span`: only its value if the rest can stay the same.

    Without a path in the field, the path is that of the request, which may differ for each user.
    """
    field = raw[slice(*span)]
    cookie = SetCookie.parse(field, NO_PATH + b"/page")
    if (
        cookie is None
        or cookie.path == NO_PATH
        or cookie.expired
        or b"expires" in field.lower()
        or not COOKIE_VALUE.fullmatch(cookie.value)
    ):
        return CookiePlace(*span)
    begin = raw.index(cookie.value, span[0] + field.index(b"=") + 1)
    return CookiePlace(begin, begin + len(cookie.value), cookie.name, cookie.path)


def _owner_texts(correct: CorrectResponse, stable: Sequence[Span], body_at: int) -> tuple[OwnerText, ...] | None:
    """Return the texts of the step that the pieces do not contain anyway, None if they are not where they can be seen.

    Each text with a placeholder is one of them: it must be checked for each user.
    """
    body = correct.response.body
    found: list[OwnerText] = []
    encoded = correct.response.header("content-encoding") is not None
    for template, names_owner in correct.step.contains:
        if encoded:
            if names_owner or list(stable) != [(0, len(body))]:
                return None
            continue
        text = template.render(correct.visit.values)
        at = body.find(text)
        if at < 0:
            return None
        if names_owner or not any(begin <= at and at + len(text) <= end for begin, end in stable):
            found.append(OwnerText(template, body_at + at))
    return tuple(found)


def _captures(correct: CorrectResponse, body_at: int) -> list[BodyCapture | JsonCapture | CookieCapture] | None:
    """Return the captures of the step, None if one needs a parsed response."""
    response = correct.response
    encoded = response.header("content-encoding") is not None
    is_html = b"html" in b"".join(response.all("content-type")).lower()
    found: list[BodyCapture | JsonCapture | CookieCapture] = []
    for each in correct.step.captures:
        name, where = each.capture.name, each.capture.where
        if where == "cookie":
            found.append(CookieCapture(name, each.capture.source))
        elif where == "json" and not encoded:
            found.append(JsonCapture(name, each.capture.pattern, body_at, body_at + len(response.body)))
        elif where == "body" and not encoded and each.in_bytes is not None:
            match = each.in_bytes.search(response.body)
            if match is None or match[1] is None:
                return None
            found.append(BodyCapture(name, each.in_bytes, body_at + match.start(), len(match[1]), is_html))
        else:
            return None
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


def _pieces(raw: bytes, holes: Iterable[Span]) -> tuple[tuple[int, int, bytes], ...]:
    """Return begin, end and bytes of each piece of `raw` outside the `holes`."""
    return tuple((begin, end, raw[begin:end]) for begin, end in _gaps(sorted(holes), len(raw)))


def _gaps(spans: Iterable[Span], length: int) -> list[Span]:
    """Return the parts of 0 to `length` that the ascending `spans` leave out."""
    found = []
    at = 0
    for begin, end in itertools.chain(spans, [(length, length)]):
        if begin > at:
            found.append((at, begin))
        at = max(at, end)
    return found
