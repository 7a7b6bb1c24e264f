"""The sizes and counts that the cases walk through, and the pattern of their bytes."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.suites.sizes import BODY_SIZES, COUNTS, HEADER_SIZES, LINE_SIZES
from wsgi_gauntlet.suites.testapp.core.pattern import PERIOD_BYTES, letters, pattern


@pytest.mark.parametrize("power", range(7, 20))
def test_each_power_of_two_is_there_with_the_numbers_next_to_it(power: int) -> None:
    assert {(1 << power) - 1, 1 << power, (1 << power) + 1} <= set(BODY_SIZES)


@pytest.mark.parametrize("sizes", [BODY_SIZES, HEADER_SIZES, LINE_SIZES, COUNTS])
def test_sizes_ascend(sizes: tuple[int, ...]) -> None:
    assert list(sizes) == sorted(set(sizes))


@pytest.mark.parametrize("size", [0, 1, 4096, PERIOD_BYTES - 1, PERIOD_BYTES, PERIOD_BYTES + 1, 3 * PERIOD_BYTES])
def test_the_pattern_has_the_size(size: int) -> None:
    assert len(pattern(size, 5)) == size


def test_a_part_of_the_pattern_depends_on_its_offset_alone() -> None:
    whole = pattern(2 * PERIOD_BYTES)
    for offset in (0, 1, 65536, PERIOD_BYTES - 10, PERIOD_BYTES + 3):
        assert pattern(1000, offset) == whole[offset : offset + 1000]
    assert pattern(1000, 4096) != pattern(1000, 8192)


def test_letters_need_no_encoding() -> None:
    assert letters(5000).isalnum()
    assert letters(5000).isascii()
