"""The parser is fed good answers, bad ones and noise; it needs no socket."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsgi_gauntlet.harness.http import parser as module
from wsgi_gauntlet.harness.http.parser import ConnectionState, Framing, Response, ResponseParser

from ....helpers.hostile_responses import Hostile, check_invariants, hostile, variants

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def parse(data: bytes, *, head: bool = False, ending: ConnectionState = ConnectionState.EOF) -> tuple[Response, bytes]:
    return parse_each([data], head=head, ending=ending)


def parse_each(
    pieces: Iterable[bytes], *, head: bool = False, ending: ConnectionState = ConnectionState.EOF
) -> tuple[Response, bytes]:
    parser = ResponseParser(head=head)
    rest = b"".join([parser.feed(piece) for piece in pieces])
    parser.eof(ending)
    return parser.response(), rest


def test_length() -> None:
    answer, rest = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: 1\r\nx:2\r\n\r\nhelloHTTP/1.1 404 ")
    assert (answer.status, answer.reason, answer.version) == (200, b"OK", b"HTTP/1.1")
    assert (answer.body, answer.framing, answer.complete, answer.findings) == (b"hello", Framing.LENGTH, True, ())
    assert rest == b"HTTP/1.1 404 "
    assert answer.header("X") == b"1"
    assert answer.all("x") == [b"1", b"2"]
    assert answer.header("missing") is None
    assert answer.ended is ConnectionState.OPEN
    assert answer.describe() == "200 OK, 5 bytes"


def test_chunked_with_trailers() -> None:
    answer, rest = parse(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
        b"00A;x=y\r\n, world..\n\r\n0\r\nT: v\r\n\r\nX"
    )
    assert answer.body == b"hello, world..\n"
    assert answer.trailers == ((b"T", b"v"),)
    assert (answer.framing, answer.complete, answer.findings, rest) == (Framing.CHUNKED, True, (), b"X")


def test_until_close() -> None:
    answer, rest = parse(b"HTTP/1.0 200 OK\r\n\r\nall of it")
    assert (answer.body, answer.framing, answer.complete, rest) == (b"all of it", Framing.CLOSE, True, b"")
    assert answer.announces_close


def test_until_close_but_reset_is_incomplete() -> None:
    answer, _ = parse(b"HTTP/1.0 200 OK\r\n\r\nall of", ending=ConnectionState.RESET)
    assert not answer.complete
    assert answer.describe() == "200 OK, incomplete: 6 bytes of body, connection reset"


@pytest.mark.parametrize(
    ("head", "status"), [(True, 200), (False, 204), (False, 304)], ids=["HEAD", "no content", "not modified"]
)
def test_no_body(head: bool, status: int) -> None:
    answer, rest = parse(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\nHTTP/" % status, head=head)
    assert (answer.body, answer.framing, answer.complete, rest) == (b"", Framing.NONE, True, b"HTTP/")
    assert bool(answer.findings) == (status == 204)
    assert answer.describe().endswith("no body")


def test_interim_answers() -> None:
    answer, _ = parse(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 Done\r\n\r\n")
    assert [each.status for each in answer.interim] == [100, 103]
    assert answer.interim[1].header("link") == b"x"
    assert (answer.status, answer.complete) == (204, True)


def test_too_many_interim_answers() -> None:
    answer, _ = parse(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
    assert len(answer.interim) == module.INTERIM_LIMIT
    assert not answer.complete


@pytest.mark.parametrize(
    ("data", "finding"),
    [
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "no space follows"),
        (b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", "breaks the grammar"),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "bare LF"),
        (b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", "white space precedes the colon"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: b\r\n c\r\n\r\n", "obs-fold"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA\r\n\r\n", "has no colon"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n: b\r\n\r\n", "is not a field name"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: b\0\r\n\r\n", "contains NUL"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: b\rc\r\n\r\n", "bare CR"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", "2 times, differing"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na", "2 times"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "is not a length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5000), "is not a length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "both"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "does not end with one chunked"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0 \r\n\r\n", "white space follows a chunk size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n", "data ends with a bare LF"),
        (b"\r\n\nHTTP/1.1 204 OK\r\n\r\n", "empty line precedes"),
    ],
)
def test_faults_that_can_be_read_past(data: bytes, finding: str) -> None:
    answer, rest = parse(data)
    assert any(finding in each for each in answer.findings), answer.findings
    assert (answer.complete, rest) == (True, b"")


@pytest.mark.parametrize(
    ("data", "finding"),
    [
        (b"HTTP/1.1 20", "ends in the status line"),
        (b"HTTP/1.1 100 Go\r\n\r\n", "only interim responses"),
        (b"HTTP/1.1 100 Go\r\n\r\nH", "ends in the status line"),
        (b"HTTP/1.1 200 OK\r\nA: ", "ends in the header fields"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "3 of 5 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "no last chunk"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc", "no last chunk"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA", "ends in the trailers"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", "not by CRLF"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n", "is not a chunk size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1%s\r\n" % (b"0" * 20), "is not a chunk size"),
        (b"HTTP/1.1 200 OK\r\nA: %s\r\n\r\n" % (b"a" * module.HEAD_LIMIT), "longer than"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "is not a status line"),
        (b"<h1>Bad request</h1>", "does not begin with a status line"),
        (b"\rX", "does not begin with a status line"),
    ],
)
def test_faults_that_end_the_answer(data: bytes, finding: str) -> None:
    answer, _ = parse(data)
    assert any(finding in each for each in answer.findings), answer.findings
    assert not answer.complete
    assert answer.describe()


def test_empty_lines_for_ever() -> None:
    answer, _ = parse(b"\r\n" * module.HEAD_LIMIT)
    assert answer.status is None


def test_nothing() -> None:
    answer, _ = parse(b"", ending=ConnectionState.RESET)
    assert answer.is_empty
    assert answer.findings == ()
    assert answer.describe() == "no response, connection reset"


def test_not_http() -> None:
    answer, _ = parse(b"hello")
    assert answer.describe() == "no status line but b'hello', connection closed"


def test_time_out_keeps_what_came() -> None:
    answer, _ = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", ending=ConnectionState.OPEN)
    assert answer.describe() == "200 OK, incomplete: 3 of 5 bytes of body, connection open"


def test_obs_fold_joins() -> None:
    answer, _ = parse(b"HTTP/1.1 204 \r\n first\r\nA: b\r\n\t c \r\n\r\n")
    assert answer.headers == ((b"A", b"b c"),)


def test_body_beyond_the_limit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_LIMIT", 10)
    answer, _ = parse_each([b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n", b"a" * 15, b"b" * 15])
    assert (answer.body, answer.length, answer.complete) == (b"a" * 10, 30, True)
    assert any("first 10 bytes" in each for each in answer.findings)


def test_an_unprintable_reason_is_shown_as_bytes() -> None:
    answer, _ = parse(b"HTTP/1.1 200 \x01\r\nContent-Length: 0\r\n\r\n")
    assert answer.describe() == "200 b'\\x01', 0 bytes"


def test_feeding_after_the_end_gives_everything_back() -> None:
    parser = ResponseParser()
    assert parser.feed(b"HTTP/1.1 204 x\r\n\r\n") == b""
    assert parser.feed(b"more") == b"more"
    parser.eof()
    assert parser.response().complete


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(hostile)
@example(Hostile(b"\r\r\n", (1,), False, ConnectionState.EOF))
@example(Hostile(CHUNKED + b"1\r\na\r", (48, 50, 51), False, ConnectionState.EOF))
@example(Hostile(CHUNKED + b"3\r\nConte", (), False, ConnectionState.OPEN))
@example(Hostile(b"HTTP/1.1 100 Go\r\n\r\n", (), False, ConnectionState.EOF))
def test_no_answer_breaks_the_reader_and_pieces_never_matter(given: Hostile) -> None:
    check_invariants(given)


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(hostile, st.integers(0, 2**32))
def test_nor_do_its_kin(given: Hostile, seed: int) -> None:
    for each in variants(given, seed, 20):
        check_invariants(each, bytewise=False)


def test_memory_is_bounded() -> None:
    parser = ResponseParser()
    piece = b"a" * 65536
    parser.feed(b"HTTP/1.1 200 OK\r\nA: ")
    kept = sum(1 for _ in range(64) if parser.feed(piece) == b"")
    assert kept <= module.HEAD_LIMIT // len(piece)
    assert parser.done
    assert len(parser.response().raw) <= module.RAW_LIMIT


def test_interim_heads_count_together() -> None:
    answer, _ = parse((b"HTTP/1.1 100 Go\r\n" + b"A: b\r\n" * 5000 + b"\r\n") * 30)
    assert sum(len(each.raw) for each in answer.interim) <= module.HEAD_LIMIT
    assert not answer.complete


def test_its_bodies_are_freed_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        parser = ResponseParser()
        parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        freed = weakref.ref(parser)
        del parser
        assert freed() is None
    finally:
        gc.enable()
