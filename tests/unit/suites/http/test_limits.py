"""The first bytes of an HTTP/2 server, distinguished from everything else."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.http.response import starts_with_h2_settings
from wsgi_gauntlet.suites.http.limits import EMPTY_SETTINGS_FRAME


@pytest.mark.parametrize(
    "received",
    [
        EMPTY_SETTINGS_FRAME,
        bytes.fromhex("00000c0400000000000003000000640002000000 00"),
        EMPTY_SETTINGS_FRAME + EMPTY_SETTINGS_FRAME,
    ],
)
def test_a_settings_frame_is_an_http2_response(received: bytes) -> None:
    assert starts_with_h2_settings(received)


@pytest.mark.parametrize(
    "received",
    [
        b"",
        EMPTY_SETTINGS_FRAME[:8],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        bytes.fromhex("000000000000000000"),
        bytes.fromhex("000000040100000000"),
        bytes.fromhex("000000040000000001"),
    ],
)
def test_nothing_else_is_an_http2_response(received: bytes) -> None:
    assert not starts_with_h2_settings(received)
