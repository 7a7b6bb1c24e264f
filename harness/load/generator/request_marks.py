"""What tells a lane's requests apart: a mark that each of them has, and that its answer begins with.

All requests of a lane are made before it begins. They are the same but for the mark, and a request in flight has
another one than those before and beside it. So an answer that was meant for another request is not the right one:

    ... n=5f0c ...  -->  5f0c\\n wsgi-gauntlet ...     right
    ... n=5f0d ...  -->  5f0c\\n wsgi-gauntlet ...     another connection's, or the last one on this connection

The marks go round. Their number is prime, so that connections which take turns do not get the same ones each time.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable

from wsgi_gauntlet.harness.http.parser import Framing, Response, ResponseParser

CROSS_TALK_MESSAGE = "the right answer to another request"
"""The trouble that cross-talk and stale answers are counted under."""

MARK_COUNT = 251
"""Of one lane: the chance that an answer meant for somebody else has the right mark is one in so many."""

MARK_COUNT_LONG_BODIES = 17
"""For long answers, which are all kept: that chance still changes a count of them by 6 % only."""

MAX_TEMPLATE_BYTES = 4 << 20
"""Bytes that the answers of MARK_COUNT may take."""


NO_MATCH = object()
"""Equal to nothing that is received: neither to b'', an end, nor to None, which stands for a request not yet sent."""


class MarkedRequest:
    """One request and its mark.

    `answer` is the right answer on a kept connection, `farewell` the right one on a connection that is then closed;
    NO_MATCH where none was learned. They were made of the templates `learned` and `left`.
    """

    __slots__ = ("closing_response", "closing_template", "mark", "request", "response", "template")

    def __init__(self, request: bytes, mark: bytes) -> None:
        self.request = request
        self.mark = mark
        self.response: object = NO_MATCH
        self.closing_response: object = NO_MATCH
        self.template: Template | None = None
        self.closing_template: Template | None = None


class Template:
    """An answer that was checked in full, and the mark in it."""

    __slots__ = ("mark", "raw", "substitutable")

    def __init__(self, raw: bytes, mark: bytes, *, substitutable: bool) -> None:
        """Take an answer; `whole` says that with another mark in it, it is the right one for that mark."""
        self.raw = raw
        self.mark = mark
        self.substitutable = substitutable

    def with_mark(self, mark: bytes) -> object:
        """Return the right answer to the request with `mark`, NO_MATCH where that is not known."""
        if mark == self.mark:
            return self.raw
        return self.raw.replace(self.mark, mark) if self.substitutable else NO_MATCH


def make_marked_requests(request: bytes, body: bytes, mark: bytes) -> list[MarkedRequest]:
    """Return the requests that are asked in turn, `request` among them.

    `mark` is hexadecimal, in `request` and in its answer's `body`. Without one there is this one request only, and no
    answer can be told from another. Raises ValueError for a mark that is not in both.
    """
    if not mark:
        return [MarkedRequest(request, b"")]
    if mark not in request or mark not in body:
        raise ValueError(f"the mark {mark!r} is to be in the request and in the answer")
    number = MARK_COUNT if MARK_COUNT * len(body) <= MAX_TEMPLATE_BYTES else MARK_COUNT_LONG_BODIES
    marks = itertools.chain([mark], (secrets.token_hex(len(mark))[: len(mark)].encode() for _ in itertools.count()))
    # A short mark has few values; the one that is given always has a place among them.
    distinct = list(dict.fromkeys(itertools.islice(marks, number)))
    return [MarkedRequest(request.replace(mark, each), each) for each in distinct]


class MarkedRequests:
    """The requests of one lane, and what was learned of their answers. `following()` is the next request."""

    def __init__(self, request: bytes, body: bytes, mark: bytes) -> None:
        self._body = body
        self._mark = mark
        self._head = request.startswith(b"HEAD ")
        self._requests = make_marked_requests(request, body, mark)
        self._template: Template | None = None
        self._closing_template: Template | None = None
        self.first = self._requests[0]
        self.next_request: Callable[[], MarkedRequest] = itertools.cycle(self._requests).__next__

    def expected_body(self, marked_request: MarkedRequest) -> bytes:
        """Return the body of the right answer."""
        return self._body.replace(self._mark, marked_request.mark) if self._mark else self._body

    def refresh(self, marked_request: MarkedRequest) -> MarkedRequest:
        """Return `asked` with what the last answers that were checked tell of its own."""
        if marked_request.template is not self._template and self._template is not None:
            marked_request.template, marked_request.response = (
                self._template,
                self._template.with_mark(marked_request.mark),
            )
        if marked_request.closing_template is not self._closing_template and self._closing_template is not None:
            marked_request.closing_template, marked_request.closing_response = (
                self._closing_template,
                self._closing_template.with_mark(marked_request.mark),
            )
        return marked_request

    def learn(self, response: Response, marked_request: MarkedRequest, *, closes: bool) -> None:
        """Take `answer`, whose bytes tell its end and which is right; `closes` says that no other follows."""
        template = Template(
            response.raw, marked_request.mark, substitutable=self._is_substitutable(response, marked_request)
        )
        if closes:
            self._closing_template = template
        else:
            self._template = template
        self.refresh(marked_request)

    def describe_difference(self, response: Response, marked_request: MarkedRequest) -> str:
        """Say in words how the body of `answer` differs from the right one."""
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
        """Say whether `answer` with another mark is right for that one: its coding may cut the mark in two."""
        other = next((each for each in self._requests if each is not marked_request), None)
        if other is None or (response.framing is Framing.LENGTH and response.raw.endswith(response.body)):
            return other is not None
        parser = ResponseParser(head=self._head)
        rest = parser.feed(response.raw.replace(marked_request.mark, other.mark))
        return parser.done and not rest and parser.response().body == self.expected_body(other)
