"""Shrinking."""

from __future__ import annotations

from itertools import islice

import pytest
import trio

from wsgi_gauntlet.harness.fuzz.inputs import inputs
from wsgi_gauntlet.harness.fuzz.shrink import shrink
from wsgi_gauntlet.harness.fuzz.traits import traits

LONG = (
    b"POST /read?to=end HTTP/1.1\r\nHost: example.org\r\nX-A: something long\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"+5;a=b\r\nhello\r\n0\r\n\r\n"
)


def shrunk(data: bytes, needle: bytes, most: int = 1000) -> tuple[bytes, int]:
    """Shrink `data` while it contains `needle`; return the result and the number of tests."""
    tested = []

    async def test(candidate: bytes) -> bool:
        tested.append(candidate)
        return needle in candidate

    return trio.run(shrink, data, test, most), len(tested)


def test_only_what_the_test_needs_is_left() -> None:
    small, _ = shrunk(LONG, b"\r\n+")
    assert len(small) < 90
    assert b"\r\n+" in small
    assert traits(small) < traits(LONG)
    assert b";" not in small


def test_the_number_of_tests_is_bounded() -> None:
    assert shrunk(LONG, b"\r\n+", 7)[1] == 7


@pytest.mark.slow
def test_no_trait_is_new_and_the_result_is_the_same_each_time() -> None:
    for made in islice(inputs(5), 100):
        needle = made.data[-3:]
        small, _ = shrunk(made.data, needle, 30)
        assert traits(small) <= traits(made.data)
        assert (len(traits(small)), len(small)) <= (len(traits(made.data)), len(made.data))
        assert shrunk(made.data, needle, 30)[0] == small


def test_the_app_still_reads_the_whole_body() -> None:
    small, _ = shrunk(LONG, b"/read")
    assert b"/read?to=end " in small
