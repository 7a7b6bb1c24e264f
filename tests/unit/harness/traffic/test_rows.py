"""No two present visits have a row in common, as far as there are as many rows."""

from __future__ import annotations

import itertools

from wsgi_gauntlet.harness.traffic.compiled import CompiledTraffic
from wsgi_gauntlet.harness.traffic.model import FormBody, Sequence, Step, Traffic, ValueList
from wsgi_gauntlet.harness.traffic.rows import Rows
from wsgi_gauntlet.harness.traffic.visit import Visit

USERS = ValueList("users", ("name",), (("anna",), ("bob",), ("cyd",)))
WORDS = ValueList("words", ("word",), (("hat",), ("shirt",)))
LOGIN = Sequence("login", (Step("a", "POST", "/", body=FormBody((("name", "${users.name}"),))),))
FRONT = Sequence("front", (Step("b", "GET", "/"),))
FIND = Sequence("find", (Step("c", "GET", "/${users.name}/${words.word}"),))
TRAFFIC = CompiledTraffic(Traffic((LOGIN, FRONT, FIND), (USERS, WORDS)))


def rows(first: int = 0, stride: int = 1) -> Rows:
    return Rows(TRAFFIC, itertools.count(first, stride))


def test_a_row_of_a_present_visit_is_left_out() -> None:
    used = rows()
    long = used.take(0)
    seen = []
    for _ in range(4):
        short = used.take(0)
        seen.append(short)
        used.release(Visit(TRAFFIC, 0, short))
    assert [long, *seen] == [0, 1, 2, 4, 5]
    assert 0 not in {each % 3 for each in seen}


def test_a_sequence_without_values_takes_no_row() -> None:
    used = rows()
    assert [used.take(1) for _ in range(5)] == [0] * 5
    used.release(Visit(TRAFFIC, 1, 0))
    assert used.take(0) == 0


def test_more_visits_than_rows_share_them_in_order() -> None:
    used = rows()
    assert [used.take(0) for _ in range(7)] == list(range(7))
    assert not used.has_free(0)
    assert used.has_free(1)


def test_a_list_that_is_too_short_does_not_decide_about_the_others() -> None:
    used = rows()
    taken = [used.take(2) for _ in range(3)]
    # Two words for three visits: they are shared. Three users are not.
    assert len({each % 3 for each in taken}) == 3
    assert not used.has_free(2)


def test_a_stride_that_never_meets_a_free_row_ends() -> None:
    used = rows(stride=3)
    assert used.take(0) == 0
    assert used.take(0) % 3 == 0


def test_the_lists_of_a_sequence_are_those_of_all_its_texts() -> None:
    steps = (
        Step("a", "GET", "/", headers=(("X-Name", "${one.a}"), ("Cookie", "n=${two.a}"), ("Host", "${three.a}"))),
        Step("b", "GET", "/", contains=("${four.a}",)),
        Step("c", "GET", "/${captured}"),
    )
    (sequence,) = CompiledTraffic(Traffic((Sequence("s", steps),))).sequences
    assert sequence.lists == {"one", "two", "three", "four"}
