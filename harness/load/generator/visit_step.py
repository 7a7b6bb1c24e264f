"""One step of the traffic in a generator: how its request is made, which responses are correct, and its figures."""

from __future__ import annotations

from collections.abc import Mapping

from wsgi_gauntlet.harness.http.parser import BODY_LIMIT, HEAD_LIMIT, Response
from wsgi_gauntlet.harness.load.generator.request_source import IDEMPOTENT, NO_MATCH, RequestKind
from wsgi_gauntlet.harness.load.generator.response_shape import ResponseShape
from wsgi_gauntlet.harness.load.generator.shape_learning import CorrectResponse, shape_of, varying_fields
from wsgi_gauntlet.harness.load.generator.step_figures import StepFigures
from wsgi_gauntlet.harness.stats.histogram import Histogram
from wsgi_gauntlet.harness.traffic.compiled import CompiledStep
from wsgi_gauntlet.harness.traffic.expected import ExpectedBody
from wsgi_gauntlet.harness.traffic.template import Template
from wsgi_gauntlet.harness.traffic.visit import Visit

MAX_SHAPES = 64
"""Shapes of one step, one for each length. A page with more lengths is parsed more often."""


class StepCounts:
    """The figures of all requests of one name, while a loop counts them."""

    __slots__ = ("counts", "failed", "latency", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.restart()

    def restart(self) -> None:
        """Begin again."""
        self.failed = 0
        self.latency = Histogram()
        self.counts = self.latency.counts

    def figures(self) -> StepFigures:
        """Return the figures so far."""
        return StepFigures(self.name, self.latency, self.failed)


class VisitStep:
    """One step. `next` is the step after it, None after the last one. `index` is its place in the visit.

    `exact` is a correct response without anything of one user in it, as far as one is known. `path` is that of the
    request if it is the same for all users, else None; then only the visit can make the request. With a `path` the
    request is `alone`, or `before_cookies`, the cookies for `path`, and `after_cookies`. If the body has values of the
    user, these have no body, and `body` and its length follow.
    """

    __slots__ = (
        "_last_responses",
        "_varying",
        "after_cookies",
        "alone",
        "before_cookies",
        "body",
        "compiled",
        "counts",
        "exact",
        "expected",
        "index",
        "kind",
        "next",
        "path",
        "shapes",
    )

    def __init__(self, compiled: CompiledStep, index: int, expected: ExpectedBody | None, counts: StepCounts) -> None:
        self.compiled = compiled
        self.index = index
        self.expected = expected
        self.counts = counts
        self.next: VisitStep | None = None
        self.exact: object = NO_MATCH
        self.shapes: dict[tuple[int, int], ResponseShape] = {}
        """The shapes by the number of the redirect, 0 for the first request, and by the length of the response."""
        self.kind = RequestKind(False, False, False)
        self.path: bytes | None = None
        self.alone = self.before_cookies = self.after_cookies = b""
        self.body: Template | None = None
        self._last_responses: dict[int, Response] = {}
        self._varying: dict[int, frozenset[bytes]] = {}

    def prepare(self, host: bytes, *, keep: bool) -> None:
        """Make the parts of the request for `host`, once `next` is known."""
        compiled = self.compiled
        method = compiled.method
        self.kind = kind_of(method, keep=keep)
        target, head, body = compiled.target.constant, compiled.head.constant, compiled.body
        needs_visit = (
            compiled.step.follow
            or compiled.reference
            or compiled.host is not None
            or compiled.cookies.constant != b""
            or (self.next is not None and self.next.compiled.reference)
        )
        if needs_visit or target is None or head is None:
            return
        self.path = target.partition(b"?")[0]
        before = b"%b %b HTTP/1.1\r\nHost: %b\r\n%b" % (method, target, host, head)
        after = b"\r\n"
        if body is not None and body.constant is None:
            self.body, after = body, b"Content-Length: "
        elif body is not None and body.constant is not None:
            after = b"Content-Length: %d\r\n\r\n%b" % (len(body.constant), body.constant)
        self.alone, self.before_cookies, self.after_cookies = before + after, before + b"Cookie: ", b"\r\n" + after

    def learn(self, response: Response, visit: Visit, hop: int, path: bytes, *, closes: bool, redirected: bool) -> None:
        """Learn a correct response to the redirect number `hop`, or to the first request if that is 0, for `path`."""
        last = self._last_responses.get(hop)
        varying = self._varying.get(hop, frozenset())
        if last is not None and len(last.raw) == len(response.raw):
            varying = self._varying[hop] = varying | varying_fields(last, response)
        self._last_responses[hop] = response
        shape = shape_of(
            CorrectResponse(response, self.compiled, self.expected, visit, path, closes, redirected, varying)
        )
        if shape is None:
            return
        if len(self.shapes) >= MAX_SHAPES:
            self.shapes.clear()
        self.shapes[hop, shape.length] = shape
        if shape.exact and not closes and not hop:
            self.exact = response.raw

    @property
    def longest_response(self) -> int:
        """The bytes beyond which a response is wrong. In one with chunks of one byte each byte takes six."""
        if self.compiled.step.follow or self.expected is None:
            return 8 * BODY_LIMIT
        longest = len(self.expected.whole) if self.expected.whole is not None else self.expected.longest
        return 8 * longest + 4 * HEAD_LIMIT if longest or self.expected.whole is not None else 8 * BODY_LIMIT


_KINDS: Mapping[tuple[bool, bool, bool], RequestKind] = {
    (head, repeatable, close): RequestKind(head, repeatable, close)
    for head in (False, True)
    for repeatable in (False, True)
    for close in (False, True)
}


def kind_of(method: bytes, *, keep: bool) -> RequestKind:
    """Return the properties of a request with `method`. Without `keep` its connection ends after it."""
    return _KINDS[method == b"HEAD", method in IDEMPOTENT, not keep]
