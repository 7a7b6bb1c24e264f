"""What a server of HTTP/2 says first, told from everything else."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.answer import speaks_h2
from wsgi_gauntlet.suites.http.limits import SETTINGS


@pytest.mark.parametrize(
    "answer", [SETTINGS, bytes.fromhex("00000c0400000000000003000000640002000000 00"), SETTINGS + SETTINGS]
)
def test_a_settings_frame_is_an_answer_in_http2(answer: bytes) -> None:
    assert speaks_h2(answer)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        SETTINGS[:8],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        bytes.fromhex("000000000000000000"),
        bytes.fromhex("000000040100000000"),
        bytes.fromhex("000000040000000001"),
    ],
)
def test_nothing_else_is(answer: bytes) -> None:
    assert not speaks_h2(answer)
