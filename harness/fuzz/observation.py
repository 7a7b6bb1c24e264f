"""The reaction of one server to the bytes of one connection, in a form that can be compared. Pure.

Left out is what every server may choose: Date and Server, reason phrases, the texts of error pages, field order, and
variables of environ that describe the server.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.fuzz.byte_shapes import escaped
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response, ResponseParser
from wsgi_gauntlet.harness.model import AppEvent

NEXT_PATH = "/next-request"
"""The path of the request that follows the input on its connection. It shows whether the server is in sync."""

NEXT_REQUEST = f"GET {NEXT_PATH} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode("ascii")
"""The request that follows the input, unless a response says that the connection closes."""

IGNORED_VARIABLES = frozenset({"HTTP_CONNECTION", "HTTP_KEEP_ALIVE", "HTTP_TRANSFER_ENCODING", "HTTP_TE"})
"""Fields of one hop: RFC 9110, section 7.6.1, lets a server consume them."""

MAX_RESPONSES = 20
"""Responses of one connection that are read."""


class Outcome(enum.StrEnum):
    """What became of the first request."""

    SERVED = "served"
    """The app was called, and the response is not an error."""
    FAILED = "rejected after the call of the app"
    """The app was called, and the response is an error, incomplete or missing."""
    REFUSED = "rejected"
    """The app was not called: an error response, or the connection closed."""
    ANSWERED = "answered without the app"
    """The app was not called, and the response is not an error, as for `OPTIONS *`."""
    WAITS = "waits"
    """No response came: the server waits for more bytes."""


class End(enum.StrEnum):
    """What became of the connection."""

    NEXT_SERVED = "next request served"
    CLOSED = "closed"
    SILENT = "open and silent"


@dataclass(frozen=True)
class AppCall:
    """One call of the app. `body` is None if the app did not read it to its end.

    `variables` are CONTENT_TYPE and the HTTP_ variables, sorted.
    """

    method: str
    path: str
    query: str
    body: bytes | None = None
    variables: tuple[tuple[str, str], ...] = ()

    def describe(self) -> str:
        """Return the call in one line."""
        query = f"?{self.query}" if self.query else ""
        line = escaped(f"{self.method} {self.path}{query}".encode("latin-1", "backslashreplace"))
        return line if self.body is None else f"{line} with the body '{escaped(self.body)}'"


@dataclass(frozen=True)
class Answer:
    """One response: its status class, such as 4; 0 if it has no status line."""

    status_class: int
    complete: bool
    well_formed: bool


@dataclass(frozen=True)
class Observation:
    """The reaction to one input. `calls` and `answers` are without those of the next request.

    `waited`: no response came, and the server was silent. Then no next request was sent.
    `ended` says how the server ended, '' if it did not.
    `busy`: afterwards it kept a processor busy.
    """

    calls: tuple[AppCall, ...] = ()
    answers: tuple[Answer, ...] = ()
    end: End = End.CLOSED
    waited: bool = False
    ended: str = ""
    busy: bool = False

    @property
    def outcome(self) -> Outcome:
        """What became of the first request."""
        if self.waited:
            return Outcome.WAITS
        first = self.answers[0] if self.answers else None
        good = first is not None and first.status_class in (1, 2, 3) and first.complete
        if self.calls:
            return Outcome.SERVED if good else Outcome.FAILED
        if good:
            return Outcome.ANSWERED
        return Outcome.REFUSED

    def describe(self) -> str:
        """Return the reaction in one line, for people."""
        if self.ended:
            return f"the server ended: {self.ended}"
        parts = [str(self.outcome)]
        if self.calls:
            parts.append("app called for " + " and for ".join(each.describe() for each in self.calls))
        statuses = ", ".join(_describe_answer(each) for each in self.answers)
        parts.append(f"responses {statuses}" if statuses else "no response")
        parts.append(str(self.end))
        if self.busy:
            parts.append("the server kept a processor busy")
        return "; ".join(parts)


def _describe_answer(answer: Answer) -> str:
    status = f"{answer.status_class}xx" if answer.status_class else "without a status line"
    return status + ("" if answer.complete else " (incomplete)") + ("" if answer.well_formed else " (malformed)")


def parse_responses(received: bytes, *, head: bool, ended: ConnectionState) -> list[Response]:
    """Return the responses in `received`; `head` says that the first request is a HEAD.

    The last one is incomplete if its end is missing, and not even begun if it is empty.
    """
    found: list[Response] = []
    while received and len(found) < MAX_RESPONSES:
        parser = ResponseParser(head=head and not found)
        rest = parser.feed(received)
        done = parser.done
        parser.eof(ended)
        found.append(parser.response())
        received = rest if done else b""
    return found


def is_head_request(data: bytes) -> bool:
    """Return whether a server reads `data` as a HEAD request."""
    return data.lstrip(b"\r\n").startswith(b"HEAD ")


def app_calls(events: Iterable[AppEvent]) -> list[AppCall]:
    """Return the calls of the app in `events`, ordered by time. Each `body` event belongs to the last call before it on
    the same thread."""
    calls: list[AppCall] = []
    last: dict[tuple[int, int], int] = {}
    for event in events:
        thread = (event.pid, event.thread)
        if event.kind == "called":
            last[thread] = len(calls)
            calls.append(_app_call(event))
        elif event.kind == "body" and thread in last:
            call = calls[last[thread]]
            body = str(event.detail.get("data", "")).encode("latin-1", "backslashreplace")
            calls[last[thread]] = AppCall(call.method, call.path, call.query, body, call.variables)
    return calls


def _app_call(event: AppEvent) -> AppCall:
    environ = event.detail.get("environ") or {}
    variables = {
        name: str(value)
        for name, value in environ.items()
        if (name.startswith("HTTP_") or name == "CONTENT_TYPE") and name not in IGNORED_VARIABLES
    }
    # CGI/1.1 has CONTENT_LENGTH and CONTENT_TYPE without HTTP_; some servers give both.
    variables = {name: value for name, value in variables.items() if value or name != "CONTENT_TYPE"}
    for repeated in ("HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"):
        variables.pop(repeated, None)
    detail = event.detail
    return AppCall(
        str(detail.get("method", "")),
        str(detail.get("path", "")),
        str(detail.get("query", "")),
        variables=tuple(sorted(variables.items())),
    )


def observation(
    events: Iterable[AppEvent],
    responses: Sequence[Response],
    state: ConnectionState,
    *,
    waited: bool = False,
    ended: str = "",
    busy: bool = False,
) -> Observation:
    """Return the observation of one connection. `responses` are all of it, with that of the next request.

    `state` is the state of the connection at its end.
    """
    all_calls = app_calls(events)
    calls = tuple(each for each in all_calls if each.path != NEXT_PATH)
    next_called = len(calls) < len(all_calls)
    closed = state is not ConnectionState.OPEN
    answers = [
        Answer((each.status or 0) // 100, each.complete, not each.issues) for each in responses if not each.is_empty
    ]
    end = End.CLOSED if closed else End.SILENT
    if next_called and answers:
        end = End.NEXT_SERVED
        answers.pop()
    return Observation(calls, tuple(answers), end, waited, ended, busy)
