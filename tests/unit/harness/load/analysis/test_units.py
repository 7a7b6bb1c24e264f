"""Figures as text."""

import pytest

from wsgi_gauntlet.harness.load.analysis.units import (
    format_bytes,
    format_rate,
    format_seconds,
    format_share,
    format_times,
)


def test_seconds() -> None:
    assert [format_seconds(value) for value in (0.0012, 0.0449, 0.95, 5.04)] == ["1.2 ms", "45 ms", "950 ms", "5.0 s"]


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (1.0, "100 %"),
        (4777 / 4799, "99.54 %"),
        (0.999999, "99.999 %"),
        (0.99, "99 %"),
        (0.9899, "98.9 %"),
        (0.949999, "94.9 %"),
        (0.29, "29 %"),
        (0.28999, "28 %"),
        (0.0099, "0.9 %"),
        (0.0009, "< 0.1 %"),
        (0.0, "0 %"),
    ],
)
def test_a_share_is_cut_and_never_rounded_up(share: float, written: str) -> None:
    """It said "100 % of 4799 requests answered" where 22 had no answer."""
    assert format_share(share) == written


@pytest.mark.parametrize(("rate", "words"), [(1733.4, "1,733/s"), (31.42, "31.4/s"), (2.0, "2/s")])
def test_rates_as_a_person_reads_them(rate: float, words: str) -> None:
    assert format_rate(rate) == words


def test_bytes_and_counts() -> None:
    assert [format_bytes(each) for each in (512, 31_000, 2.6e6, 2e9)] == ["512 bytes", "31 KB", "2.6 MB", "2.0 GB"]
    assert [format_times(each) for each in (1, 3)] == ["once", "3 times"]
