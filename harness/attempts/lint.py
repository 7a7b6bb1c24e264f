"""What is wrong with the answers of one attempt, whatever the case asked for. Pure: events in, findings out.

Every connection's bytes are read again, requests and answers side by side, so that also what a case reads raw is seen.
A finding never changes a verdict. What the harness or the app did on purpose is none:

- An app that answers against the rules says so (`odd` in its event `called`): with `all` its connections are not looked
  at, with `end` its answers may break off, as they may where the app raised.
- Where a request was not well-formed, what follows it may be taken for anything: only what holds of all answers counts.
- Where bytes or events were not kept, what comes after them is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ..answer import H2_PREFACE, Ending, Framing, Response, listed, shorten, speaks_h2
from ..model import AppEvent, WireEvent, WireKind
from ..response import ResponseParser
from .lint_kinds import RULES, Kind
from .wellformed import after_request

LIMIT = 20
"""Distinct findings of one attempt, and of one cell."""

READ_LIMIT = 128 * 1024
"""Bytes of one connection that are read, each way. What follows is a body, or nothing that reading on would better."""

ANSWERS_LIMIT = 100
"""Answers of one connection that are read."""

DAY = 24 * 60 * 60
"""Seconds that a Date may be off: a clock that is set wrong by more is no matter of time zones or of a slow machine."""

AT_ONCE = 0.2
"""Seconds from an answer's last byte to the connection's end that are no idle time-out: servers' begin at a second."""

RECENT = 1.0
"""Seconds from our last byte to the connection's end, likewise; an answer that was read late must not look like it."""

STAYS_OPEN = 2.0
"""Seconds that a connection is watched after its answer before it counts as left open."""

NOT_KEPT, LATER = "not kept", "later events"
"""How the note ends that says that something is not in the evidence, and begins where it is all that came later
(harness/wire.py); else it is bytes of the event before it."""

SINGLETONS = frozenset(
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
"""Fields of RFC 9110 and 9111 that an answer has once; Content-Length has a kind of its own."""

END_TO_END = SINGLETONS | {b"allow", b"cache-control", b"content-length", b"set-cookie", b"vary"}
"""Fields for all recipients, which Connection must not name."""

HOP_BY_HOP = (b"keep-alive", b"upgrade")
"""Fields for one connection, which Connection must name; Transfer-Encoding need not be."""

OPTIONS = frozenset({"close", "keep-alive", "upgrade"})
"""Connection options that need no field of their name."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    rf"({'|'.join(_DAYS)}), ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}}) ([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}}) GMT"
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def lint(wire: Iterable[WireEvent], app: Iterable[AppEvent], now: float) -> tuple[str, ...]:
    """Return what is wrong with the answers among `wire`; `now` is the present, in seconds of the epoch.

    `app` is what the app told in the same attempt. At most LIMIT findings, each of them once, in the order of the
    connections; a finding is its kind, a colon, a sentence and the section (see lint_kinds.py).
    """
    odd: set[bytes] = set()
    breaks = False
    for event in app:
        how = event.detail.get("odd")
        if how == "all":
            odd.add(str(event.detail.get("path", "")).encode("latin-1", "replace"))
        breaks = breaks or how == "end" or event.kind == "raised"
    found: dict[str, None] = {}
    for connection in _connections(wire):
        if any(path in connection.sent for path in odd) or _in_h2(connection):
            continue
        for finding in _of_connection(connection, breaks=breaks, now=now):
            found.setdefault(finding)
            if len(found) >= LIMIT:
                return tuple(found)
    return tuple(found)


def _in_h2(connection: _Connection) -> bool:
    """Say whether both sides of the connection speak HTTP/2, of which nothing here is known."""
    return connection.sent.startswith(H2_PREFACE) and speaks_h2(bytes(connection.received))


def said(kind: Kind, detail: str = "") -> str:
    """Return a finding of `kind` as it stands in a cell: stable from run to run."""
    rule = RULES[kind]
    return f"{kind}: {rule.sentence}{f': {detail}' if detail else ''} ({rule.where})"


# ---------------------------------------------------------------------- a connection


@dataclass
class _Connection:
    """What went over one connection, and when it came to which end. Seconds of CLOCK_MONOTONIC."""

    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    last_sent: float = 0.0
    last_received: float = 0.0
    ended: Ending = Ending.OPEN
    ended_at: float = 0.0
    watched_until: float = 0.0
    half_closed: bool = False
    closed: bool = False
    cut: bool = False
    cut_sent: bool = False
    last: WireKind = WireKind.OPENED

    def cut_off(self) -> None:
        """Take note that bytes of the last event are missing."""
        if self.last is WireKind.SENT:
            self.cut_sent = True
        else:
            self.cut = True

    @property
    def closed_at_once(self) -> bool:
        """Whether the server closed it as soon as it had answered, of its own accord."""
        if self.ended is not Ending.EOF or self.half_closed or self.closed:
            return False
        return self.ended_at - self.last_received < AT_ONCE and self.ended_at - self.last_sent < RECENT

    @property
    def left_open(self) -> bool:
        """Whether it was seen to stay open after all that came."""
        return self.ended is Ending.OPEN and self.watched_until - self.last_received >= STAYS_OPEN


def _connections(wire: Iterable[WireEvent]) -> list[_Connection]:
    found: dict[int, _Connection] = {}
    for event in wire:
        one = found.setdefault(event.connection, _Connection())
        match event.kind:
            case WireKind.SENT:
                one.last_sent = event.at
                room = READ_LIMIT - len(one.sent)
                one.sent += event.data[: max(0, room)]
                one.cut_sent = one.cut_sent or len(event.data) > room
            case WireKind.RECEIVED if not one.cut:
                one.last_received = event.at
                room = READ_LIMIT - len(one.received)
                one.received += event.data[: max(0, room)]
                one.cut = len(event.data) > room
            case WireKind.EOF | WireKind.RESET if not one.closed:
                one.ended = Ending.EOF if event.kind is WireKind.EOF else Ending.RESET
                one.ended_at = event.at
            case WireKind.WAITED:
                one.watched_until = event.at
            case WireKind.HALF_CLOSED:
                one.half_closed = True
            case WireKind.CLOSED:
                one.closed = one.closed or one.ended is Ending.OPEN
            case WireKind.NOTE if event.note.endswith(NOT_KEPT):
                if not event.note.startswith(LATER):
                    one.cut_off()
                    continue
                for each in found.values():
                    each.cut = each.cut_sent = True
        one.last = event.kind
    return [one for one in found.values() if one.received]


@dataclass(frozen=True)
class _Asked:
    method: bytes
    version: bytes


def _asked(sent: bytes, *, cut: bool) -> tuple[list[_Asked], bytes]:
    """Return the well-formed requests that `sent` begins with, and what is left, which is not one."""
    found: list[_Asked] = []
    left = sent
    while left:
        line = left[: left.find(b"\r\n")].split(b" ")
        rest = after_request(left, None if cut else 0)
        if rest is None:
            break
        left = rest
        found.append(_Asked(line[0], line[-1]))
    return found, left


def _of_connection(one: _Connection, *, breaks: bool, now: float) -> Iterator[str]:
    asked, malformed = _asked(bytes(one.sent), cut=one.cut_sent)
    # Without a version it is a request of HTTP/0.9 if anything, whose answer is a body and nothing else.
    named = b" HTTP/" in malformed.partition(b"\n")[0]
    ended = one.ended is Ending.EOF and not (one.cut or one.half_closed or breaks)
    data = bytes(one.received)
    for number in range(ANSWERS_LIMIT):
        request = asked[number] if number < len(asked) else None
        if request is None and b"HEAD" in malformed:
            return  # who knows whether a body is to follow
        parser = ResponseParser(head=request is not None and request.method == b"HEAD")
        rest = parser.feed(data)
        parser.eof(Ending.OPEN if one.cut else one.ended)
        answer = parser.response()
        if request is None and not malformed and not one.cut_sent and answer.status != 408:
            yield said(Kind.ANSWER_UNASKED)
            return
        if answer.status is None and request is None and not named:
            return
        yield from _of_notes(answer, broken_off=ended and (request is not None or answer.status is not None))
        if answer.status is None:
            return
        yield from of_answer(answer, now=now, version=request.version if request else b"")
        if not answer.complete or answer.status == 101:
            return
        if not rest:
            if not one.cut:
                yield from _of_end(one, answer)
            return
        if not rest.startswith(b"HTTP/"):
            if rest.strip(b"\r\n"):
                yield _surplus(answer, request)
            return
        if "close" in answer.options("connection"):
            yield said(Kind.CLOSE_IGNORED)
            return
        data = rest


def _of_notes(answer: Response, *, broken_off: bool) -> Iterator[str]:
    for each in (*answer.interim, answer):
        for note in each.notes:
            # The version is looked at with the answer's parts.
            if note.kind in (None, Kind.VERSION) or (note.kind is Kind.INCOMPLETE and not broken_off):
                continue
            assert note.kind is not None
            yield said(note.kind)


def _surplus(answer: Response, request: _Asked | None) -> str:
    if request is not None and request.method == b"HEAD":
        return said(Kind.BODY_AFTER_HEAD)
    if answer.framing is Framing.NONE:
        return said(Kind.BODY_FORBIDDEN, str(answer.status))
    return said(Kind.BYTES_AFTER, f"after {answer.framing}")


def _of_end(one: _Connection, answer: Response) -> Iterator[str]:
    options = answer.options("connection")
    if one.left_open and "close" in options:
        yield said(Kind.CLOSE_IGNORED)
    if not one.closed_at_once:
        return
    if "keep-alive" in options and "close" not in options:
        yield said(Kind.KEEP_ALIVE_BROKEN)
    elif not answer.says_close:
        yield said(Kind.CLOSE_UNSAID)


# ---------------------------------------------------------------------- an answer


def of_answer(answer: Response, *, now: float, version: bytes = b"HTTP/1.1") -> Iterator[str]:
    """Yield what is wrong with the parts of `answer`; `version` is the request's, empty where it is not known."""
    assert answer.status is not None
    if answer.version not in (b"HTTP/1.0", b"HTTP/1.1"):
        yield said(Kind.VERSION)
    for each in (*answer.interim, answer):
        if _CONTROLS.search(b"".join([value for _, value in each.headers])):
            yield said(Kind.FIELD_VALUE)
    fields: dict[bytes, list[bytes]] = {}
    for name, value in answer.headers:
        fields.setdefault(name.lower(), []).append(value)
    if version == b"HTTP/1.0":
        if answer.interim:
            yield said(Kind.INTERIM_TO_1_0)
        if b"transfer-encoding" in fields:
            yield said(Kind.CODING_TO_1_0)
    for name, values in fields.items():
        if len(values) > 1 and name in SINGLETONS:
            yield said(Kind.FIELD_TWICE, name.decode("ascii"))
    if b"" in fields.get(b"server", ()):
        yield said(Kind.SERVER_EMPTY)
    yield from _of_dates(fields.get(b"date", ()), answer.status, now)
    yield from _of_options(listed(fields.get(b"connection", ())), fields)


def _of_dates(dates: Sequence[bytes], status: int, now: float) -> Iterator[str]:
    if not dates and 200 <= status < 500:
        yield said(Kind.DATE_MISSING, f"{status // 100}xx")
    for value in dates:
        at = seconds(value)
        if at is None:
            yield said(Kind.DATE_FORM)
        elif abs(at - now) > DAY:
            yield said(Kind.DATE_WRONG)


def seconds(date: bytes) -> float | None:
    """Return an IMF-fixdate (RFC 9110, section 5.6.7) in seconds of the epoch; None where it is not one."""
    match = _DATE.fullmatch(date.decode("latin-1"))
    if not match:
        return None
    day, month, year, *time = match[2], _MONTHS.index(match[3]) + 1, match[4], match[5], match[6], match[7]
    hour, minute, second = (int(each) for each in time)
    try:
        # A leap second is written as 60, which datetime does not know.
        at = datetime(int(year), month, int(day), hour, minute, 59 if second == 60 else second, tzinfo=UTC)
    except ValueError:
        return None
    return at.timestamp() if _DAYS[at.weekday()] == match[1] else None


def _of_options(options: Sequence[str], fields: Container[bytes]) -> Iterator[str]:
    if "close" in options and "keep-alive" in options:
        yield said(Kind.CONNECTION_CONTRADICTS)
    for option in sorted(set(options)):
        name = option.encode("latin-1")
        if name in END_TO_END:
            yield said(Kind.CONNECTION_END_TO_END, option)
        elif option not in OPTIONS and name not in fields:
            yield said(Kind.CONNECTION_UNKNOWN, shorten(name, 20))
    for name in HOP_BY_HOP:
        if name in fields and name.decode("ascii") not in options:
            yield said(Kind.HOP_BY_HOP_UNLISTED, name.decode("ascii"))
