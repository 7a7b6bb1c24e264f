"""Blocks of data are deflated JSON."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.reports.writers.html.blocks import pack, unpack

from .....helpers.hostile_sample import ATTACK


@pytest.mark.parametrize("value", [{}, [1, 2.5, None, True], {"a": {"1": "ä"}}, ATTACK, "x" * 100_000])
def test_a_block_has_its_value(value: object) -> None:
    assert unpack(pack(value)) == value


def test_a_block_is_letters_only() -> None:
    """So that it cannot end the element that has it."""
    assert set(pack(ATTACK)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")


def test_a_number_without_a_value_is_an_error() -> None:
    """A browser cannot read it."""
    with pytest.raises(ValueError, match="JSON"):
        pack({"p99": float("nan")})
