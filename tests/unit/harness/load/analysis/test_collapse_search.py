"""The search for N*, against servers whose N* is known because they are one line long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.load.analysis.collapse_search import (
    CollapseBounds,
    collapse_bounds,
    find_collapse_threshold,
    next_client_count,
)


async def found(threshold: int, largest: int) -> tuple[CollapseBounds, list[int]]:
    tried: list[int] = []

    async def probe(clients: int) -> bool:
        tried.append(clients)
        return clients >= threshold

    return await find_collapse_threshold(probe, largest), tried


async def test_an_unaffected_server_takes_one_probe() -> None:
    assert await found(1000, 256) == (CollapseBounds(256, None), [256])


async def test_a_server_without_threads_takes_two() -> None:
    assert await found(1, 256) == (CollapseBounds(0, 1), [256, 1])


async def test_waitress_with_its_limit_of_100_connections() -> None:
    result, tried = await found(98, 256)
    assert result == CollapseBounds(97, 98)
    assert tried == [256, 1, 2, 4, 8, 16, 32, 64, 128, 96, 112, 104, 100, 98, 97]


@given(threshold=st.integers(1, 3000), largest=st.integers(1, 2048))
def test_every_threshold_is_found_exactly(threshold: int, largest: int) -> None:
    known: dict[int, bool] = {}
    while (clients := next_client_count(known, largest)) is not None:
        assert clients not in known
        assert 1 <= clients <= largest
        known[clients] = clients >= threshold
        assert len(known) <= 2 * largest.bit_length() + 1
    assert collapse_bounds(known).exact
    assert collapse_bounds(known).at_most == (threshold if threshold <= largest else None)


@given(answers=st.lists(st.booleans(), min_size=40, max_size=40), largest=st.integers(1, 2048))
def test_a_server_that_answers_at_random_ends_the_search_all_the_same(answers: list[bool], largest: int) -> None:
    known: dict[int, bool] = {}
    while (clients := next_client_count(known, largest)) is not None:
        assert clients not in known
        known[clients] = answers[len(known)]
    assert collapse_bounds(known).exact


async def test_a_search_out_of_time_says_what_it_has() -> None:
    left = iter([True] * 10 + [False] * 100)

    async def probe(clients: int) -> bool:
        return clients >= 98

    result = await find_collapse_threshold(probe, 256, has_time=lambda: next(left))
    assert result == CollapseBounds(96, 128)
    assert not result.exact


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, CollapseBounds(0, None)),
        ({256: False}, CollapseBounds(256, None)),
        ({256: True}, CollapseBounds(0, 256)),
        ({4: True, 8: False, 2: False}, CollapseBounds(2, 4)),
    ],
)
def test_the_bracket_of_what_is_known(known: dict[int, bool], expected: CollapseBounds) -> None:
    assert collapse_bounds(known) == expected
