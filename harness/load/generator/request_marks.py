"""Marks: each request of a loop has its own, and its response must contain the same mark.

All requests of a loop are made before it begins. They differ only in the mark. A request in flight has another mark
than the requests before it and beside it. So a response to another request is not the correct one:

    ... n=5f0c ...  -->  5f0c\\n wsgi-gauntlet ...     correct
    ... n=5f0d ...  -->  5f0c\\n wsgi-gauntlet ...     the response to another request

The marks are used in turn. Their number is prime, so that connections that take turns do not always get the same marks.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator

from wsgi_gauntlet.harness.http.parser import HEAD_LIMIT, Framing, Response, ResponseParser
from wsgi_gauntlet.harness.load.generator.loop import LoopCounters
from wsgi_gauntlet.harness.load.generator.request_source import (
    NO_MATCH,
    Match,
    PendingRequest,
    RequestEnd,
    RequestKind,
    WrongResponse,
)
from wsgi_gauntlet.harness.load.generator.step_figures import StepFigures

CROSS_TALK_MESSAGE = "the correct response to another request"
"""The error message for swapped and stale responses."""

MARK_COUNT = 251
"""Marks of one loop. A response to another request has the correct mark by chance once in so many."""

MARK_COUNT_LONG_BODIES = 17
"""Marks for long responses, which all stay in memory. Chance then hides only 6 % of the swapped responses."""

MAX_TEMPLATE_BYTES = 4 << 20
"""Bytes that the responses of MARK_COUNT marks may take."""


class MarkedRequest(PendingRequest):
    """One request, its mark, and the correct responses as far as they are known.

    `response` is the correct response on a kept connection, `closing_response` on a connection that is then closed.
    Each is NO_MATCH until it was learned. They are made from `template` and `closing_template`.
    """

    __slots__ = ("closing_response", "closing_template", "mark", "template")

    def __init__(self, request: bytes, mark: bytes) -> None:
        super().__init__(request)
        self.mark = mark
        self.closing_response: object = NO_MATCH
        self.template: Template | None = None
        self.closing_template: Template | None = None


class Template:
    """A response that was checked in full, and the mark in it.

    It is `substitutable` if replacing the mark gives the correct response to the request with the other mark.
    """

    __slots__ = ("mark", "raw", "substitutable")

    def __init__(self, raw: bytes, mark: bytes, *, substitutable: bool) -> None:
        self.raw = raw
        self.mark = mark
        self.substitutable = substitutable

    def with_mark(self, mark: bytes) -> object:
        """Return the correct response to the request with `mark`, NO_MATCH if it is not known."""
        if mark == self.mark:
            return self.raw
        return self.raw.replace(self.mark, mark) if self.substitutable else NO_MATCH


def make_marked_requests(request: bytes, body: bytes, mark: bytes) -> list[MarkedRequest]:
    """Return the requests that are sent in turn. The first is `request` itself.

    `mark` is hexadecimal and is part of `request` and of the `body` of its response. Without a mark there is only this
    one request, and responses cannot be distinguished. Raises ValueError for a mark that is not in both.
    """
    if not mark:
        return [MarkedRequest(request, b"")]
    if mark not in request or mark not in body:
        raise ValueError(f"the mark {mark!r} must be in the request and in the body of the response")
    number = MARK_COUNT if MARK_COUNT * len(body) <= MAX_TEMPLATE_BYTES else MARK_COUNT_LONG_BODIES
    marks = itertools.chain([mark], (secrets.token_hex(len(mark))[: len(mark)].encode() for _ in itertools.count()))
    # A short mark has few values. The given mark is always one of them.
    distinct = list(dict.fromkeys(itertools.islice(marks, number)))
    return [MarkedRequest(request.replace(mark, each), each) for each in distinct]


class MarkedRequests:
    """The requests of one loop and the responses learned so far, as a RequestSource.

    `requests` yields the next request again and again. It does not depend on the connection.
    """

    def __init__(self, request: bytes, body: bytes, mark: bytes, status: int = 200) -> None:
        self._body = body
        self._mark = mark
        self._status = status
        self._kind = RequestKind.of(request)
        self._requests = make_marked_requests(request, body, mark)
        self._template: Template | None = None
        self._closing_template: Template | None = None
        self.first = self._requests[0]
        self.requests: Iterator[MarkedRequest] = itertools.cycle(self._requests)

    @property
    def longest_learned(self) -> int:
        """The length of the last response that was learned: all are about as long."""
        return len(self._template.raw) if self._template is not None else 0

    def take(self) -> MarkedRequest:
        """Return the next request."""
        return next(self.requests)

    def following(self, _pending: MarkedRequest) -> MarkedRequest:
        """Return the next request."""
        return next(self.requests)

    def put_back(self, pending: MarkedRequest, end: RequestEnd) -> None:
        """Do nothing: no request depends on the one before."""

    def kind(self, _pending: MarkedRequest) -> RequestKind:
        """Return the kind that all requests have."""
        return self._kind

    def longest_response(self, _pending: MarkedRequest) -> int:
        """Return the most bytes of a response: in one with chunks of one byte, each byte of the body takes six."""
        return 8 * len(self._body) + 4 * HEAD_LIMIT

    def recognize(self, pending: MarkedRequest, data: bytes | bytearray) -> Match:
        """Return whether `data` is the correct response, as far as the newest templates show it."""
        self.refresh(pending)
        if data == pending.response:
            return Match.KEPT
        return Match.CLOSES if data == pending.closing_response else Match.NONE

    def may_become_correct(self, pending: MarkedRequest, data: bytes | bytearray) -> bool:
        """Return whether `data` is the beginning of the correct response."""
        return _is_prefix(pending.response, data) or _is_prefix(pending.closing_response, data)

    def check(self, pending: MarkedRequest, response: Response) -> WrongResponse | None:
        """Return what is wrong with a complete response, None if it is correct."""
        if response.status != self._status:
            return WrongResponse(f"status {response.status} instead of {self._status}")
        if response.body != self.expected_body(pending):
            return WrongResponse(self.describe_difference(response, pending), body=True)
        return None

    def describe(self, _pending: MarkedRequest, message: str) -> str:
        """Return `message`: all requests are of one kind."""
        return message

    def fail(self, pending: MarkedRequest) -> None:
        """Do nothing: the loop counts everything."""

    def count(self, pending: MarkedRequest, latency: int, times: int) -> None:
        """Do nothing: the loop counts everything."""

    def restart_counters(self, counters: LoopCounters) -> None:
        """Do nothing: the loop counts everything."""

    def steps(self) -> tuple[StepFigures, ...]:
        """Return nothing: there are no steps."""
        return ()

    def expected_body(self, marked_request: MarkedRequest) -> bytes:
        """Return the body of the correct response."""
        return self._body.replace(self._mark, marked_request.mark) if self._mark else self._body

    def refresh(self, marked_request: MarkedRequest) -> MarkedRequest:
        """Return `marked_request` with the responses that follow from the newest templates."""
        if marked_request.template is not self._template and self._template is not None:
            marked_request.template = self._template
            marked_request.response = self._template.with_mark(marked_request.mark)
        if marked_request.closing_template is not self._closing_template and self._closing_template is not None:
            marked_request.closing_template = self._closing_template
            marked_request.closing_response = self._closing_template.with_mark(marked_request.mark)
        return marked_request

    def learn(self, response: Response, marked_request: MarkedRequest, *, closes: bool) -> None:
        """Learn a correct response whose bytes alone show its end. With `closes` the connection ends after it."""
        template = Template(
            response.raw, marked_request.mark, substitutable=self._is_substitutable(response, marked_request)
        )
        if closes:
            self._closing_template = template
        else:
            self._template = template
        self.refresh(marked_request)

    def describe_difference(self, response: Response, marked_request: MarkedRequest) -> str:
        """Describe how the body of `response` differs from the correct one."""
        body = self.expected_body(marked_request)
        if response.length != len(body):
            return f"a body of {response.length} bytes instead of {len(body)}"
        begin = self._body.find(self._mark)
        seen = response.body[begin : begin + len(self._mark)]
        if seen and any(each.mark == seen and response.body == self.expected_body(each) for each in self._requests):
            return CROSS_TALK_MESSAGE
        at = next(index for index, (came, due) in enumerate(zip(response.body, body, strict=False)) if came != due)
        return f"a body of the right length that differs from byte {at} on"

    def _is_substitutable(self, response: Response, marked_request: MarkedRequest) -> bool:
        """Return whether replacing the mark gives another correct response. Chunks may cut the mark in two."""
        other = next((each for each in self._requests if each is not marked_request), None)
        if other is None or (response.framing is Framing.LENGTH and response.raw.endswith(response.body)):
            return other is not None
        parser = ResponseParser(head=self._kind.head)
        rest = parser.feed(response.raw.replace(marked_request.mark, other.mark))
        return parser.done and not rest and parser.response().body == self.expected_body(other)


def _is_prefix(whole: object, data: bytes | bytearray) -> bool:
    return isinstance(whole, bytes) and len(data) < len(whole) and whole.startswith(data)
