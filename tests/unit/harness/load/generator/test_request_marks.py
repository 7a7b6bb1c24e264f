"""Marks distinguish the requests of a loop."""

from __future__ import annotations

import math

import pytest

from wsgi_gauntlet.harness.load.generator.request_marks import (
    MARK_COUNT,
    MARK_COUNT_LONG_BODIES,
    MAX_TEMPLATE_BYTES,
    MarkedRequests,
    Template,
    make_marked_requests,
)
from wsgi_gauntlet.harness.load.generator.request_source import NO_MATCH

MARK = b"0123456789abcdef"
REQUEST = b"GET /page?n=%s HTTP/1.1\r\n\r\n" % MARK
BODY = MARK + b"\nfiller"


def test_requests_differ_in_nothing_but_their_mark() -> None:
    every = make_marked_requests(REQUEST, BODY, MARK)
    assert len({each.mark for each in every}) == len(every) == MARK_COUNT
    assert every[0].request == REQUEST
    assert all(each.request == REQUEST.replace(MARK, each.mark) for each in every)
    assert {len(each.request) for each in every} == {len(REQUEST)}


def test_marks_go_round_and_meet_no_usual_number_of_connections() -> None:
    marks = MarkedRequests(REQUEST, BODY, MARK)
    every = [next(marks.requests) for _ in range(MARK_COUNT)]
    assert len({each.mark for each in every}) == MARK_COUNT
    assert [next(marks.requests) for _ in range(MARK_COUNT)] == every
    assert all(
        math.gcd(MARK_COUNT, number) == math.gcd(MARK_COUNT_LONG_BODIES, number) == 1
        for number in (1, 2, 8, 64, 100, 512, 2000)
    )


def test_without_a_mark_there_is_one_request() -> None:
    (only,) = make_marked_requests(REQUEST, BODY, b"")
    assert (only.request, only.mark, only.response) == (REQUEST, b"", NO_MATCH)


def test_long_answers_are_fewer() -> None:
    assert (
        len(make_marked_requests(REQUEST, BODY + bytes(MAX_TEMPLATE_BYTES // MARK_COUNT), MARK))
        == MARK_COUNT_LONG_BODIES
    )


def test_two_loops_have_nothing_but_the_first_mark_in_common() -> None:
    one, two = ({each.mark for each in make_marked_requests(REQUEST, BODY, MARK)} for _ in range(2))
    assert one & two == {MARK}


@pytest.mark.parametrize(("request_", "body"), [(b"GET / HTTP/1.1", BODY), (REQUEST, b"filler")])
def test_a_mark_that_is_not_in_both_is_refused(request_: bytes, body: bytes) -> None:
    with pytest.raises(ValueError, match="mark"):
        make_marked_requests(request_, body, MARK)


def test_what_was_learned_of_one_mark_tells_the_answer_to_another() -> None:
    raw = b"HTTP/1.1 200 OK\r\nX-Asked: %s\r\n\r\n" % MARK + BODY
    substitutable, cut = Template(raw, MARK, substitutable=True), Template(raw, MARK, substitutable=False)
    assert substitutable.with_mark(MARK) == cut.with_mark(MARK) == raw
    assert substitutable.with_mark(b"f" * 16) == raw.replace(MARK, b"f" * 16)
    assert cut.with_mark(b"f" * 16) is NO_MATCH
