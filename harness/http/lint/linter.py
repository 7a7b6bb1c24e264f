"""The faults of all responses of one attempt, whatever the case asked for. Pure: events in, findings out.

Every connection's bytes are read again, requests and responses together, so that raw reads of a case are covered too.
A finding never changes a verdict. What the harness or the app did on purpose is no finding:

- An app that breaks the rules says so (`odd` in its event `called`). With `all` its connections are ignored. With `end`
  its responses may be cut off; so may the responses of an app that raised.
- A server may take the bytes after a malformed request for anything. Only rules for all responses apply there.
- Where bytes or events were not kept, nothing after them is judged.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from wsgi_gauntlet.harness.http.lint.kinds import LINT_RULES, LintKind
from wsgi_gauntlet.harness.http.parser import ResponseParser
from wsgi_gauntlet.harness.http.request import after_request
from wsgi_gauntlet.harness.http.response import (
    HTTP2_PREFACE,
    ConnectionState,
    Framing,
    Response,
    list_members,
    shorten,
    starts_with_h2_settings,
)
from wsgi_gauntlet.harness.model import AppEvent, ConnectionEvent, ConnectionEventKind
from wsgi_gauntlet.harness.store.evidence_limits import is_gap

LINT_FINDINGS_LIMIT = 20
"""Distinct findings of one attempt, and of one cell."""

READ_LIMIT_BYTES = 128 * 1024
"""Bytes of one connection that are read in each direction. The rest is a body, or would add nothing."""

RESPONSES_LIMIT = 100
"""Responses of one connection that are read."""

DATE_TOLERANCE_SECONDS = 24 * 60 * 60
"""Seconds by which a Date may be wrong: neither a time zone nor a slow machine explains more."""

IMMEDIATE_CLOSE_SECONDS = 0.2
"""The longest time from the last byte of a response to an immediate close. Idle time-outs begin at a second."""

RECENT_SEND_SECONDS = 1.0
"""The longest time from the client's last byte to an immediate close; a response may be read late."""

STAYS_OPEN_SECONDS = 2.0
"""Seconds without a close after which a connection counts as left open."""

SINGLE_VALUE_HEADERS = frozenset(
    {
        b"age",
        b"content-location",
        b"content-range",
        b"content-type",
        b"date",
        b"etag",
        b"expires",
        b"last-modified",
        b"location",
        b"retry-after",
        b"server",
    }
)
"""Fields of RFC 9110 and 9111 that a response has at most once; Content-Length has a kind of its own."""

END_TO_END_HEADERS = SINGLE_VALUE_HEADERS | {b"allow", b"cache-control", b"content-length", b"set-cookie", b"vary"}
"""Fields for all recipients; Connection must not name them."""

HOP_BY_HOP_HEADERS = (b"keep-alive", b"upgrade")
"""Fields for one connection; Connection must name them, except Transfer-Encoding."""

KNOWN_CONNECTION_OPTIONS = frozenset({"close", "keep-alive", "upgrade"})
"""Connection options that need no field of the same name."""

_DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    rf"({'|'.join(_DAY_NAMES)}), ([0-9]{{2}}) ({'|'.join(_MONTH_NAMES)}) ([0-9]{{4}}) "
    rf"([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}}) GMT"
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def lint(events: Iterable[ConnectionEvent], app: Iterable[AppEvent], now: float) -> tuple[str, ...]:
    """Return the faults of the responses in `events`; `now` is the present time in seconds of the epoch.

    `app` are the app events of the same attempt. Return at most LINT_FINDINGS_LIMIT findings, each once, ordered by
    connection. A finding is its kind, a colon, a sentence and the section (see kinds.py).
    """
    nonconforming_paths: set[bytes] = set()
    may_break_off = False
    for event in app:
        how = event.detail.get("odd")
        if how == "all":
            nonconforming_paths.add(str(event.detail.get("path", "")).encode("latin-1", "replace"))
        may_break_off = may_break_off or how == "end" or event.kind == "raised"
    found: dict[str, None] = {}
    for connection in _collect_traces(events):
        if any(path in connection.sent for path in nonconforming_paths) or _is_http2(connection):
            continue
        for finding in _lint_connection(connection, may_break_off=may_break_off, now=now):
            found.setdefault(finding)
            if len(found) >= LINT_FINDINGS_LIMIT:
                return tuple(found)
    return tuple(found)


def _is_http2(connection: _ConnectionTrace) -> bool:
    """Return whether both sides of the connection use HTTP/2, which lint does not know."""
    return connection.sent.startswith(HTTP2_PREFACE) and starts_with_h2_settings(bytes(connection.received))


def format_finding(kind: LintKind, detail: str = "") -> str:
    """Return the text of a finding in a cell: the same in every run."""
    rule = LINT_RULES[kind]
    return f"{kind}: {rule.sentence}{f': {detail}' if detail else ''} ({rule.where})"


# ---------------------------------------------------------------------- a connection


@dataclass
class _ConnectionTrace:
    """The bytes of one connection and the times of its ends, in seconds of CLOCK_MONOTONIC."""

    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    last_sent: float = 0.0
    last_received: float = 0.0
    ended: ConnectionState = ConnectionState.OPEN
    ended_at: float = 0.0
    watched_until: float = 0.0
    half_closed: bool = False
    closed: bool = False
    received_truncated: bool = False
    sent_truncated: bool = False

    @property
    def closed_at_once(self) -> bool:
        """Whether the server closed the connection right after its response, by its own decision."""
        if self.ended is not ConnectionState.EOF or self.half_closed or self.closed:
            return False
        return (
            self.ended_at - self.last_received < IMMEDIATE_CLOSE_SECONDS
            and self.ended_at - self.last_sent < RECENT_SEND_SECONDS
        )

    @property
    def left_open(self) -> bool:
        """Whether the connection stayed open after the last byte."""
        return self.ended is ConnectionState.OPEN and self.watched_until - self.last_received >= STAYS_OPEN_SECONDS


def _collect_traces(events: Iterable[ConnectionEvent]) -> list[_ConnectionTrace]:
    found: dict[int, _ConnectionTrace] = {}
    events_missing = False
    for event in events:
        if event.connection not in found:
            missing = events_missing and event.kind is not ConnectionEventKind.OPENED
            found[event.connection] = _ConnectionTrace(received_truncated=missing, sent_truncated=missing)
        trace = found[event.connection]
        if is_gap(event):
            events_missing = True
            for each in found.values():
                each.received_truncated = each.sent_truncated = True
        match event.kind:
            case ConnectionEventKind.SENT:
                trace.last_sent = event.at
                if not trace.sent_truncated:
                    room = READ_LIMIT_BYTES - len(trace.sent)
                    trace.sent += event.data[: max(0, room)]
                    trace.sent_truncated = len(event.data) > room or event.omitted > 0
            case ConnectionEventKind.RECEIVED if not trace.received_truncated:
                trace.last_received = event.at
                room = READ_LIMIT_BYTES - len(trace.received)
                trace.received += event.data[: max(0, room)]
                trace.received_truncated = len(event.data) > room or event.omitted > 0
            case ConnectionEventKind.EOF | ConnectionEventKind.RESET if not trace.closed:
                trace.ended = ConnectionState.EOF if event.kind is ConnectionEventKind.EOF else ConnectionState.RESET
                trace.ended_at = event.at
            case ConnectionEventKind.WAITED:
                trace.watched_until = event.at
            case ConnectionEventKind.HALF_CLOSED:
                trace.half_closed = True
            case ConnectionEventKind.CLOSED:
                trace.closed = trace.closed or trace.ended is ConnectionState.OPEN
    return [trace for trace in found.values() if trace.received]


@dataclass(frozen=True)
class _Request:
    method: bytes
    version: bytes


def _parse_requests(sent: bytes, *, received_truncated: bool) -> tuple[list[_Request], bytes]:
    """Return the well-formed requests that `sent` begins with, and the rest."""
    found: list[_Request] = []
    left = sent
    while left:
        line = left[: left.find(b"\r\n")].split(b" ")
        rest = after_request(left, None if received_truncated else 0)
        if rest is None:
            break
        left = rest
        found.append(_Request(line[0], line[-1]))
    return found, left


def _lint_connection(trace: _ConnectionTrace, *, may_break_off: bool, now: float) -> Iterator[str]:
    requests, malformed = _parse_requests(bytes(trace.sent), received_truncated=trace.sent_truncated)
    # Without a version it could only be a request of HTTP/0.9, whose response is a body and nothing else.
    names_http_version = b" HTTP/" in malformed.partition(b"\n")[0]
    ended = trace.ended is ConnectionState.EOF and not (trace.received_truncated or trace.half_closed or may_break_off)
    data = bytes(trace.received)
    for number in range(RESPONSES_LIMIT):
        request = requests[number] if number < len(requests) else None
        if request is None and b"HEAD" in malformed:
            return  # nobody knows whether a body is to follow
        parser = ResponseParser(head=request is not None and request.method == b"HEAD")
        rest = parser.feed(data)
        parser.eof(ConnectionState.OPEN if trace.received_truncated else trace.ended)
        response = parser.response()
        if request is None and not malformed and not trace.sent_truncated and response.status != 408:
            yield format_finding(LintKind.UNREQUESTED_RESPONSE)
            return
        if response.status is None and request is None and not names_http_version:
            return
        yield from _lint_parse_issues(
            response, broken_off=ended and (request is not None or response.status is not None)
        )
        if response.status is None or (trace.received_truncated and b"\r\n\r\n" not in data):
            return  # headers may be missing
        yield from lint_response(response, now=now, version=request.version if request else b"")
        if not response.complete or response.status == 101:
            return
        if not rest:
            if not trace.received_truncated:
                yield from _lint_close(trace, response)
            return
        if not rest.startswith(b"HTTP/"):
            if rest.strip(b"\r\n"):
                yield _extra_bytes_finding(response, request)
            return
        if "close" in response.options("connection"):
            yield format_finding(LintKind.CLOSE_NOT_HONOURED)
            return
        data = rest


def _lint_parse_issues(response: Response, *, broken_off: bool) -> Iterator[str]:
    for each in (*response.interim, response):
        for note in each.issues:
            # `lint_response` checks the version.
            if note.kind in (None, LintKind.INVALID_HTTP_VERSION) or (
                note.kind is LintKind.INCOMPLETE_RESPONSE and not broken_off
            ):
                continue
            assert note.kind is not None
            yield format_finding(note.kind)


def _extra_bytes_finding(response: Response, request: _Request | None) -> str:
    if request is not None and request.method == b"HEAD":
        return format_finding(LintKind.BODY_IN_HEAD_RESPONSE)
    if response.framing is Framing.NONE:
        return format_finding(LintKind.FORBIDDEN_BODY, str(response.status))
    return format_finding(LintKind.BYTES_AFTER_RESPONSE, f"after {response.framing}")


def _lint_close(trace: _ConnectionTrace, response: Response) -> Iterator[str]:
    options = response.options("connection")
    if trace.left_open and "close" in options:
        yield format_finding(LintKind.CLOSE_NOT_HONOURED)
    if not trace.closed_at_once:
        return
    if "keep-alive" in options and "close" not in options:
        yield format_finding(LintKind.KEEP_ALIVE_NOT_HONOURED)
    elif not response.announces_close:
        yield format_finding(LintKind.CLOSE_NOT_ANNOUNCED)


# ---------------------------------------------------------------------- a response


def lint_response(response: Response, *, now: float, version: bytes = b"HTTP/1.1") -> Iterator[str]:
    """Yield the faults of the parts of `response`; `version` is that of the request, empty if unknown."""
    assert response.status is not None
    if response.version not in (b"HTTP/1.0", b"HTTP/1.1"):
        yield format_finding(LintKind.INVALID_HTTP_VERSION)
    for each in (*response.interim, response):
        if _CONTROLS.search(b"".join([value for _, value in each.headers])):
            yield format_finding(LintKind.INVALID_HEADER_VALUE)
    fields: dict[bytes, list[bytes]] = {}
    for name, value in response.headers:
        fields.setdefault(name.lower(), []).append(value)
    if version == b"HTTP/1.0":
        if response.interim:
            yield format_finding(LintKind.INTERIM_TO_1_0)
        if b"transfer-encoding" in fields:
            yield format_finding(LintKind.TRANSFER_ENCODING_TO_HTTP_1_0)
    for name, values in fields.items():
        if len(values) > 1 and name in SINGLE_VALUE_HEADERS:
            yield format_finding(LintKind.DUPLICATE_HEADER, name.decode("ascii"))
    if b"" in fields.get(b"server", ()):
        yield format_finding(LintKind.EMPTY_SERVER)
    yield from _lint_dates(fields.get(b"date", ()), response.status, now)
    yield from _lint_connection_options(list_members(fields.get(b"connection", ())), fields)


def _lint_dates(dates: Sequence[bytes], status: int, now: float) -> Iterator[str]:
    if not dates and 200 <= status < 500:
        yield format_finding(LintKind.MISSING_DATE, f"{status // 100}xx")
    for value in dates:
        at = parse_imf_fixdate(value)
        if at is None:
            yield format_finding(LintKind.INVALID_DATE)
        elif abs(at - now) > DATE_TOLERANCE_SECONDS:
            yield format_finding(LintKind.WRONG_DATE)


@lru_cache(maxsize=64)  # all responses of a second have the same
def parse_imf_fixdate(date: bytes) -> float | None:
    """Return an IMF-fixdate (RFC 9110, section 5.6.7) in seconds of the epoch; None where it is not one."""
    match = _DATE.fullmatch(date.decode("latin-1"))
    if not match:
        return None
    day, month, year, *time = match[2], _MONTH_NAMES.index(match[3]) + 1, match[4], match[5], match[6], match[7]
    hour, minute, second = (int(each) for each in time)
    try:
        # A leap second is written as 60, which datetime does not know.
        at = datetime(int(year), month, int(day), hour, minute, 59 if second == 60 else second, tzinfo=UTC)
    except ValueError:
        return None
    return at.timestamp() if _DAY_NAMES[at.weekday()] == match[1] else None


def _lint_connection_options(options: Sequence[str], fields: Container[bytes]) -> Iterator[str]:
    if "close" in options and "keep-alive" in options:
        yield format_finding(LintKind.CONTRADICTORY_CONNECTION)
    for option in sorted(set(options)):
        name = option.encode("latin-1")
        if name in END_TO_END_HEADERS:
            yield format_finding(LintKind.END_TO_END_CONNECTION_OPTION, option)
        elif option not in KNOWN_CONNECTION_OPTIONS and name not in fields:
            yield format_finding(LintKind.UNKNOWN_CONNECTION_OPTION, shorten(name, 20))
    for name in HOP_BY_HOP_HEADERS:
        if name in fields and name.decode("ascii") not in options:
            yield format_finding(LintKind.HOP_BY_HOP_NOT_LISTED, name.decode("ascii"))
