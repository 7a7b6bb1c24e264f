"""The traits of requests."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.fuzz.inputs import inputs
from wsgi_gauntlet.harness.fuzz.traits import SECTIONS, Place, sections, traits

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def texts(data: bytes) -> set[str]:
    return {str(each) for each in traits(data)}


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /a-b/c?d HTTP/1.1\r\nhost: localhost:80\r\nX-A: b c\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_plain_request_has_no_traits(data: bytes) -> None:
    assert texts(data) == set()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", {"before the request line: an empty line"}),
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", {"request line: ends with LF alone"}),
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", {"request line: parts are 'x  x x'"}),
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", {"method: in another case"}),
        (b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", {"method: has a delimiter"}),
        (b"GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", {"target: absolute, no path"}),
        (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", {"target: has a percent sign without two digits"}),
        (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", {"target: has #"}),
        (b"GET / HTTP/1.1a\r\nHost: a\r\n\r\n", {"version: is 'HTTP/9.9a'"}),
        (b"GET / HTTP/1.0\r\n\r\n", {"version: is HTTP/1.0"}),
        (b"GET / HTTP/1.1\r\n\r\n", {"Host: missing"}),
        (HEAD + b"X\x00: a\r\n\r\n", {"field line: NUL before the colon"}),
        (HEAD + b"X-A : b\r\n\r\n", {"field line: SP before the colon"}),
        (HEAD + b"X-A: b\x0b\r\n\r\n", {"field value: has VT or FF at its edge"}),
        (HEAD + b"X-A: b\r\n c\r\n\r\n", {"field line: folded line"}),
        (HEAD + b"X_A: b\r\n\r\n", {"field name: has an underscore"}),
        (HEAD + b"Content-Length: +5\r\n\r\nhello", {"Content-Length: is '+9'", "body: of a length"}),
        (HEAD + b"Content-Length: 05\r\n\r\nhello", {"Content-Length: is '09'", "body: of a length"}),
        (HEAD + b"Content-Length: 5\r\n\r\nhell", {"body: shorter than Content-Length"}),
        (
            HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            {"Content-Length: twice, equal", "body: of a length"},
        ),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", {"body: chunked"}),
        (CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n", {"body: chunked", "chunk size: is '+9'"}),
        (CHUNKED + b"5;a=b\r\nhello\r\n0\r\n\r\n", {"body: chunked", "chunk extension: is ';a=a'"}),
        (CHUNKED + b"5\nhello\r\n0\r\n\r\n", {"body: chunked", "chunk size: ends with LF alone"}),
        (
            CHUNKED + b"5\r\nhello0\r\n\r\n",
            {"body: chunked", "chunk data: is followed by '0<CR><LF>'", "chunk size: is ''"},
        ),
        (CHUNKED + b"0\r\nX-T: a\r\n\r\n", {"body: chunked", "trailer section: has a field"}),
        (CHUNKED + b"0\r\n", {"body: chunked", "trailer section: is cut"}),
        (
            HEAD + b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
            {"body: chunked", "Transfer-Encoding: is '<chunked in another case>'"},
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
            {"after the request: another request"},
        ),
        (b"GET / HTTP/1.1\r\nHo", {"field line: is cut"}),
    ],
)
def test_what_parsers_differ_on_is_a_trait(data: bytes, expected: set[str]) -> None:
    assert texts(data) == expected


@given(st.binary(max_size=300))
def test_no_bytes_make_the_scanner_fail(data: bytes) -> None:
    traits(data)


@given(st.lists(st.sampled_from([b"GET / HTTP/1.1\r\n", b"Host: a\r\n", b"\r\n", b":", b" ", b"5", b"\n", b"\x00"])))
def test_no_arrangement_of_parts_makes_the_scanner_fail(parts: list[bytes]) -> None:
    traits(b"".join(parts))


def test_each_place_has_sections() -> None:
    assert set(SECTIONS) == set(Place)
    assert sections(frozenset())
    for made in islice(inputs(3), 500):
        assert sections(traits(made.data))
