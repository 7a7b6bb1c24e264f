"""The interface between the connections of a loop and the requests that they send.

    MarkedRequests (request_marks.py)    one page, each request with its own mark
    UserVisits (user_visits.py)          visits of users, each with its cookie jar

A connection has one pending request at a time. It asks the source for the next one, and whether a response is correct.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol, TypeVar

from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.load.generator.loop import LoopCounters
from wsgi_gauntlet.harness.load.generator.step_figures import StepFigures

IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))
"""Methods whose request may be repeated on a new connection (RFC 9110, section 9.2.2)."""

NO_MATCH = object()
"""Equal to nothing that is received: neither b'' (the end) nor None (a request that is not sent yet)."""


class PendingRequest:
    """One request, and the bytes of its correct response on a kept connection: NO_MATCH if they are not known."""

    __slots__ = ("request", "response")

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.response: object = NO_MATCH


class RequestEnd(enum.Enum):
    """How a request ended when its connection was closed."""

    ANSWERED = enum.auto()
    """The response is correct."""
    FAILED = enum.auto()
    """It failed, or its response was wrong."""
    NOT_SENT = enum.auto()
    """It got no response and may be sent again, or it was never sent."""


class Match(enum.Enum):
    """What the bytes of a response alone show."""

    NONE = enum.auto()
    """Nothing: it must be parsed."""
    KEPT = enum.auto()
    """It is correct, and the connection is kept."""
    CLOSES = enum.auto()
    """It is correct, and the connection ends."""


@dataclass(frozen=True)
class RequestKind:
    """The properties of a request that its connection needs.

    With `head` the response has no body. A `repeatable` request may be sent again. A client that `asks_close` does not
    use the connection again, whatever the server announces.
    """

    head: bool
    repeatable: bool
    asks_close: bool

    @classmethod
    def of(cls, request: bytes) -> RequestKind:
        """Return the kind of `request`."""
        head = request.partition(b"\r\n\r\n")[0]
        method = head.partition(b" ")[0]
        return cls(method == b"HEAD", method in IDEMPOTENT, b"\r\nConnection: close\r\n" in head + b"\r\n")


@dataclass(frozen=True)
class WrongResponse:
    """What is wrong with a complete response. With `body` it is the body, else the status."""

    message: str
    body: bool = False


P = TypeVar("P", bound=PendingRequest)


class RequestSource(Protocol[P]):
    """The requests of one loop. A pending request comes from `take` or `following` of the same source."""

    @property
    def longest_learned(self) -> int:
        """The length of the longest response that was learned, 0 before."""

    def take(self) -> P:
        """Return the request for a new connection."""

    def following(self, pending: P, /) -> P:
        """Return the next request of a connection on which `pending` got its correct response."""

    def put_back(self, pending: P, end: RequestEnd, /) -> None:
        """Take `pending` back from a connection that is closed."""

    def fail(self, pending: P, /) -> None:
        """Count that `pending` failed; `put_back` follows."""

    def kind(self, pending: P, /) -> RequestKind:
        """Return the properties of the request."""

    def longest_response(self, pending: P, /) -> int:
        """Return the number of bytes beyond which a response cannot be correct."""

    def recognize(self, pending: P, data: bytes | bytearray, /) -> Match:
        """Return whether `data` is a whole correct response, as far as the bytes alone show it.

        If it is, no other method gets this response.
        """

    def may_become_correct(self, pending: P, data: bytes | bytearray, /) -> bool:
        """Return whether more bytes can make `data` such a response. False is always safe."""

    def check(self, pending: P, response: Response, /) -> WrongResponse | None:
        """Return what is wrong with a complete response, None if it is correct. It is called once for a response."""

    def learn(self, response: Response, pending: P, *, closes: bool) -> None:
        """Learn a correct response whose bytes alone show its end. With `closes` the connection ends after it."""

    def describe(self, pending: P, message: str, /) -> str:
        """Return the error message of `pending`, with the name of its step if there are several."""

    def count(self, pending: P, latency: int, times: int, /) -> None:
        """Count a correct response to `pending` that took `latency` nanoseconds; `times` is -1 to take it back."""

    def restart_counters(self, counters: LoopCounters, /) -> None:
        """Reset the figures of the steps. `counters` counts the requests that cannot be made."""

    def steps(self) -> tuple[StepFigures, ...]:
        """Return the figures of each step; none if there is one request only."""
