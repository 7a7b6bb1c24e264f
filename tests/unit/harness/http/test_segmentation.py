"""However a stream is cut, it is the same stream; and the cuts fall where each way of sending says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.http.segmentation import (
    MAX_SEGMENTS,
    PAUSE_SECONDS,
    SINGLE_BYTES_AT_EDGES,
    SINGLE_BYTES_AT_START,
    Segment,
    Segmentation,
    split_segments,
)

HEAD = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n"
NEXT = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
REQUEST = HEAD + b"ab\r\ncd"

fragments = st.sampled_from(
    [HEAD, NEXT, REQUEST, b"\r\n", b"\r", b"\n", b"GET / HTTP/1.1\r\n", b"Host: a\r\n\r\n", b"0"]
)
streams = st.one_of(st.binary(max_size=4000), st.lists(fragments, max_size=12).map(b"".join))


def cut(data: bytes, segmentation: Segmentation, *, split_bodies: bool = False) -> list[bytes]:
    return [piece.data for piece in split_segments(data, segmentation, split_bodies=split_bodies)]


@given(streams, st.sampled_from(Segmentation), st.booleans())
def test_the_pieces_joined_are_the_data(data: bytes, segmentation: Segmentation, split_bodies: bool) -> None:
    made = cut(data, segmentation, split_bodies=split_bodies)
    assert b"".join(made) == data
    assert all(made) or made == [b""]


@given(streams, st.booleans())
def test_whole_is_one_piece(data: bytes, split_bodies: bool) -> None:
    assert list(split_segments(data, Segmentation.WHOLE, split_bodies=split_bodies)) == [Segment(data)]


@given(st.binary(max_size=300).filter(lambda data: b"\r\n\r\n" not in data), st.sampled_from(Segmentation))
def test_what_is_no_request_is_cut_as_if_it_were_one_head_or_not_at_all(
    data: bytes, segmentation: Segmentation
) -> None:
    made = list(split_segments(data, segmentation))
    assert len(made) <= max(1, len(data))
    assert all(piece.delay in (0, PAUSE_SECONDS) for piece in made)
    assert not made[0].delay


@pytest.mark.parametrize("split_bodies", [False, True])
@pytest.mark.parametrize("behind", [b"", NEXT, b"ab", NEXT * 30])
def test_what_could_be_answered_without_goes_with_the_last_piece(behind: bytes, split_bodies: bool) -> None:
    needed = len(REQUEST) if split_bodies else len(HEAD)
    for segmentation in set(Segmentation) - {Segmentation.WHOLE}:
        *earlier, last = cut(REQUEST + behind, segmentation, split_bodies=split_bodies)
        assert earlier
        assert sum(map(len, earlier)) < needed
        assert last.endswith((REQUEST + behind)[needed:])


def test_byte_by_byte() -> None:
    made = cut(REQUEST, Segmentation.BYTES, split_bodies=True)
    begin, end = HEAD[:SINGLE_BYTES_AT_START], HEAD[-SINGLE_BYTES_AT_EDGES:]
    singles = [bytes([each]) for each in begin], [bytes([each]) for each in end + b"ab\r\ncd"]
    assert made == [*singles[0], HEAD[SINGLE_BYTES_AT_START:-SINGLE_BYTES_AT_EDGES], *singles[1]]


def test_bytes_are_single_where_a_head_and_a_body_begin_and_end() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n"
    made = cut(head + b"." * 9000, Segmentation.BYTES, split_bodies=True)
    assert [len(each) for each in made if len(each) > 1] == [
        len(head) - SINGLE_BYTES_AT_START - SINGLE_BYTES_AT_EDGES,
        9000 - 2 * SINGLE_BYTES_AT_EDGES,
    ]


def test_at_lines_the_cut_is_between_cr_and_lf() -> None:
    made = cut(REQUEST, Segmentation.LINES, split_bodies=True)
    assert made == [
        b"POST /read HTTP/1.1\r",
        b"\nHost: a\r",
        b"\nContent-Length: 6\r",
        b"\n\r",
        b"\nab\r",
        b"\ncd",
    ]


def test_lines_are_cut_up_to_a_limit() -> None:
    fields = b"".join(b"X-%d: a\r\n" % number for number in range(400))
    made = cut(b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n", Segmentation.LINES)
    assert len(made) == MAX_SEGMENTS + 1


def test_a_pause_is_within_the_head_before_the_body_and_within_the_body() -> None:
    made = list(split_segments(REQUEST, Segmentation.PAUSED, split_bodies=True))
    middle = len(HEAD) // 2
    assert [piece.data for piece in made] == [HEAD[:middle], HEAD[middle:], b"ab\r", b"\ncd"]
    assert [piece.delay for piece in made] == [0, PAUSE_SECONDS, PAUSE_SECONDS, PAUSE_SECONDS]
