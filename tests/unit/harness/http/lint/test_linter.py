"""Lint reads made-up transcripts: every kind is found where it is, and nothing where all is well."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgi_gauntlet.harness.http.connection import EVENTS_LIMIT, Transcript
from wsgi_gauntlet.harness.http.lint import linter as module
from wsgi_gauntlet.harness.http.lint.kinds import LINT_RULES, LintKind, kind_of
from wsgi_gauntlet.harness.http.lint.linter import LINT_FINDINGS_LIMIT, format_finding, lint, parse_imf_fixdate
from wsgi_gauntlet.harness.http.response import HTTP2_PREFACE, Response
from wsgi_gauntlet.harness.model import AppEvent, ConnectionEvent, ConnectionEventKind
from wsgi_gauntlet.harness.store.evidence_limits import gap

NOW = 1795375588.0
DATE = b"Date: Sun, 22 Nov 2026 19:26:28 GMT\r\n"
GET = b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"
GET_1_0 = b"GET /echo HTTP/1.0\r\n\r\n"
HEAD = b"HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n"
MALFORMED = b"GET /echo HTTP/1.1\r\nNo colon\r\n\r\n"

OPEN, CLOSED_AT_ONCE, CLOSED_LATER, WATCHED, RESET, WE_CLOSED = "open", "at once", "later", "watched", "reset", "we"


def answer(
    status: bytes = b"200 OK", *fields: bytes, body: bytes = b"", length: bool = True, date: bytes = DATE
) -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    framing = b"Content-Length: %d\r\n" % len(body) if length else b""
    return b"HTTP/1.1 " + status + b"\r\n" + date + framing + lines + b"\r\n" + body


def transcript(received: bytes, sent: bytes = GET, ending: str = OPEN, connection: int = 1) -> list[ConnectionEvent]:
    def event(at: float, kind: ConnectionEventKind, data: bytes = b"") -> ConnectionEvent:
        return ConnectionEvent(at, connection, kind, data)

    events = [
        event(1.0, ConnectionEventKind.OPENED),
        event(1.0, ConnectionEventKind.SENT, sent),
        event(1.01, ConnectionEventKind.RECEIVED, received),
    ]
    return events + {
        OPEN: [],
        CLOSED_AT_ONCE: [event(1.02, ConnectionEventKind.EOF), event(1.02, ConnectionEventKind.CLOSED)],
        CLOSED_LATER: [event(3.0, ConnectionEventKind.EOF)],
        WATCHED: [event(6.0, ConnectionEventKind.WAITED)],
        RESET: [event(1.02, ConnectionEventKind.RESET)],
        WE_CLOSED: [event(1.02, ConnectionEventKind.CLOSED), event(1.03, ConnectionEventKind.EOF)],
    }[ending]  # fmt: skip


def kinds(received: bytes, sent: bytes = GET, ending: str = OPEN, app: tuple[AppEvent, ...] = ()) -> list[str]:
    return [kind_of(finding) for finding in lint(transcript(received, sent, ending), app, NOW)]


def test_headers_that_were_not_kept_are_not_missed() -> None:
    *before, response = transcript(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Large: aaaa")
    tail = ConnectionEvent(1.01, 1, ConnectionEventKind.RECEIVED, b"aaa\r\n\r\n")
    assert lint([*before, response, tail], (), NOW)
    assert lint([*before, msgspec.structs.replace(response, omitted=70000), tail], (), NOW) == ()


def test_http2_is_not_read_as_http1() -> None:
    settings_frame = bytes.fromhex("000000040000000000")
    assert kinds(settings_frame, sent=HTTP2_PREFACE + settings_frame) == []
    assert kinds(settings_frame) == ["missing-status-line"]
    assert kinds(b"<html>", sent=HTTP2_PREFACE) == ["missing-status-line"]


def called(path: str = "/echo", kind: str = "called", **detail: Any) -> AppEvent:
    return AppEvent(1.0, kind, 1, 1, detail={"path": path, **detail})


GOOD = [
    pytest.param(answer(body=b"hello"), GET, OPEN, id="length"),
    pytest.param(answer(), GET, CLOSED_LATER, id="an idle time-out"),
    pytest.param(answer(), GET, WE_CLOSED, id="closed by us"),
    pytest.param(answer(b"200 OK", b"Connection: close"), GET, CLOSED_AT_ONCE, id="close, and closed"),
    pytest.param(answer(b"200 OK", b"Connection: close"), GET, OPEN, id="close, not watched"),
    pytest.param(answer(b"200 OK", b"Connection: Keep-Alive", b"Keep-Alive: timeout=5"), GET, OPEN, id="kept"),
    pytest.param(b"HTTP/1.0 200 OK\r\n" + DATE + b"\r\nhello", GET, CLOSED_AT_ONCE, id="1.0 until close"),
    pytest.param(answer(b"200 ", body=b"x"), GET, OPEN, id="no reason"),
    pytest.param(answer(b"500 Oh", date=b""), GET, OPEN, id="a 500 needs no Date"),
    pytest.param(answer(body=b"") + answer(), GET + GET, OPEN, id="pipelined"),
    pytest.param(answer(b"200 OK", b"Content-Length: 5", length=False), HEAD, OPEN, id="HEAD"),
    pytest.param(answer(b"304 Not Modified", length=False), GET, OPEN, id="304"),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(), GET, OPEN, id="interim"),
    pytest.param(answer() + answer(b"408 Too Slow", b"Connection: close"), GET, CLOSED_AT_ONCE, id="408 unasked"),
    pytest.param(answer(b"101 Go", b"Connection: upgrade", b"Upgrade: x", length=False) + b"\0\1", GET, OPEN, id="101"),
    pytest.param(answer(b"200 OK", b"Set-Cookie: a", b"Set-Cookie: b"), GET, OPEN, id="cookies"),
    pytest.param(answer() + b"\r\n", GET, OPEN, id="an empty line behind"),
    pytest.param(b"", GET, CLOSED_AT_ONCE, id="nothing"),
    pytest.param(b"hello", b"GET /echo\r\n", CLOSED_AT_ONCE, id="0.9"),
    pytest.param(b"HTTP/1.1 100 Go\r\n\r\n", b"POST / HTTP/1.1\r\n", CLOSED_AT_ONCE, id="half a request"),
]


@pytest.mark.parametrize(("received", "sent", "ending"), GOOD)
def test_nothing_is_found_where_all_is_well(received: bytes, sent: bytes, ending: str) -> None:
    assert lint(transcript(received, sent, ending), (), NOW) == ()


CHUNKED = b"Transfer-Encoding: chunked"
CHUNKED_TWICE = CHUNKED + b", chunked"
BAD: list[tuple[LintKind, bytes, bytes, str]] = [
    (LintKind.MISSING_STATUS_LINE, b"<h1>400</h1>", MALFORMED, CLOSED_AT_ONCE),
    (LintKind.LEADING_EMPTY_LINE, b"\r\n" + answer(), GET, OPEN),
    (LintKind.MALFORMED_STATUS_LINE, b"HTTP/1.1 2x0 OK\r\n\r\n", GET, OPEN),
    (LintKind.MALFORMED_STATUS_LINE, b"HTTP/1.1  " + answer()[9:], GET, OPEN),
    (LintKind.MISSING_STATUS_SPACE, b"HTTP/1.1 200\r\n" + DATE + b"Content-Length: 0\r\n\r\n", GET, OPEN),
    (LintKind.INVALID_REASON_PHRASE, answer(b"200 O\x01K"), GET, OPEN),
    (LintKind.INVALID_HTTP_VERSION, b"HTTP/1.2" + answer()[8:], GET, OPEN),
    (LintKind.INVALID_HTTP_VERSION, b"HTTP/2" + answer()[8:], GET, OPEN),
    (LintKind.BARE_LF, answer().replace(b"\r\n", b"\n"), GET, OPEN),
    (LintKind.BARE_CR, answer(b"200 OK", b"A: b\rc"), GET, OPEN),
    (LintKind.OBS_FOLD, answer(b"200 OK", b"A: b", b" c"), GET, OPEN),
    (LintKind.SPACE_BEFORE_COLON, answer(b"200 OK", b"A : b"), GET, OPEN),
    (LintKind.MISSING_COLON, answer(b"200 OK", b"A"), GET, OPEN),
    (LintKind.INVALID_HEADER_NAME, answer(b"200 OK", b"A\xff: b"), GET, OPEN),
    (LintKind.INVALID_HEADER_VALUE, answer(b"200 OK", b"A: b\0"), GET, OPEN),
    (LintKind.INVALID_HEADER_VALUE, answer(b"200 OK", b"A: b\x7f"), GET, OPEN),
    (LintKind.DUPLICATE_HEADER, answer(b"200 OK", b"Content-Type: a/b", b"content-type: a/c"), GET, OPEN),
    (LintKind.DUPLICATE_HEADER, answer(b"200 OK", DATE[:-2]), GET, OPEN),
    (LintKind.MISSING_DATE, answer(b"404 No", date=b""), GET, OPEN),
    (LintKind.INVALID_DATE, answer(date=b"Date: Sunday, 22-Nov-26 19:26:28 GMT\r\n"), GET, OPEN),
    (LintKind.INVALID_DATE, answer(date=b"Date: Mon, 22 Nov 2026 19:26:28 GMT\r\n"), GET, OPEN),
    (LintKind.INVALID_DATE, answer(date=b"Date: Mon, 31 Feb 2026 19:26:28 GMT\r\n"), GET, OPEN),
    (LintKind.WRONG_DATE, answer(date=b"Date: Fri, 20 Nov 2026 19:26:28 GMT\r\n"), GET, OPEN),
    (LintKind.EMPTY_SERVER, answer(b"200 OK", b"Server:"), GET, OPEN),
    (LintKind.DUPLICATE_CONTENT_LENGTH, answer(b"200 OK", b"Content-Length: 0"), GET, OPEN),
    (LintKind.INVALID_CONTENT_LENGTH, answer(b"200 OK", b"Content-Length: +5", length=False), GET, WE_CLOSED),
    (LintKind.FORBIDDEN_CONTENT_LENGTH, answer(b"204 Empty"), GET, OPEN),
    (LintKind.FORBIDDEN_CONTENT_LENGTH, b"HTTP/1.1 100 Go\r\nContent-Length: 0\r\n\r\n" + answer(), GET, OPEN),
    (LintKind.CONTENT_LENGTH_AND_TRANSFER_ENCODING, answer(b"200 OK", CHUNKED) + b"0\r\n\r\n", GET, OPEN),
    (LintKind.FORBIDDEN_TRANSFER_ENCODING, answer(b"204 Empty", CHUNKED, length=False), GET, OPEN),
    (LintKind.INVALID_TRANSFER_ENCODING, answer(b"200 OK", CHUNKED_TWICE, length=False) + b"0\r\n\r\n", GET, OPEN),
    (LintKind.TRANSFER_ENCODING_TO_HTTP_1_0, answer(b"200 OK", CHUNKED, length=False) + b"0\r\n\r\n", GET_1_0, OPEN),
    (LintKind.INVALID_CHUNK, answer(b"200 OK", CHUNKED, length=False) + b"x\r\n", GET, OPEN),
    (LintKind.INCOMPLETE_RESPONSE, answer(body=b"hello")[:-1], GET, CLOSED_AT_ONCE),
    (LintKind.INCOMPLETE_RESPONSE, answer(body=b"hello")[:-1], MALFORMED, CLOSED_AT_ONCE),
    (LintKind.INCOMPLETE_RESPONSE, b"HTTP/1.1 100 Go\r\n\r\n", GET, CLOSED_AT_ONCE),
    (LintKind.INCOMPLETE_RESPONSE, answer(b"200 OK", CHUNKED, length=False) + b"5\r\nhello\r\n", GET, CLOSED_AT_ONCE),
    (LintKind.BODY_IN_HEAD_RESPONSE, answer(body=b"hello"), HEAD, OPEN),
    (LintKind.FORBIDDEN_BODY, answer(b"204 Empty", length=False) + b"hello", GET, OPEN),
    (LintKind.FORBIDDEN_BODY, answer(b"304 Same", length=False) + b"0\r\n\r\n", GET, OPEN),
    (LintKind.BYTES_AFTER_RESPONSE, answer(body=b"hello") + b"EXTRA", GET, OPEN),
    (LintKind.UNREQUESTED_RESPONSE, answer() + answer(), GET, OPEN),
    (LintKind.INTERIM_TO_1_0, b"HTTP/1.1 100 Go\r\n\r\n" + answer(), GET_1_0, OPEN),
    (LintKind.CLOSE_NOT_HONOURED, answer(b"200 OK", b"Connection: close") + answer(), GET + GET, OPEN),
    (LintKind.CLOSE_NOT_HONOURED, answer(b"200 OK", b"Connection: close"), GET, WATCHED),
    (LintKind.CLOSE_NOT_ANNOUNCED, answer(), GET, CLOSED_AT_ONCE),
    (LintKind.CLOSE_NOT_ANNOUNCED, answer(length=False, body=b"until close"), GET, CLOSED_AT_ONCE),
    (LintKind.KEEP_ALIVE_NOT_HONOURED, answer(b"200 OK", b"Connection: Keep-Alive"), GET, CLOSED_AT_ONCE),
    (LintKind.CONTRADICTORY_CONNECTION, answer(b"200 OK", b"Connection: close", b"Connection: keep-alive"), GET, OPEN),
    (LintKind.UNKNOWN_CONNECTION_OPTION, answer(b"200 OK", b"Connection: clsoe"), GET, OPEN),
    (LintKind.END_TO_END_CONNECTION_OPTION, answer(b"200 OK", b"Connection: date, close"), GET, OPEN),
    (LintKind.HOP_BY_HOP_NOT_LISTED, answer(b"200 OK", b"Keep-Alive: timeout=5"), GET, OPEN),
    (LintKind.TOO_LARGE_TO_READ, b"HTTP/1.1 100 Go\r\n\r\n" * 40 + answer(), GET, OPEN),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "received", "sent", "ending"), BAD, ids=[f"{n}-{bad[0]}" for n, bad in enumerate(BAD)]
)
def test_what_is_wrong_is_found_and_nothing_else(kind: LintKind, received: bytes, sent: bytes, ending: str) -> None:
    assert kinds(received, sent, ending) == [kind]


def test_every_kind_has_an_answer_that_shows_it_and_a_rule() -> None:
    assert {bad[0] for bad in BAD} == set(LintKind) == set(LINT_RULES)


def test_a_finding_is_one_stable_line() -> None:
    assert lint(transcript(answer(date=b"")), (), NOW) == (
        "missing-date: a 2xx, 3xx or 4xx response has no Date: 2xx (RFC 9110, section 6.6.1)",
    )
    for kind in LintKind:
        assert re.fullmatch(r"[a-z0-9.-]+: [^\n:]+[^.\n] \(RFC 91(10|12), section [0-9.]+\)", format_finding(kind))


@pytest.mark.parametrize("odd", ["all", "end"])
def test_what_the_app_did_on_purpose_is_not_found(odd: str) -> None:
    short = answer(body=b"hello")[:-1].replace(DATE, b"")
    found = kinds(short, GET.replace(b"echo", b"odd?a=b"), CLOSED_AT_ONCE, (called("/odd", odd=odd),))
    assert found == ([] if odd == "all" else [LintKind.MISSING_DATE])


def test_the_other_connections_of_such_an_attempt_are_looked_at() -> None:
    wire = transcript(answer(date=b"")) + transcript(answer(date=b""), GET.replace(b"echo", b"odd"), connection=2)
    assert len(lint(wire, [called("/odd", odd="all")], NOW)) == 1


def test_an_app_that_raised_may_break_off_its_answer() -> None:
    assert kinds(answer(body=b"hello")[:-1], GET, CLOSED_AT_ONCE, (called(kind="raised"),)) == []


@pytest.mark.parametrize("ending", [OPEN, RESET, WE_CLOSED])
def test_only_the_servers_own_end_breaks_an_answer_off(ending: str) -> None:
    assert kinds(answer(body=b"hello")[:-1], GET, ending) == []


def test_a_body_that_may_answer_head_is_not_judged() -> None:
    assert kinds(answer(body=b"hello"), HEAD.replace(b"Host", b"Host ")) == []


def test_after_a_request_that_is_not_well_formed_nothing_is_unasked() -> None:
    assert kinds(answer() + answer(date=b""), MALFORMED) == [LintKind.MISSING_DATE]


def test_a_connection_that_we_half_closed_may_be_closed_without_a_word() -> None:
    wire = transcript(answer(), ending=CLOSED_AT_ONCE)
    wire.insert(2, ConnectionEvent(1.0, 1, ConnectionEventKind.HALF_CLOSED))
    assert lint(wire, (), NOW) == ()
    wire = transcript(b"HTTP/1.1 100 Go\r\n\r\n", ending=CLOSED_AT_ONCE)
    wire.insert(2, ConnectionEvent(1.0, 1, ConnectionEventKind.HALF_CLOSED))
    assert lint(wire, (), NOW) == ()


def test_bytes_that_were_not_kept_are_not_missed() -> None:
    kept = Transcript()
    kept.record(1, ConnectionEventKind.SENT, GET)
    kept.record(1, ConnectionEventKind.RECEIVED, answer(body=b"a" * 100_000))
    kept.record(1, ConnectionEventKind.EOF)
    assert lint(kept.events, (), NOW) == ()


def test_a_long_body_that_was_not_kept_hides_no_answer() -> None:
    kept = Transcript()
    kept.record(
        1, ConnectionEventKind.SENT, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"a" * 100_000
    )
    kept.record(1, ConnectionEventKind.RECEIVED, answer(date=b""))
    assert [kind_of(each) for each in lint(kept.events, (), NOW)] == [LintKind.MISSING_DATE]


def test_events_that_were_not_kept_are_not_missed() -> None:
    kept = Transcript()
    kept.record(1, ConnectionEventKind.SENT, GET)
    kept.record(1, ConnectionEventKind.RECEIVED, answer(body=b"ab")[:-1])
    for _ in range(EVENTS_LIMIT):
        kept.record(2, ConnectionEventKind.OPENED)
    kept.record(1, ConnectionEventKind.RECEIVED, b"b")
    kept.record(1, ConnectionEventKind.EOF)
    assert lint(kept.events, (), NOW) == ()


def test_a_connection_that_began_among_events_that_were_not_kept_is_not_judged() -> None:
    body = ConnectionEvent(2.0, 1, ConnectionEventKind.RECEIVED, b"half a body")
    whole = transcript(answer(date=b""))
    missing = gap(whole[0], 5, 100)
    assert [kind_of(each) for each in lint([body], (), NOW)] == ["unrequested-response"]
    assert lint([missing, body], (), NOW) == ()
    later = [msgspec.structs.replace(each, connection=2) for each in whole]
    assert [kind_of(each) for each in lint([missing, body, *later], (), NOW)] == [LintKind.MISSING_DATE]


def test_what_is_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_LIMIT_BYTES", 1000)
    assert kinds(answer(body=b"a" * 2000), GET, CLOSED_AT_ONCE) == []
    monkeypatch.setattr(module, "RESPONSES_LIMIT", 3)
    assert kinds(answer() * 3 + answer(date=b""), GET * 4) == []


def test_findings_are_bounded() -> None:
    wire = [each for n in range(40) for each in transcript(answer(b"200 OK", b"Connection: x%d" % n), connection=n)]
    assert len(lint(wire, (), NOW)) == LINT_FINDINGS_LIMIT


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (b"Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
        (b"Sat, 31 Dec 2016 23:59:60 GMT", 1483228799.0),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", None),
        (b"Sun Nov  6 08:49:37 1994", None),
        (b"Sun, 06 Nov 1994 08:49:37 +0000", None),
        (b"Sun, 06 Nov 1994 24:49:37 GMT", None),
        (b"Sun, 06 Nov 0000 08:49:37 GMT", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_dates(text: bytes, at: float | None) -> None:
    assert parse_imf_fixdate(text) == at


def test_a_date_without_an_answer_is_not_the_harness_s() -> None:
    assert Response().findings == ()


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 3),
            st.sampled_from(ConnectionEventKind),
            st.one_of(
                st.binary(max_size=40),
                st.sampled_from(
                    [GET, HEAD, GET_1_0, MALFORMED, answer(), answer(b"204 x", b"Connection: close, \xff")]
                ),
            ),
        ),
        max_size=12,
    ),
    st.lists(st.builds(called, st.text(max_size=4), odd=st.sampled_from(["all", "end", None, 5])), max_size=2),
)
def test_noise_never_raises(reported: list[tuple[int, ConnectionEventKind, bytes]], app: list[AppEvent]) -> None:
    wire = [ConnectionEvent(0.1 * at, number, kind, data) for at, (number, kind, data) in enumerate(reported)]
    found = lint(wire, app, NOW)
    assert len(found) <= LINT_FINDINGS_LIMIT
    assert all(LintKind(kind_of(each)) and each.isprintable() for each in found)


PAGE = Path(__file__).parents[5] / "docs" / "lint.md"


def page() -> str:
    rows = "".join(
        f"| `{kind}` | {rule.sentence} | [RFC {rule.rfc}, {rule.section}]"
        f"(https://www.rfc-editor.org/rfc/rfc{rule.rfc}.html#section-{rule.section}) |\n"
        for kind, rule in LINT_RULES.items()
    )
    return PAGE.read_text().partition("| kind |")[0] + "| kind | what is wrong | where |\n|---|---|---|\n" + rows


def test_the_page_of_kinds_is_that_of_the_code() -> None:
    assert PAGE.read_text() == page(), "docs/lint.md is to end with the table that page() returns"
