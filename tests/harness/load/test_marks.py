"""Marks: what tells a lane's requests apart."""

from __future__ import annotations

import math

import pytest

from wsgi_gauntlet.harness.load.lanes.marks import FEWER_MARKS, MARKS, NOTHING, ROOM, Marks, Template, marked

MARK = b"0123456789abcdef"
REQUEST = b"GET /page?n=%s HTTP/1.1\r\n\r\n" % MARK
BODY = MARK + b"\nfiller"


def test_requests_differ_in_nothing_but_their_mark() -> None:
    every = marked(REQUEST, BODY, MARK)
    assert len({each.mark for each in every}) == len(every) == MARKS
    assert every[0].request == REQUEST
    assert all(each.request == REQUEST.replace(MARK, each.mark) for each in every)
    assert {len(each.request) for each in every} == {len(REQUEST)}


def test_marks_go_round_and_meet_no_usual_number_of_connections() -> None:
    marks = Marks(REQUEST, BODY, MARK)
    every = [marks.following() for _ in range(MARKS)]
    assert len({each.mark for each in every}) == MARKS
    assert [marks.following() for _ in range(MARKS)] == every
    assert all(
        math.gcd(MARKS, number) == math.gcd(FEWER_MARKS, number) == 1 for number in (1, 2, 8, 64, 100, 512, 2000)
    )


def test_without_a_mark_there_is_one_request() -> None:
    (only,) = marked(REQUEST, BODY, b"")
    assert (only.request, only.mark, only.answer) == (REQUEST, b"", NOTHING)


def test_long_answers_are_fewer() -> None:
    assert len(marked(REQUEST, BODY + bytes(ROOM // MARKS), MARK)) == FEWER_MARKS


def test_two_lanes_have_nothing_but_the_first_mark_in_common() -> None:
    one, two = ({each.mark for each in marked(REQUEST, BODY, MARK)} for _ in range(2))
    assert one & two == {MARK}


@pytest.mark.parametrize(("request_", "body"), [(b"GET / HTTP/1.1", BODY), (REQUEST, b"filler")])
def test_a_mark_that_is_not_in_both_is_refused(request_: bytes, body: bytes) -> None:
    with pytest.raises(ValueError, match="mark"):
        marked(request_, body, MARK)


def test_what_was_learned_of_one_mark_tells_the_answer_to_another() -> None:
    raw = b"HTTP/1.1 200 OK\r\nX-Asked: %s\r\n\r\n" % MARK + BODY
    whole, cut = Template(raw, MARK, whole=True), Template(raw, MARK, whole=False)
    assert whole.to(MARK) == cut.to(MARK) == raw
    assert whole.to(b"f" * 16) == raw.replace(MARK, b"f" * 16)
    assert cut.to(b"f" * 16) is NOTHING
