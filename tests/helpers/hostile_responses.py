"""Answers as hostile, broken and honest servers send them, for hypothesis; and what must hold of the reader on each.

Used by the tests with some hundred inputs, and by benchmarks/fuzz_response_parser.py with a million.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

from wsgi_gauntlet.harness.http import parser as module
from wsgi_gauntlet.harness.http.lint.kinds import LintKind, kind_of
from wsgi_gauntlet.harness.http.lint.linter import LINT_FINDINGS_LIMIT, lint
from wsgi_gauntlet.harness.http.parser import ConnectionState, Framing, Response, ResponseParser
from wsgi_gauntlet.harness.model import ConnectionEvent, ConnectionEventKind

NOW = 1795375588.0

REAL = [
    (
        b"HTTP/1.1 200 OK\r\nServer: Werkzeug/3.1.9 Python/3.11.7\r\nDate: Sun, 22 Nov 2026 19:41:26 GMT\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 18\r\nConnection: close\r\n\r\ngauntlet 11802e29\n"
    ),
    (
        b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: Sun, 22 Nov 2026 19:41:26 GMT\r\nConnection: keep-alive\r\n"
        b"Transfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n5\r\nhello\r\nA\r\n, world...\r\n0\r\n\r\n"
    ),
    (
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 26\r\n\r\n"
        b"<html><h1>Bad Request</h1>"
    ),
    (
        b"HTTP/1.0 200 OK\r\nDate: Sun, 22 Nov 2026 19:41:26 GMT\r\nServer: WSGIServer/0.2 CPython/3.11.7\r\n"
        b"Content-Type: text/plain\r\n\r\nuntil the end"
    ),
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 18\r\nDate: Sun, 22 Nov 2026 19:41:26 GMT\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nVia: waitress\r\n\r\n",
    (
        b"HTTP/1.1 200 OK\r\nServer: nginx/1.31.3\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    ),
    b"<!DOCTYPE HTML>\n<html>\n    <p>Error code: 400</p>\n</html>\n",
]
"""As real servers sent them; the first is Werkzeug's, the last is http.server's for a request line it cannot read."""

LINES = [
    version + separator + code + rest + end
    for version in (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b"HTTP/1.12", b"http/1.1", b"HTTP/", b"ICY", b"\r\nHTTP/1.1")
    for separator in (b" ", b"  ", b"\t", b"")
    for code in (b"200", b"204", b"304", b"100", b"101", b"000", b"2OO", b"-20", b"2000")
    for rest in (b" OK", b"", b" ", b" \x01\xff")
    for end in (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\r\n ")
]
"""Status lines: good ones, and every near miss of them."""

NAMES = [
    *(b"Content-Length", b"content-length", b"Transfer-Encoding", b"Connection", b"Date", b"Server", b"Content-Type"),
    *(b"Keep-Alive", b"Upgrade", b"Trailer", b"", b" ", b"A", b"A\xff", b"Content-Length ", b" Content-Length"),
    *(b"Transfer-Encoding\t", b"X\0", b"Set-Cookie", b"\r", b"Content_Length"),
]
VALUES = [
    *(b"0", b"5", b"05", b"+5", b"-5", b"5, 5", b"5, 6", b"0x5", b"5 5", b"9" * 18, b"9" * 19, b"9" * 400, b"\xb2"),
    *(b"chunked", b"Chunked", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"xchunked", b"\x0bchunked"),
    *(b"close", b"keep-alive", b"close, keep-alive", b"date", b"upgrade", b",", b"\xff", b"", b"a\rb", b"a\0b"),
    *(b"Sun, 22 Nov 2026 19:26:28 GMT", b"Sun, 22 Nov 0000 19:26:28 GMT", b"Sun, 22 Nov 9999 23:59:60 GMT", b"x" * 300),
]
CHUNKS = [
    *(b"5\r\nhello\r\n", b"5;a=b\r\nhello\r\n", b"5\nhello\n", b"5 \r\nhello\r\n", b"5\r\nhello", b"5\r\nhelloX\r\n"),
    *(
        b"1\r\n\r\r\n",
        b"1\r\n\n\r\n",
        b"0\r\n\r\n",
        b"0\r\nA: b\r\n\r\n",
        b"0\r\nA\r\n\r\n",
        b"0\r\n A: b\r\n\r\n",
        b"0\n\n",
    ),
    *(
        b"000\r\n\r\n",
        b"f" * 15 + b"\r\n",
        b"f" * 16 + b"\r\n",
        b"-1\r\n",
        b"0x5\r\nhello\r\n",
        b"\r\n",
        b";\r\n",
        b"5;",
    ),
    *(b"A\r\n0123456789\r\n", b"+5\r\nhello\r\n", b"\xb25\r\nhello\r\n", b"1" * 70, b"5\r\n", b"5\r"),
]
SNIPPETS = [
    *(bytes([byte]) for byte in range(256)),
    *NAMES,
    *VALUES,
    *CHUNKS,
    b"\r\n\r\n",
    b"\n\n",
    b": ",
    b"HTTP/1.1 ",
]
LONGEST = 2000
"""Bytes of a variant: repeating doubles."""

ENDS = [b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n ", b""]


@dataclass(frozen=True)
class Hostile:
    """What came, where it was cut into pieces, whether it answers a HEAD, and how the connection ended."""

    data: bytes
    cuts: tuple[int, ...]
    head: bool
    ending: ConnectionState


def _head(line: bytes, fields: list[tuple[bytes, bytes, bytes]]) -> bytes:
    return line + b"".join([name + b":" + value + end for name, value, end in fields]) + b"\r\n"


def _changed(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for at, removed, put in changes:
        at %= len(data) + 1
        data = data[:at] + put + data[at + removed :]
    return data


_lines = st.sampled_from([*LINES, *([b"HTTP/1.1 200 OK\r\n"] * 300)])
_fields = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES), st.sampled_from(ENDS)), max_size=4)
_framed = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ]
)
_heads = st.lists(st.one_of(_framed, st.builds(_head, _lines, _fields)), max_size=2).map(b"".join)
_bodies = st.one_of(
    st.lists(st.sampled_from(CHUNKS), max_size=5).map(b"".join),
    st.sampled_from([b"", b"hello", b"hell", b"hello" + REAL[0]]),
    st.binary(max_size=30),
)
_changes = st.lists(
    st.tuples(
        st.integers(0, 400), st.sampled_from([0, 0, 1, 2, 30]), st.sampled_from([b"", b"\r", b"\n", b"\0", b" "])
    ),
    max_size=3,
)
_answers = st.one_of(
    st.builds(lambda head, body: head + body, _heads, _bodies),
    st.builds(_changed, st.sampled_from(REAL), _changes),
    st.binary(max_size=60),
)

hostile = st.builds(
    Hostile,
    _answers,
    st.lists(st.integers(0, 400), max_size=3).map(tuple),
    st.booleans(),
    st.sampled_from(ConnectionState),
)
"""Hostile answers: built by the grammar with near misses, real ones with changes, and noise; cut at random places."""


def variants(given: Hostile, seed: int, count: int) -> Iterator[Hostile]:
    """Return `count` variants of `given`: bytes lost, inserted, changed or repeated, and other cuts."""
    chance = random.Random(seed)
    for _ in range(count):
        data = given.data
        for _ in range(chance.randrange(1, 4)):
            at, to = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
            put = chance.choice(SNIPPETS)
            way = chance.randrange(4)
            if way == 0:
                data = data[:at] + put + data[at:]
            elif way == 1:
                data = data[:at] + put + data[at + len(put) :]
            elif way == 2:
                data = data[:at] + data[at + chance.randrange(1, 4) :]
            else:
                data = data[:to] + data[at:to] + data[to:]
        cuts = tuple(chance.randrange(len(data) + 1) for _ in range(chance.randrange(4)))
        yield Hostile(data[:LONGEST], cuts, chance.random() < 0.2, chance.choice(tuple(ConnectionState)))


def read(pieces: list[bytes], *, head: bool, ending: ConnectionState) -> tuple[Response, bytes]:
    """Return what the reader makes of `pieces`, and what it leaves."""
    parser = ResponseParser(head=head)
    rest = b"".join([parser.feed(piece) for piece in pieces])
    parser.eof(ending)
    return parser.response(), rest


def check_invariants(given: Hostile, *, bytewise: bool = True) -> None:
    """Read it whole, in its pieces and byte by byte, and lint it. Raises AssertionError where one goes wrong."""
    data, head, ending = given.data, given.head, given.ending
    whole, rest = read([data], head=head, ending=ending)
    edges = [0, *sorted(min(cut, len(data)) for cut in given.cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    assert read(pieces, head=head, ending=ending) == (whole, rest)
    if bytewise and len(data) <= 200:
        assert read([data[at : at + 1] for at in range(len(data))], head=head, ending=ending) == (whole, rest)
    _check_response(whole, rest, given)
    method = b"HEAD" if head else b"GET"
    sent = ConnectionEvent(0.0, 1, ConnectionEventKind.SENT, method + b" /echo HTTP/1.1\r\nHost: x\r\n\r\n")
    wire = [sent, *(ConnectionEvent(0.1, 1, ConnectionEventKind.RECEIVED, piece) for piece in pieces)]
    if ending is not ConnectionState.OPEN:
        wire.append(
            ConnectionEvent(
                0.2, 1, ConnectionEventKind.EOF if ending is ConnectionState.EOF else ConnectionEventKind.RESET
            )
        )
    found = lint(wire, (), NOW)
    assert len(found) <= LINT_FINDINGS_LIMIT
    assert all(LintKind(kind_of(each)) and each.isprintable() for each in found)


def _check_response(answer: Response, rest: bytes, given: Hostile) -> None:
    before = b"".join([each.raw for each in answer.interim])
    assert before + answer.raw + rest == given.data or not answer.complete
    assert len(before) + len(answer.raw) + len(rest) <= len(given.data)
    assert len(answer.body) == answer.length <= len(given.data)
    assert len(answer.findings) <= module.PARSE_ISSUES_LIMIT
    assert answer.status is None or 0 <= answer.status <= 999
    assert answer.complete or answer.findings or given.ending is not ConnectionState.EOF or not given.data
    if answer.complete and answer.framing is Framing.LENGTH:
        assert answer.length == answer.expected
    assert answer.framing is not Framing.NONE or not answer.body
    assert answer.describe().isprintable()
    assert isinstance(answer.announces_close, bool)
